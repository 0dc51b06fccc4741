// Reads CSV files as spreadsheets write them, and writes CSV.

const DELIMITERS = [",", ";", "\t", "|"];

/** A file that is not CSV; the message is for the user. */
export class NotCsv extends Error {}

/** The text of a file's bytes: UTF-8 or UTF-16 with its mark, UTF-8, or else Windows-1252. */
export function decode(bytes) {
  const start = new Uint8Array(bytes.slice(0, 2));
  if (start[0] === 0xff && start[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (start[0] === 0xfe && start[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** The header, and the rows as `{line, cells}` with the line of the file on which each begins.
 *
 * Empty lines are skipped. Throws NotCsv.
 */
export function parse(text) {
  if (text.includes("\0")) throw new NotCsv("This is not a CSV file. In a spreadsheet, save the table as CSV.");
  const rows = [...records(text, delimiterOf(text))];
  if (rows.length === 0) throw new NotCsv("The file is empty.");
  const [{ cells: header }, ...rest] = rows;
  return { header: header.map((name) => name.trim()), rows: rest };
}

/** The delimiter that occurs most in the header, outside of quotation marks. */
function delimiterOf(text) {
  const counts = DELIMITERS.map((each) => [...records(text, each, 1)][0]?.cells.length ?? 0);
  return DELIMITERS[counts.indexOf(Math.max(...counts))];
}

function* records(text, delimiter, most = Infinity) {
  let position = 0;
  let line = 1;
  let found = 0;
  while (position < text.length && found < most) {
    const record = oneRecord(text, position, line, delimiter);
    if (record.cells.length > 1 || record.cells[0] !== "") {
      yield { line, cells: record.cells };
      found += 1;
    }
    position = record.end;
    line = record.line;
  }
}

/** The cells of the record at a position, and where the next one begins. */
function oneRecord(text, start, firstLine, delimiter) {
  const cells = [];
  let position = start;
  let line = firstLine;
  for (;;) {
    let cell;
    if (text[position] === '"') {
      const end = closingQuote(text, position, firstLine);
      cell = text.slice(position + 1, end).replaceAll('""', '"');
      line += cell.split(/\r\n|\r|\n/).length - 1;
      position = end + 1;
    } else {
      const from = position;
      while (position < text.length && !isEnd(text[position], delimiter)) position += 1;
      cell = text.slice(from, position);
    }
    cells.push(cell);
    const next = text[position];
    if (next === delimiter) {
      position += 1;
    } else if (next === undefined || next === "\n" || next === "\r") {
      const isPair = next === "\r" && text[position + 1] === "\n";
      return { cells, end: position + (isPair ? 2 : 1), line: line + 1 };
    } else {
      throw new NotCsv(`Line ${firstLine} has text after a closing quotation mark.`);
    }
  }
}

const isEnd = (character, delimiter) =>
  character === delimiter || character === "\n" || character === "\r";

function closingQuote(text, start, line) {
  for (let position = start + 1; ; position += 2) {
    position = text.indexOf('"', position);
    if (position < 0) throw new NotCsv(`Line ${line} has a quotation mark that is not closed.`);
    if (text[position + 1] !== '"') return position;
  }
}

/** Rows of cells as CSV. All cells are quoted, so an empty one is not an empty line. */
export const write = (rows) =>
  rows
    .map((cells) => cells.map((cell) => `"${String(cell ?? "").replaceAll('"', '""')}"`).join(","))
    .join("\r\n");

/** A text that spreadsheets do not run as a formula. Numbers with a sign stay as they are. */
export const withoutFormula = (text) =>
  /^[=@\t\r]|^[+-](?![\d\s.,]*$)/.test(text ?? "") ? `'${text}` : text;
