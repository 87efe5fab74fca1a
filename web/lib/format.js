// Numbers, times and bytes as people read them. Pure; null and undefined are "–": not known.

const UNKNOWN = "–";

const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A count: 12,345 and, from ten million on, 12.3 M. */
export function count(value) {
  if (!isKnown(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size >= 1e9) return `${digits(value / 1e9)} G`;
  if (size >= 1e7) return `${digits(value / 1e6)} M`;
  return grouped.format(value);
}

/** Three significant digits, no zeros at the end: 1.23, 12.3, 123. */
export function digits(value) {
  const size = Math.abs(value);
  const places = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(value.toFixed(places)));
}

/** Something a second; small rates keep their fraction. */
export function rate(value) {
  if (!isKnown(value)) return UNKNOWN;
  return `${Math.abs(value) < 100 ? digits(value) : count(value)}/s`;
}

export function bytes(value) {
  if (!isKnown(value)) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let left = value;
  let unit = 0;
  while (Math.abs(left) >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${digits(left)} ${units[unit]}`;
}

export const byteRate = (value) => (isKnown(value) ? `${bytes(value)}/s` : UNKNOWN);

/** A latency given in microseconds. */
export function micros(value) {
  if (!isKnown(value)) return UNKNOWN;
  if (value < 1000) return `${digits(value)} µs`;
  if (value < 1e6) return `${digits(value / 1000)} ms`;
  return `${digits(value / 1e6)} s`;
}

export const percent = (value) => (isKnown(value) ? `${digits(value)} %` : UNKNOWN);

const two = (value) => String(value).padStart(2, "0");

/** The local time of day of a time in ms: 03:12:45. */
export function clock(ms) {
  if (!isKnown(ms)) return UNKNOWN;
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The local date and time: 2026-11-23 03:12:45. */
export function dateTime(ms) {
  if (!isKnown(ms)) return UNKNOWN;
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`;
}

/** How long: 45 s, 12 min, 3 h 20 min, 12 d 4 h. */
export function duration(ms) {
  if (!isKnown(ms)) return UNKNOWN;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export const plural = (number, one, many = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : many}`;

/** A cell of a table that the node sent. */
export function cell(value) {
  if (value === null || value === undefined || value === "") return UNKNOWN;
  if (value === true) return "yes";
  if (value === false) return "no";
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

// Everything that a terminal or a reader of right-to-left text could be fooled with.
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of strangers on one line: what cannot be seen is written out as \u{…}. */
export function visible(text) {
  return String(text ?? "").replace(HIDDEN, (mark) => {
    if (mark === "\n") return "↵";
    if (mark === "\t") return "⇥";
    return `\\u{${mark.codePointAt(0).toString(16)}}`;
  });
}

/** The first characters of a text, on one line. */
export function preview(text, length = 120) {
  const marks = Array.from(String(text ?? "").slice(0, 2 * length + 2));
  const shown = visible(marks.slice(0, length).join(""));
  return marks.length > length ? `${shown}…` : shown;
}

/** Bytes as text where they are UTF-8, and as hexadecimal pairs where not. */
export function bytesToText(data) {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(data), isBinary: false };
  } catch {
    const pairs = Array.from(data.subarray(0, 4096), (byte) => byte.toString(16).padStart(2, "0"));
    return { text: pairs.join(" ") + (data.length > 4096 ? " …" : ""), isBinary: true };
  }
}

/** JSON with one value a line; null where it is none. */
export function prettyJson(text) {
  const trimmed = text.trim();
  if (!/^[[{]/.test(trimmed)) return null;
  try {
    return JSON.stringify(JSON.parse(trimmed), null, 2);
  } catch {
    return null;
  }
}
