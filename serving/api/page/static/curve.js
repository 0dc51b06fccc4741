// A drawing of the probability over the range of a numerical field.

import { drawing } from "./dom.js";
import { number, percent } from "./words.js";

const HEIGHT = 240;
const ROOM = { left: 48, right: 12, top: 12, bottom: 30 };

/** Round values from `low` to `high`, at most about `most` of them. */
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const result = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) result.push(i * step);
  return result;
}

/** The steps of a curve: where each begins, and the probability from there on. */
export function curveSteps(scorecard, inputs, field) {
  const [low, high] = field.range.shown;
  const starts = [low, ...scorecard.cuts(field.name).filter((cut) => cut > low && cut < high)];
  return starts.map((start) => ({
    start,
    probability: scorecard.probability({ ...inputs, [field.name]: start }),
  }));
}

/** The values that have this probability: the first, and the first after them; null for none.
 *
 * If several ranges have it, the first of them.
 */
export function valuesWith(steps, probability) {
  const first = steps.findIndex((step) => step.probability === probability);
  const after = steps.findIndex((step, i) => i > first && step.probability !== probability);
  return [first === 0 ? null : steps[first].start, after === -1 ? null : steps[after].start];
}

/** Draw the steps, `width` pixels wide, with the customer's own value and the limit. */
export function drawCurve(field, steps, { width, now, limit, tried }) {
  const [low, high] = field.range.shown;
  const highest = Math.max(...steps.map((step) => step.probability), now?.probability ?? 0);
  const top = Math.min(1, Math.max(highest, limit < 1 ? Math.min(limit, highest * 2) : 0) * 1.1);
  const x = (value) =>
    ROOM.left + ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (width - ROOM.left - ROOM.right);
  const y = (probability) => HEIGHT - ROOM.bottom - (probability / top) * (HEIGHT - ROOM.top - ROOM.bottom);
  const [bottom, left, right] = [y(0), ROOM.left, width - ROOM.right];

  const path = steps.map(({ start, probability }, i) =>
    i === 0 ? `M${x(start)} ${y(probability)}` : `H${x(start)}V${y(probability)}`,
  );
  const line = (className, x1, y1, x2, y2) => drawing("line", { class: className, x1, y1, x2, y2 });
  const text = (attributes, content) => drawing("text", attributes, content);
  const parts = [
    ...(field.range.sparse || []).map(([from, to]) =>
      drawing("rect", { class: "sparse", x: x(from), y: ROOM.top, width: Math.max(1, x(to) - x(from)), height: bottom - ROOM.top }),
    ),
    ...ticks(0, top, 5).flatMap((tick) => [
      line("grid", left, y(tick), right, y(tick)),
      text({ x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, percent(tick, top < 0.05 ? 1 : 0)),
    ]),
    ...ticks(low, high, Math.max(5, Math.min(8, width / 80))).map((tick) =>
      text({ x: x(tick), y: HEIGHT - 8, "text-anchor": "middle" }, number(tick)),
    ),
    limit <= top ? line("limit", left, y(limit), right, y(limit)) : null,
    limit <= top
      ? text({ class: "limit-text", x: right, y: y(limit) - 5, "text-anchor": "end" }, "limit")
      : null,
    drawing("path", { class: "curve", d: `${path.join("")}H${right}` }),
    tried === null ? null : line("tried", x(tried), ROOM.top, x(tried), bottom),
    now === null ? null : drawing("circle", { class: "now", cx: x(now.value), cy: y(now.probability), r: 6 }),
  ];
  return drawing(
    "svg",
    { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" },
    ...parts.filter((part) => part !== null),
  );
}
