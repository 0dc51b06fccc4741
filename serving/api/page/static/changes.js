// The smallest changes of actionable fields that bring a customer below the limit.

/** The probability from which this customer is worth acting on. */
export function limitOf(scorecard, customer) {
  const campaign = scorecard.campaign;
  const revenue = campaign && customer[campaign.revenue];
  if (campaign?.decide_by !== "profit" || typeof revenue !== "number") return scorecard.threshold;
  const { offer_cost: cost, contact_cost: contact, success, horizon, margin } = campaign;
  const gain = success * (revenue * horizon * margin - cost) + cost;
  return gain > 0 ? (cost + contact) / gain : Infinity;
}

/** The values of a field to try, each with the size of the change, relative to the usual values. */
function candidates(scorecard, field, now) {
  if (field.kind === "boolean") return [!now].map((value) => ({ value, size: 1 }));
  if (field.kind === "category") {
    return field.levels.filter((level) => level !== now).map((value) => ({ value, size: 1 }));
  }
  if (!field.range || now === null) return [];
  const [low, high] = field.range.typical;
  return nearest(scorecard.cuts(field.name), now, field.kind)
    .filter((value) => value >= low && value <= high && isWithin(value, field.bounds))
    .map((value) => ({ value, size: Math.abs(value - now) / (high - low || 1) }));
}

const isWithin = (value, [least, most]) =>
  (least === null || value >= least) && (most === null || value <= most);

/** For each bin of a numerical field, the plain number in it that is nearest to `now`. */
function nearest(cuts, now, kind) {
  const unit = kind === "number" ? 100 : 1;
  return cuts.map((cut) =>
    cut > now ? Math.ceil(cut * unit) / unit : (Math.ceil(cut * unit) - 1) / unit,
  );
}

const byHelp = (a, b) => a.probability - b.probability || a.size - b.size;
const bySize = (a, b) => a.size - b.size || a.probability - b.probability;

/** The smallest change of each actionable field, while all other fields stay as they are.
 *
 * Each has the `field`, the `value`, the `probability` with it, and whether that is `enough`. Where
 * no value is enough, it is the one with the lowest probability. Fields that cannot lower the
 * probability are left out. Those that are enough come first, the smallest change before others;
 * then the rest, the lowest probability before others.
 */
export function smallestChanges(model, scorecard, inputs, limit) {
  const now = scorecard.probability(inputs);
  const found = model.fields
    .filter((field) => field.actionable && Object.hasOwn(inputs, field.name))
    .map((field) => smallestChange(scorecard, field, inputs, limit))
    .filter((change) => change !== null && change.probability < now);
  return found.sort((a, b) => b.enough - a.enough || (a.enough ? bySize : byHelp)(a, b));
}

function smallestChange(scorecard, field, inputs, limit) {
  const given = plainValue(field, inputs[field.name]);
  const tried = candidates(scorecard, field, given).map(({ value, size }) => {
    const input = field.kind === "category" ? field.levels.indexOf(value) : Number(value);
    const probability = scorecard.probability({ ...inputs, [field.name]: input });
    return { field, value, size, probability, enough: probability < limit };
  });
  const enough = tried.filter((each) => each.enough);
  return (enough.length ? enough.sort(bySize) : tried.sort(byHelp))[0] ?? null;
}

/** A value of the tables as the form has it; the age of a date stays an age. */
function plainValue(field, input) {
  if (input === null) return null;
  if (field.kind === "category") return field.levels[input] ?? null;
  return field.kind === "boolean" ? input === 1 : input;
}
