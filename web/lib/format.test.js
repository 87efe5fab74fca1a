import assert from "node:assert/strict";
import { test } from "node:test";
import {
  byteRate, bytes, bytesToText, cell, clock, count, dateTime, digits, duration, micros, percent,
  plural, prettyJson, preview, rate, visible,
} from "./format.js";

test("counts are grouped and, once long, shortened", () => {
  assert.equal(count(0), "0");
  assert.equal(count(12345), "12,345");
  assert.equal(count(9999999), "9,999,999");
  assert.equal(count(48123991), "48.1 M");
  assert.equal(count(7.1e9), "7.1 G");
  assert.equal(count(-5), "-5");
});

test("what is not known is a dash, never zero", () => {
  for (const format of [count, rate, bytes, byteRate, micros, percent, clock, dateTime, duration]) {
    for (const value of [null, undefined, NaN, Infinity, "12"]) assert.equal(format(value), "–");
  }
});

test("small rates keep their fraction, large ones do not", () => {
  assert.equal(rate(0), "0/s");
  assert.equal(rate(0.2), "0.2/s");
  assert.equal(rate(12.345), "12.3/s");
  assert.equal(rate(2351.4), "2,351/s");
});

test("bytes step by 1024", () => {
  assert.equal(bytes(0), "0 B");
  assert.equal(bytes(1023), "1023 B");
  assert.equal(bytes(1024), "1 KiB");
  assert.equal(bytes(131072000), "125 MiB");
  assert.equal(bytes(5 * 2 ** 50), "5120 TiB");
  assert.equal(byteRate(2048), "2 KiB/s");
});

test("latencies choose their unit", () => {
  assert.equal(micros(274), "274 µs");
  assert.equal(micros(3140), "3.14 ms");
  assert.equal(micros(2500000), "2.5 s");
  assert.equal(digits(1.005), "1");
});

test("times are local and padded", () => {
  const at = new Date(2026, 10, 3, 4, 5, 6).getTime();
  assert.equal(clock(at), "04:05:06");
  assert.equal(dateTime(at), "2026-11-03 04:05:06");
});

test("durations say the two largest units", () => {
  assert.equal(duration(999), "0 s");
  assert.equal(duration(59999), "59 s");
  assert.equal(duration(61000), "1 min");
  assert.equal(duration(3.5 * 3600e3), "3 h 30 min");
  assert.equal(duration(50 * 3600e3), "2 d 2 h");
  assert.equal(duration(-5), "0 s");
});

test("a cell of a table says yes, no and nothing", () => {
  assert.equal(cell(true), "yes");
  assert.equal(cell(false), "no");
  assert.equal(cell(null), "–");
  assert.equal(cell(""), "–");
  assert.equal(cell(0), "0");
  assert.equal(cell({ a: 1 }), '{"a":1}');
});

test("what cannot be seen is written out", () => {
  assert.equal(visible("a\nb\tc"), "a↵b⇥c");
  assert.equal(visible("gpj\u202exe"), "gpj\\u{202e}xe");
  assert.equal(visible("\u0000\u200b\ufeff"), "\\u{0}\\u{200b}\\u{feff}");
  assert.equal(visible("<b>Grüße 👋</b>"), "<b>Grüße 👋</b>");
  assert.equal(visible(null), "");
});

test("a preview cuts between characters, not within one", () => {
  assert.equal(preview("👋👋👋", 2), "👋👋…");
  assert.equal(preview("👋👋", 2), "👋👋");
  assert.equal(preview("x".repeat(500), 3), "xxx…");
});

test("bytes are text where they are UTF-8 and pairs where not", () => {
  const text = bytesToText(new TextEncoder().encode("Grüße"));
  assert.deepEqual(text, { text: "Grüße", isBinary: false });
  assert.deepEqual(bytesToText(new Uint8Array([0xff, 0x00, 0x10])),
    { text: "ff 00 10", isBinary: true });
});

test("only objects and arrays count as JSON worth unfolding", () => {
  assert.equal(prettyJson('{"a":[1]}'), '{\n  "a": [\n    1\n  ]\n}');
  assert.equal(prettyJson("12"), null);
  assert.equal(prettyJson("{broken"), null);
});

test("one is not plural", () => {
  assert.equal(plural(1, "node"), "1 node");
  assert.equal(plural(0, "node"), "0 nodes");
});
