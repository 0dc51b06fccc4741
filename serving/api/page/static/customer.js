// One customer: the form, the probability that the server replies, and the waterfall.

import { Failure, post } from "./api.js";
import { byId, debounced } from "./dom.js";
import { Form } from "./form.js";
import { money, percent } from "./words.js";
import { showWaterfall } from "./waterfall.js";
import { WhatIf } from "./whatif.js";

const PAUSE = 150; // milliseconds without typing, after which the server is asked
const EXACT = 1e-9;

export class Customer {
  /** `onversion` is called when the server serves another version than `model`. `values`: what the
   * form shows at first, without them the example. */
  constructor(model, scorecard, onversion, values = model.example) {
    this.model = model;
    this.scorecard = scorecard;
    this.onversion = onversion;
    this.request = null;
    this.form = new Form(model.fields, values, debounced(() => this.update(), PAUSE));
    this.whatIf = new WhatIf(model, scorecard, (name, given) => {
      this.form.set(name, given);
      this.form.focus(name);
      this.update();
    });
    byId("example").onclick = () => {
      this.form.fill(model.example);
      this.update();
    };
  }

  /** What is in the form now. */
  values() {
    return JSON.parse(this.form.json());
  }

  /** Ask the server for the probability of the customer in the form, and show it. */
  async update() {
    this.request?.abort();
    const request = (this.request = new AbortController());
    const body = this.form.json();
    byId("results").setAttribute("aria-busy", "true");
    try {
      const reply = await post("page/customer", body, "application/json", request.signal);
      this.#show(JSON.parse(body), reply);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Failure)) throw error;
      this.#explain(error);
    } finally {
      if (this.request === request) byId("results").setAttribute("aria-busy", "false");
    }
  }

  #show(customer, { content, version, date }) {
    this.scorecard.today = date;
    const probability = content.churn_probability;
    const own = this.scorecard.probability(this.scorecard.inputs(customer));
    if (version !== (this.model.version ?? "") || Math.abs(own - probability) > EXACT) {
      this.onversion();
      return;
    }
    this.form.showErrors({});
    byId("problem").textContent = "";
    byId("results").classList.remove("outdated");
    byId("probability").value = probability;
    byId("probability").textContent = percent(probability);
    byId("decision").textContent = this.#decision(content);
    showWaterfall(this.scorecard, this.model.fields, customer, probability);
    this.whatIf.show(customer);
  }

  #decision({ churn_prediction: predicted, expected_profit: profit }) {
    const known = profit !== undefined && profit !== null;
    const limit = percent(this.scorecard.threshold);
    const worth = known ? `Expected profit of a contact: ${money(profit)}.` : "";
    if (known && this.scorecard.campaign.decide_by === "profit") {
      return `${predicted ? "Worth contacting." : "Not worth contacting."} ${worth}`;
    }
    return `${predicted ? `At risk: the limit is ${limit}.` : `Below the limit of ${limit}.`} ${worth}`;
  }

  #explain(error) {
    const errors = Object.fromEntries(error.errors.map((each) => [each.loc[2], each.msg]));
    this.form.showErrors(errors);
    const known = error.errors.length > 0 && error.errors.every((each) => each.loc[2]);
    byId("problem").textContent = known
      ? "The result is of the last valid customer. Correct the marked fields."
      : error.message;
    byId("results").classList.add("outdated");
  }
}
