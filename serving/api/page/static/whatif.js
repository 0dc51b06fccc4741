// What if: the probability over the values of one field, and the smallest changes that help.

import { limitOf, smallestChanges } from "./changes.js";
import { curveSteps, drawCurve, valuesWith } from "./curve.js";
import { byId, element } from "./dom.js";
import { dateOfAge } from "./scorecard.js";
import { label, number, percent, value } from "./words.js";

let resizes = null; // of the curve; a new version makes a new WhatIf

export class WhatIf {
  /** `onchange(name, value)` puts a value into the form. */
  constructor(model, scorecard, onchange) {
    this.model = model;
    this.scorecard = scorecard;
    this.onchange = onchange;
    this.fields = model.fields.filter((field) => Object.hasOwn(scorecard.byName, field.name));
    this.select = byId("whatif-field");
    this.#offer();
    this.select.onchange = () => this.#showField();
    this.slider = byId("whatif-value");
    this.slider.oninput = () => this.#tryOut();
    byId("whatif-use").onclick = () => this.#use(this.field, this.#chosen());
    resizes?.disconnect();
    resizes = new ResizeObserver(() => this.#draw());
    resizes.observe(byId("whatif-curve"));
  }

  /** Show what if for this customer. */
  show(customer) {
    this.customer = customer;
    this.inputs = this.scorecard.inputs(customer);
    this.probability = this.scorecard.probability(this.inputs);
    this.limit = limitOf(this.scorecard, customer);
    this.#showChanges();
    this.#showField();
  }

  #offer() {
    const before = this.select.value;
    const options = this.fields.map((field) => element("option", { value: field.name }, label(field)));
    this.select.replaceChildren(...options);
    const first = this.fields.find((field) => field.actionable) ?? this.fields[0];
    this.select.value = Object.hasOwn(this.scorecard.byName, before) ? before : first.name;
  }

  #use(field, given) {
    const isDate = field.kind === "date";
    this.onchange(field.name, isDate ? dateOfAge(given, this.scorecard.today) : given);
  }

  #inWords(field, given) {
    if (field.kind === "date") return dateOfAge(given, this.scorecard.today);
    return value(field, given);
  }

  // --- the smallest changes ---

  #showChanges() {
    const hasActionable = this.fields.some((field) => field.actionable);
    byId("changes").hidden = !hasActionable;
    if (!hasActionable) return;
    const changes = smallestChanges(this.model, this.scorecard, this.inputs, this.limit);
    const isBelow = this.probability < this.limit;
    byId("changes-note").textContent = this.#changesInWords(changes, isBelow);
    byId("changes-list").replaceChildren(
      ...(isBelow ? [] : changes.map((change) => this.#suggestion(change))),
    );
  }

  #changesInWords(changes, isBelow) {
    const limit = percent(this.limit);
    if (isBelow) return `This customer is below the limit${this.limit <= 1 ? ` of ${limit}` : ""} already.`;
    if (changes.some((change) => change.enough)) {
      return `A change with a tick brings the customer below the limit of ${limit} by itself.`;
    }
    if (changes.length === 0) return "None of the facts that you can change lowers the risk.";
    const all = { ...this.inputs };
    for (const { field, value: given } of changes) {
      all[field.name] = field.kind === "category" ? field.levels.indexOf(given) : Number(given);
    }
    const together = percent(this.scorecard.probability(all));
    return `No single change brings the customer below the limit of ${limit}. All of these together: ${together}.`;
  }

  #suggestion({ field, value: given, probability, enough }) {
    const now = field.kind === "date" ? this.inputs[field.name] : this.customer[field.name];
    const use = element("button", { type: "button" }, "Try it");
    use.setAttribute("aria-label", `Try it: ${label(field)} ${this.#inWords(field, given)}`);
    use.addEventListener("click", () => this.#use(field, given));
    return element(
      "li",
      { class: enough ? "enough" : "" },
      element("span", { class: "tick" }, enough ? "✓" : ""),
      element(
        "span",
        { class: "change" },
        element("b", {}, label(field)),
        ` from ${this.#inWords(field, now)} to `,
        element("b", {}, this.#inWords(field, given)),
        `: ${percent(probability)}`,
        enough ? "" : element("span", { class: "soft" }, " (not enough alone)"),
      ),
      use,
    );
  }

  // --- one field ---

  #showField() {
    if (!this.customer) return;
    this.field = this.fields.find((field) => field.name === this.select.value);
    const isNumerical = Boolean(this.field.range);
    byId("whatif-curve").hidden = byId("whatif-try").hidden = !isNumerical;
    byId("whatif-levels").hidden = isNumerical;
    if (isNumerical) this.#showCurve();
    else this.#showLevels();
  }

  #showCurve() {
    const { field } = this;
    const [low, high] = field.range.shown;
    this.steps = curveSteps(this.scorecard, this.inputs, field);
    const input = this.inputs[field.name];
    const step = field.kind === "number" ? niceStep(high - low) : 1;
    const round = (multiple) => Number((multiple * step).toPrecision(12));
    Object.assign(this.slider, {
      min: round(Math.ceil(low / step)),
      max: round(Math.floor(high / step)),
      step,
    });
    this.slider.value = input ?? low;
    this.tried = null;
    byId("whatif-note").textContent = this.#curveInWords();
    this.#describeTried();
    this.#draw();
  }

  #curveInWords() {
    const { field, steps } = this;
    const probabilities = steps.map((step) => step.probability);
    const [lowest, highest] = [Math.min(...probabilities), Math.max(...probabilities)];
    const of = (probability) => `(${percent(probability)}) ${this.#rangeInWords(valuesWith(steps, probability))}`;
    const sparse = field.range.sparse?.length
      ? ` Shaded: fewer than ${this.model.few_rows} customers with similar values in the training data, so the curve is uncertain.`
      : "";
    const unit = field.kind === "date" ? " The axis counts days back from today." : "";
    const extremes =
      lowest === highest ? `is ${percent(lowest)} for all values` : `is lowest ${of(lowest)}, and highest ${of(highest)}`;
    return `Everything else as in the form, the probability ${extremes}.${unit}${sparse}`;
  }

  /** `from 5 to 7`, of the values from `first` up to the one before `after`; null for no end. */
  #rangeInWords([first, after]) {
    const { field } = this;
    const isWhole = field.kind !== "number";
    const start = first === null ? null : this.#inWords(field, isWhole ? Math.ceil(first) : first);
    const end = after === null ? null : this.#inWords(field, isWhole ? Math.ceil(after) - 1 : after);
    const [from, to] = field.kind === "date" ? [end, start] : [start, end]; // older is earlier
    if (from === to) return `at ${from}`;
    if (from === null) return `up to ${to}`;
    return to === null ? `from ${from} on` : `from ${from} to ${to}`;
  }

  #draw() {
    const place = byId("whatif-curve");
    if (!this.field?.range || place.hidden || place.clientWidth === 0) return;
    const input = this.inputs[this.field.name];
    const now = input === null ? null : { value: input, probability: this.probability };
    const options = { width: place.clientWidth, now, limit: this.limit, tried: this.tried };
    place.replaceChildren(drawCurve(this.field, this.steps, options));
  }

  #tryOut() {
    this.tried = Number(this.slider.value);
    this.#describeTried();
    this.#draw();
  }

  /** The value at the slider, or at first the customer's own. */
  #chosen() {
    return this.tried ?? this.inputs[this.field.name] ?? Number(this.slider.value);
  }

  #describeTried() {
    const given = this.#chosen();
    const probability = this.scorecard.probability({ ...this.inputs, [this.field.name]: given });
    const words = `${this.#inWords(this.field, given)}: ${percent(probability)}`;
    byId("whatif-tried").textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
  }

  #showLevels() {
    const { field } = this;
    const given =
      field.kind === "boolean"
        ? [true, false].map((each) => [each, Number(each)])
        : field.levels.map((level, i) => [level, i]);
    const rows = given.map(([level, input], i) => ({
      level,
      isNow: this.inputs[field.name] === input,
      isSparse: field.level_rows ? field.level_rows[i] < this.model.few_rows : false,
      probability: this.scorecard.probability({ ...this.inputs, [field.name]: input }),
    }));
    const highest = Math.max(...rows.map((row) => row.probability));
    byId("whatif-rows").replaceChildren(...rows.map((row) => levelRow(field, row, highest)));
    const few = rows.some((row) => row.isSparse)
      ? ` "Few customers": fewer than ${this.model.few_rows} in the training data, so the probability is uncertain.`
      : "";
    byId("whatif-note").textContent = `Everything else as in the form.${few}`;
  }
}

function levelRow(field, { level, isNow, isSparse, probability }, highest) {
  const filled = element("span", { class: `bar level${isNow ? " now" : ""}` });
  filled.style.width = `${(probability / highest) * 100}%`;
  const notes = [isNow ? "now" : "", isSparse ? "few customers" : ""].filter(Boolean).join(", ");
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, value(field, level), notes ? element("span", { class: "given" }, notes) : ""),
    element("td", { class: "track" }, filled),
    element("td", { class: "points" }, element("data", { value: probability }, percent(probability))),
  );
}

/** A round step that divides a range into some hundred values. */
function niceStep(range) {
  return 10 ** Math.floor(Math.log10(range / 100));
}
