// The form: one control per field of the model's schema.

import { byId, element } from "./dom.js";
import { dateOfAge } from "./scorecard.js";
import { label, sentence, typicalRange } from "./words.js";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;
const OTHER = "(other)";

export class Form {
  /** `onchange` is called when a value changes, also while typing. */
  constructor(fields, example, onchange) {
    this.fields = fields;
    this.controls = new Map();
    const parts = fields.map((field, i) => this.#part(field, `field-${i}`));
    byId("fields").replaceChildren(...parts);
    this.fill(example);
    byId("customer").oninput = onchange;
  }

  fill(customer) {
    for (const field of this.fields) this.set(field.name, customer[field.name] ?? null);
  }

  /** Show a value. */
  set(name, given) {
    const { control, field } = this.controls.get(name);
    if (given === null || given === undefined) control.value = "";
    else if (field.kind === "category" && !field.levels.includes(given)) control.value = OTHER;
    else control.value = String(given);
  }

  focus(name) {
    this.controls.get(name).control.focus();
  }

  /** The customer as JSON. A number is written as it was typed; the server checks all values. */
  json() {
    const parts = this.fields.map(
      (field) => `${JSON.stringify(field.name)}:${this.#token(field)}`,
    );
    return `{${parts.join(",")}}`;
  }

  #token(field) {
    const text = this.controls.get(field.name).control.value;
    const trimmed = text.trim();
    if (field.kind === "integer" || field.kind === "number") {
      if (trimmed === "") return "null";
      return NUMBER.test(trimmed) ? trimmed : JSON.stringify(trimmed);
    }
    if (text === "" && field.kind !== "identifier") return "null";
    return field.kind === "boolean" ? text : JSON.stringify(text);
  }

  /** Show what is wrong with which field: `{name: message}`. */
  showErrors(errors) {
    for (const [name, { control, problem }] of this.controls) {
      const message = Object.hasOwn(errors, name) ? sentence(errors[name]) : "";
      if (problem.textContent !== message) problem.textContent = message;
      control.setAttribute("aria-invalid", String(message !== ""));
    }
  }

  #part(field, id) {
    const control = this.#control(field, id);
    const hint = element("p", { class: "hint", id: `${id}-hint` }, this.#hint(field));
    const problem = element("p", { class: "problem", id: `${id}-problem` });
    this.controls.set(field.name, { control, problem, field });
    return element(
      "div",
      { class: "field" },
      element("label", { for: id }, label(field)),
      control,
      hint,
      problem,
    );
  }

  #control(field, id) {
    const common = { id, name: id, "aria-describedby": `${id}-hint ${id}-problem` };
    const required = field.required ? "true" : null;
    if (field.kind === "category" || field.kind === "boolean") {
      return element("select", { ...common, "aria-required": required }, ...this.#options(field));
    }
    return element("input", {
      ...common,
      "aria-required": required,
      type: field.kind === "date" ? "date" : "text",
      inputmode: { integer: "numeric", number: "decimal" }[field.kind],
      autocomplete: "off",
      spellcheck: "false",
    });
  }

  #options(field) {
    const options =
      field.kind === "boolean"
        ? [["true", "yes"], ["false", "no"]]
        : field.levels.map((level) => [level, level === "" ? "(empty)" : level]);
    if (field.allows_unlisted) options.push([OTHER, "another one"]);
    if (!field.required) options.unshift(["", "not known"]);
    return options.map(([given, text]) => element("option", { value: given }, text));
  }

  #hint(field) {
    if (field.kind === "identifier") return "";
    const parts = [];
    if (field.description && field.description !== label(field)) parts.push(field.description);
    if (field.unit) parts.push(`In ${field.unit}`);
    const range = typicalRange(field, (days) => dateOfAge(days, new Date()));
    if (range) parts.push(`Typical: ${range}`);
    if (!field.required && !["category", "boolean"].includes(field.kind)) parts.push("May be empty");
    return parts.map((part) => `${part.replace(/\.$/, "")}.`).join(" ");
  }
}
