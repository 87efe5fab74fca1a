import assert from "node:assert/strict";
import { test } from "node:test";
import { History, lonely, summary } from "./history.js";

const answer = (times, series) => ({ interval_ms: 5000, times, series });

test("what is already known is not taken twice", () => {
  const history = new History();
  assert.equal(history.merge(answer([5000, 10000], { a: [1, 2] })), 2);
  assert.equal(history.since, 10000);
  assert.equal(history.merge(answer([10000, 15000], { a: [9, 3] })), 1);
  assert.deepEqual(history.times, [5000, 10000, 15000]);
  assert.deepEqual(history.series.a, [1, 2, 3]);
});

test("a series that comes or goes leaves unknowns", () => {
  const history = new History();
  history.merge(answer([1, 2], { a: [1, 2] }));
  history.merge(answer([3], { b: [7] }));
  assert.deepEqual(history.series, { a: [1, 2, null], b: [null, null, 7] });
  assert.equal(history.latest("b"), 7);
  assert.equal(history.latest("none"), null);
});

test("points older than the span are dropped, of every series", () => {
  const history = new History(10);
  history.merge(answer([1, 5, 12], { a: [1, 2, 3], b: [4, 5, 6] }));
  assert.deepEqual(history.times, [5, 12]);
  assert.deepEqual(history.series, { a: [2, 3], b: [5, 6] });
});

test("a window has the latest points and a column for every name", () => {
  const history = new History();
  history.merge(answer([1, 5, 12], { a: [1, 2, 3] }));
  assert.deepEqual(history.window(["a", "b"], 8),
    { times: [5, 12], columns: [[2, 3], [null, null]] });
  history.clear();
  assert.deepEqual(history.window(["a"]), { times: [], columns: [[]] });
});

test("an empty answer changes nothing", () => {
  const history = new History();
  assert.equal(history.merge({}), 0);
  assert.equal(history.since, 0);
});

test("values between unknowns are found, as a line would not show them", () => {
  assert.deepEqual(lonely([1, null, 2, 3, null, 4]), [0, 5]);
  assert.deepEqual(lonely([null, 0, null]), [1]);
  assert.deepEqual(lonely([]), []);
});

test("a summary skips unknowns", () => {
  assert.deepEqual(summary([1, 2, 3, 4], [4, null, 8, 6]),
    { now: 6, least: 4, most: 8, mostAt: 3, mean: 6 });
  assert.deepEqual(summary([1], [null]),
    { now: null, least: null, most: null, mostAt: null, mean: null });
});
