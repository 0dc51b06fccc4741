// Loads the model. If the server requires an API key, asks for one first.

import { showAbout } from "./about.js";
import { Failure, getJson, useKey } from "./api.js";
import { Customer } from "./customer.js";
import { Customers } from "./customers.js";
import { byId, debounced } from "./dom.js";
import { Scorecard } from "./scorecard.js";

const keyPage = byId("key-page");
const input = byId("key");
const problem = byId("key-problem");

let customer = null;
const reload = debounced(open, 1000); // the server serves another version

async function start() {
  const model = await getJson("page/model");
  const focused = document.activeElement?.id;
  customer = new Customer(model, new Scorecard(model), reload, customer?.values());
  new Customers(model);
  byId("version").textContent = model.version ? `Version ${model.version}` : "";
  byId("placeholder").hidden = !model.is_simulated;
  keyPage.hidden = true;
  byId("page").hidden = false;
  if (focused) byId(focused)?.focus();
  showAbout(model);
  await customer.update();
}

function explain(error) {
  if (!(error instanceof Failure)) throw error;
  const needsKey = error.status === 401;
  byId("key-fields").hidden = byId("key-fields").disabled = !needsKey;
  byId("open").textContent = needsKey ? "Open" : "Try again";
  problem.textContent = needsKey ? (input.value ? "This access key is not valid." : "") : error.message;
  input.setAttribute("aria-invalid", String(needsKey && input.value !== ""));
  keyPage.hidden = false;
  byId("page").hidden = true;
  (needsKey ? input : byId("open")).focus();
}

async function open() {
  byId("open").disabled = true;
  try {
    await start();
    input.value = "";
  } catch (error) {
    explain(error);
  } finally {
    byId("open").disabled = false;
  }
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  try {
    useKey(input.value.trim());
  } catch (error) {
    explain(error);
    return;
  }
  open();
});
byId("customer").addEventListener("submit", (event) => event.preventDefault());
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => event.preventDefault()); // else the browser opens the file
}
open();
