// Which model this is, how good it is, and what monitoring last found.

import { Failure, getBlob, getJson } from "./api.js";
import { byId, element } from "./dom.js";
import { save } from "./customers.js";
import { number, percent } from "./words.js";

const VERDICTS = {
  fine: "found nothing wrong",
  watch: "found changes that should be watched",
  recalibrate: "found that the probabilities need an adjustment",
  retrain: "found that the model should be trained again",
};

const day = (time) => new Intl.DateTimeFormat("en", { dateStyle: "long" }).format(new Date(time));

export async function showAbout(model) {
  const about = [`This is ${named(model)}. It has been served here since ${day(model.loaded_at)}.`];
  byId("report").hidden = true;
  byId("report-problem").textContent = "";
  try {
    const card = await getJson("page/card");
    about.push(training(card), ...quality(card.metrics), monitoring(card.monitoring));
    byId("report").hidden = !card.has_report;
    byId("report").onclick = () => download(model);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    about.push("More about this version is not available at the moment.");
  }
  byId("about-list").replaceChildren(...about.map((sentence) => element("li", {}, sentence)));
}

const named = ({ name, version }) =>
  version ? `version ${version} of the model "${name}"` : "a model that is not registered";

function training({ trained_at: at, rows, churn_rate: rate }) {
  const table = rows && rate ? ` with ${number(Number(rows))} rows, of which ${percent(Number(rate))} had left` : "";
  return `It was trained on ${day(at)}${table}.`;
}

function quality({ auc, recall_10: recall }) {
  const sentences = [];
  if (auc !== undefined) {
    sentences.push(
      `Shown one customer who leaves and one who stays, it gives the one who leaves the higher risk ${(auc * 100).toFixed(0)} times out of 100.`,
    );
  }
  if (recall !== undefined) {
    sentences.push(
      `Of the customers who leave, ${percent(recall, 0)} are among the 10% with the highest risk.`,
    );
  }
  return sentences;
}

function monitoring(found) {
  if (!found) return "This version has not been monitored yet.";
  return `The latest monitoring, on ${day(found.at)}, ${VERDICTS[found.verdict] ?? found.verdict}.`;
}

async function download(model) {
  byId("report-problem").textContent = "";
  try {
    save(await getBlob("page/report"), `report-of-version-${model.version}.html`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    byId("report-problem").textContent = error.message;
  }
}
