// Numbers, values and names in words.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** A probability (0..1): `62.1%`. */
export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)}%`;

/** A difference of probabilities, in points of 100: `+3.4`, `−0.1`, `0.0`. */
export function points(difference) {
  const text = Math.abs(difference * 100).toFixed(1);
  if (text === "0.0") return text;
  return `${difference < 0 ? "−" : "+"}${text}`;
}

const signed = (text) => text.replace("-", "−");

export const number = (value) =>
  signed((Math.abs(value) >= 1000 ? whole : plain).format(value || 0)); // never −0

export const money = (amount) => signed(cents.format(amount));

export const count = (n, one, many = `${one}s`) => `${whole.format(n)} ${n === 1 ? one : many}`;

export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** `MonthlyCharges`, `monthly_charges` -> `Monthly charges`. */
export function label(field) {
  const words = field.name
    .replace(/_/g, " ")
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, (_, before, after) => `${before} ${after.toLowerCase()}`)
    .trim();
  return words.charAt(0).toUpperCase() + words.slice(1) || field.name;
}

/** A customer's value of a field. */
export function value(field, given) {
  if (given === null || given === undefined || given === "") return "not known";
  if (field.kind === "boolean") return given ? "yes" : "no";
  if (field.kind === "integer" || field.kind === "number") return number(Number(given));
  return String(given);
}

/** Where most customers of the training table are, of a numerical field; empty if unknown. */
export function typicalRange(field, dateOf) {
  if (!field.range) return "";
  const [low, high] = field.range.typical;
  if (field.kind === "date") return `${dateOf(high)} to ${dateOf(low)}`;
  return `${number(low)} to ${number(high)}`;
}
