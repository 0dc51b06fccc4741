// A file of customers: scored, sorted, with reasons in words. Nothing is stored.

import { Failure, post } from "./api.js";
import { NotCsv, decode, parse, withoutFormula, write } from "./csv.js";
import { byId, element } from "./dom.js";
import { count, label, money, percent, sentence, value } from "./words.js";

const SHOWN = 50; // customers at first, and more with each click
const CHUNK = 2000; // customers per request
const LINE = Symbol("line of the file"); // an identifier may have any name
const UNEVEN = "has more or fewer cells than the header";

export class Customers {
  constructor(model) {
    this.model = model;
    this.fields = Object.fromEntries(model.fields.map((field) => [field.name, field]));
    this.identifiers = model.fields.filter((field) => field.kind === "identifier");
    this.run = 0;
    this.#listen();
    byId("sort-profit").hidden = byId("sort-profit").disabled = !model.scorecard.campaign;
    byId("scored").hidden = true;
    this.#say("");
  }

  #listen() {
    const zone = byId("drop");
    const input = byId("file");
    zone.ondragover = (event) => {
      event.preventDefault();
      zone.classList.add("over");
    };
    zone.ondragleave = () => zone.classList.remove("over");
    zone.ondrop = (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.#read(event.dataTransfer.files[0]);
    };
    input.onchange = () => {
      this.#read(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    };
    byId("sort").onchange = () => this.#show();
    byId("show-more").onclick = () => {
      this.shown += SHOWN;
      this.#fill();
    };
    byId("download").onclick = () => this.#download();
  }

  async #read(file) {
    if (!file) return;
    const run = ++this.run; // a later file ends the work on this one
    byId("scored").hidden = true;
    byId("file-problem").textContent = "";
    try {
      this.#say(`Reading ${file.name} ...`);
      const { header, rows } = parse(decode(await file.arrayBuffer()));
      this.name = file.name;
      await this.#score(run, header, rows);
    } catch (error) {
      if (run !== this.run) return;
      this.#say("");
      if (!(error instanceof NotCsv || error instanceof Failure)) throw error;
      byId("file-problem").textContent = `${file.name}: ${error.message}`;
    }
  }

  async #score(run, header, rows) {
    if (rows.length === 0) throw new NotCsv("The file has a header, but no customers.");
    const even = rows.filter(({ cells }) => cells.length === header.length);
    const uneven = rows.filter(({ cells }) => cells.length !== header.length);
    const used = header.flatMap((name, i) => (Object.hasOwn(this.fields, name) ? [i] : []));
    if (used.length === 0) {
      throw new NotCsv(`No column has the name of a field. The fields are ${Object.keys(this.fields).join(", ")}.`);
    }
    const pick = (cells) => used.map((i) => cells[i]);
    this.results = uneven.map(({ line }) => ({ [LINE]: line, error: UNEVEN }));
    let version = null;
    for (const chunk of this.#chunks(even, pick)) {
      this.#say(`Scoring ${count(this.results.length, "customer")} of ${count(rows.length, "customer")} ...`);
      const body = write([pick(header), ...chunk.map(({ cells }) => pick(cells))]);
      const reply = await post("page/table", body, "text/csv");
      if (run !== this.run) return;
      version ??= reply.version;
      if (version !== reply.version) {
        throw new Failure("The model was replaced in the meantime. Choose the file again.");
      }
      this.results.push(
        ...reply.content.predictions.map((each, i) => ({ ...each, [LINE]: chunk[i].line })),
      );
    }
    this.#show();
  }

  /** The rows in parts that fit into one request. */
  *#chunks(rows, pick) {
    const most = Math.min(CHUNK, this.model.max_rows);
    let chunk = [];
    let characters = 0;
    for (const row of rows) {
      const length = pick(row.cells).join("").length * 4;
      if (chunk.length === most || (chunk.length && characters + length > this.model.max_body / 4)) {
        yield chunk;
        chunk = [];
        characters = 0;
      }
      chunk.push(row);
      characters += length;
    }
    if (chunk.length) yield chunk;
  }

  #say(text) {
    byId("file-status").textContent = text;
  }

  #show() {
    const scored = this.results.filter((each) => !each.error);
    this.rejected = this.results.filter((each) => each.error).sort(ORDERS.file);
    this.sorted = scored.sort(ORDERS[byId("sort").value]);
    this.shown = SHOWN;
    const atRisk = scored.filter((each) => each.churn_prediction === 1).length;
    this.#say(
      `${this.name}: ${count(scored.length, "customer")} scored, ${count(atRisk, "customer")} at risk, ` +
        `${count(this.rejected.length, "row")} rejected.`,
    );
    this.#fill();
    byId("rejected-part").hidden = this.rejected.length === 0;
    byId("rejected").replaceChildren(...this.rejected.slice(0, 1000).map((each) => this.#rejectedRow(each)));
    byId("rejected-more").textContent =
      this.rejected.length > 1000 ? "These are the first 1,000. The download has all of them." : "";
    byId("scored").hidden = false;
  }

  #fill() {
    const hasProfit = Boolean(this.model.scorecard.campaign);
    const names = [...this.identifiers.map(label), "Probability", ...(hasProfit ? ["Expected profit"] : []), "What raises the risk"];
    byId("scored-head").replaceChildren(
      element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))),
    );
    byId("scored-rows").replaceChildren(
      ...this.sorted.slice(0, this.shown).map((each) => this.#scoredRow(each, hasProfit)),
    );
    byId("show-more").hidden = this.sorted.length <= this.shown;
  }

  #scoredRow(each, hasProfit) {
    const atRisk = each.churn_prediction === 1;
    const profit = each.expected_profit;
    return element(
      "tr",
      { class: atRisk ? "at-risk" : "" },
      ...this.identifiers.map(({ name }) => element("td", {}, each[name])),
      element(
        "td",
        { class: "number" },
        element("data", { value: each.churn_probability }, percent(each.churn_probability)),
        atRisk ? element("span", { class: "flag" }, "at risk") : "",
      ),
      ...(hasProfit ? [element("td", { class: "number" }, profit === null ? "not known" : money(profit))] : []),
      element("td", { class: "reasons" }, this.#reasons(each)),
    );
  }

  #rejectedRow({ error, ...rest }) {
    const who = this.identifiers.map(({ name }) => rest[name] ?? "").join(" ");
    return element(
      "tr",
      {},
      element("td", { class: "number" }, String(rest[LINE])),
      element("td", {}, who),
      element("td", {}, sentence(this.#inWords(error))),
    );
  }

  /** `age: must be at least 0` -> `Age must be at least 0`. */
  #inWords(error) {
    const parts = error.split("; ").map((part) => {
      const field = this.model.fields.find(({ name }) => part.startsWith(`${name}: `));
      return field ? `${label(field)} ${part.slice(field.name.length + 2)}` : part;
    });
    return parts.join("; ");
  }

  /** `Tenure 1 (strongly), Contract Month-to-Month (slightly)`. */
  #reasons({ reasons }) {
    if (!reasons.length) return "Nothing in particular";
    return reasons
      .map(({ feature, value: given, effect }) => {
        const field = this.fields[feature];
        return `${label(field)} ${value(field, given)} (${strength(effect)})`;
      })
      .join(", ");
  }

  #download() {
    const names = this.identifiers.map(({ name }) => name);
    const scores = ["churn_probability", "churn_prediction"];
    if (this.model.scorecard.campaign) scores.push("expected_profit");
    const header = ["line", ...names, ...scores, "reasons", "error"];
    const rows = [...this.sorted, ...this.rejected].map((each) => [
      each[LINE],
      ...names.map((name) => withoutFormula(each[name])),
      ...scores.map((name) => each[name]),
      each.error ? "" : withoutFormula(this.#reasons(each)),
      withoutFormula(each.error),
    ]);
    const content = new Blob(["\ufeff", write([header, ...rows])], { type: "text/csv" });
    save(content, `${this.name.replace(/\.[^.]*$/, "")}-scored.csv`);
  }
}

const LEAST = -Number.MAX_VALUE; // unknown profits come last

const ORDERS = {
  risk: (a, b) => b.churn_probability - a.churn_probability || a[LINE] - b[LINE],
  profit: (a, b) => (b.expected_profit ?? LEAST) - (a.expected_profit ?? LEAST) || a[LINE] - b[LINE],
  file: (a, b) => a[LINE] - b[LINE],
};

/** How much a fact raises the odds of leaving: twice or more, by a third or more, or less. */
function strength(effect) {
  if (effect >= Math.log(2)) return "strongly";
  return effect >= Math.log(4 / 3) ? "clearly" : "slightly";
}

/** Let the user save a file. */
export function save(content, name) {
  const url = URL.createObjectURL(content);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
