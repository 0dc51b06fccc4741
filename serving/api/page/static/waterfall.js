// The waterfall: from the average customer to this one, one step per feature.

import { byId, element } from "./dom.js";
import { sigmoid } from "./scorecard.js";
import { count, label, percent, points, value } from "./words.js";

const FEW = 3; // facts with hardly any effect, which are shown at once

let isOpen = false;

/** The shown part of 0..1: all probabilities of the steps with some room. */
function axis(steps, base) {
  const all = [base, ...steps.map((step) => step.after)];
  const room = (Math.max(...all) - Math.min(...all)) * 0.04 || 0.01;
  const low = Math.max(0, Math.min(...all) - room);
  const high = Math.min(1, Math.max(...all) + room);
  return (probability) => ((probability - low) / (high - low)) * 100;
}

function bar(position, before, after, kind) {
  const filled = element("span", { class: `bar ${kind}` });
  const [left, right] = [position(Math.min(before, after)), position(Math.max(before, after))];
  filled.style.left = `${left}%`;
  filled.style.width = `${right - left}%`;
  return element("td", { class: "track" }, filled);
}

function mark(position, probability) {
  const line = element("span", { class: "mark" });
  line.style.left = `${position(probability)}%`;
  return element("td", { class: "track" }, line);
}

function row(step, field, customer, position) {
  const difference = step.after - step.before;
  const text = points(difference);
  const kind = text === "0.0" ? "none" : difference > 0 ? "raises" : "lowers";
  const verb = { none: "makes no difference", raises: "raises the risk", lowers: "lowers the risk" };
  return element(
    "tr",
    { class: kind },
    element(
      "th",
      { scope: "row" },
      label(field),
      element("span", { class: "given" }, value(field, customer[field.name])),
    ),
    bar(position, step.before, step.after, kind),
    element(
      "td",
      { class: `points ${kind}` },
      element("data", { value: difference }, text),
      element("span", { class: "for-readers" }, ` points: ${verb[kind]}`),
    ),
  );
}

function total(name, probability, position) {
  return element(
    "tr",
    { class: "total" },
    element("th", { scope: "row" }, name),
    mark(position, probability),
    element("td", { class: "points" }, element("data", { value: probability }, percent(probability))),
  );
}

/** Show the steps of a customer with this probability, which the server replied. */
export function showWaterfall(scorecard, fields, customer, probability) {
  const byName = Object.fromEntries(fields.map((field) => [field.name, field]));
  const steps = scorecard.steps(scorecard.inputs(customer));
  const base = sigmoid(scorecard.intercept);
  const position = axis(steps, base);
  byId("waterfall").replaceChildren(
    total("Average customer", base, position),
    ...steps.map((step) => row(step, byName[step.name], customer, position)),
    total("This customer", probability, position),
  );
  hideWeak();
}

/** Hide the facts with hardly any effect, if there are many, behind a button. */
function hideWeak() {
  const weak = byId("waterfall").querySelectorAll("tr.none");
  const hides = weak.length > FEW && !isOpen;
  for (const each of weak) each.classList.toggle("weak", hides);
  const button = byId("more");
  const facts = count(weak.length, "fact");
  button.hidden = weak.length <= FEW;
  button.textContent = `${hides ? "Show" : "Hide"} ${facts} with hardly any effect`;
  button.setAttribute("aria-expanded", String(!hides));
  button.onclick = () => {
    isOpen = !isOpen;
    hideWeak();
  };
}
