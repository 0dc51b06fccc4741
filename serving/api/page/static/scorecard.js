// The model in the browser: the same tables, bins and sums as on the server, to explain a score and
// to draw curves. A probability that is shown as a customer's comes from the server.

const DAY = 86_400_000;

export const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** How many of the ascending `cuts` are at or below `value`. */
function cutsUpTo(cuts, value) {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cuts[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The days from a date such as 2026-01-31 to the day (UTC) of `today`, and back. */
export const age = (date, today) =>
  Math.floor(today.getTime() / DAY) - Math.round(Date.parse(`${date}T00:00:00Z`) / DAY);

export const dateOfAge = (days, today) =>
  new Date((Math.floor(today.getTime() / DAY) - days) * DAY).toISOString().slice(0, 10);

export class Scorecard {
  constructor(model) {
    const { intercept, threshold, features, terms, campaign } = model.scorecard;
    Object.assign(this, { intercept, threshold, features, terms, campaign });
    this.kinds = Object.fromEntries(model.fields.map((field) => [field.name, field.kind]));
    this.byName = Object.fromEntries(features.map((feature) => [feature.name, feature]));
    this.today = new Date();
  }

  /** A value as the tables take it: numbers as they are, dates as ages, levels as positions. */
  input(name, value) {
    if (value === null || value === undefined) return null;
    const kind = this.kinds[name];
    if (kind === "date") return age(value, this.today);
    if (kind !== "category") return Number(value);
    const { categories } = this.byName[name];
    const position = categories.indexOf(value);
    return position < 0 ? categories.length : position;
  }

  inputs(customer) {
    return Object.fromEntries(
      this.features.map(({ name }) => [name, this.input(name, customer[name])]),
    );
  }

  #bin(name, cuts, input) {
    if (input === null) return 0;
    return 1 + (this.byName[name].kind === "category" ? input : cutsUpTo(cuts, input));
  }

  #score(term, inputs) {
    const bins = term.features.map((name, i) => this.#bin(name, term.cuts[i], inputs[name]));
    if (bins.length === 1) return term.scores[bins[0]];
    const second = this.byName[term.features[1]];
    const width =
      second.kind === "category" ? second.categories.length + 2 : term.cuts[1].length + 3;
    return term.scores[bins[0] * width + bins[1]];
  }

  /** The effect of each feature on the log-odds; a pair's is split evenly between its two. */
  effects(inputs) {
    const result = Object.fromEntries(this.features.map(({ name }) => [name, 0]));
    for (const term of this.terms) {
      const share = this.#score(term, inputs) / term.features.length;
      for (const name of term.features) result[name] += share;
    }
    return result;
  }

  /** The probability of churn (0..1). */
  probability(inputs) {
    let total = this.intercept;
    for (const term of this.terms) total += this.#score(term, inputs);
    return sigmoid(total);
  }

  /** All cuts of a numerical feature, ascending. The probability changes nowhere else. */
  cuts(name) {
    const all = this.terms.flatMap((term) =>
      term.features.flatMap((feature, i) => (feature === name ? term.cuts[i] : [])),
    );
    return [...new Set(all)].sort((a, b) => a - b);
  }

  /** The steps from the average customer to this one, the largest effect first.
   *
   * Each step has the feature's `name`, and the probabilities before and after it. The last
   * one's `after` is the customer's probability.
   */
  steps(inputs) {
    const effects = Object.entries(this.effects(inputs));
    effects.sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
    let total = this.intercept;
    return effects.map(([name, effect]) => {
      const before = sigmoid(total);
      total += effect;
      return { name, before, after: sigmoid(total) };
    });
  }
}
