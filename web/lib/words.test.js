// Queries, streams of events, topics and what the overview says of nodes.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  issueSummary, memberRows, sightings, sortedIssues, webSocketUrls,
} from "./cluster.js";
import {
  apiPath, beginning, complaint, containing, exactly, saidText,
} from "./query.js";
import { EventParser } from "./sse.js";
import { byFilter, filterError, joined, matches, sortedChildren, topicError, topicTree } from "./topics.js";

test("an address carries every character of a client id", () => {
  assert.equal(apiPath("session show", [["--client_id"], ["--user", "a&b=c %#?/ü"]]),
    "api/v1/session/show?--client_id&--user=a%26b%3Dc%20%25%23%3F%2F%C3%BC");
  assert.equal(apiPath("cluster show"), "api/v1/cluster/show");
  assert.equal(apiPath("x", [null, ["--limit", 0]]), "api/v1/x?--limit=0");
});

test("a text searched for means itself, whatever its characters mean to an expression", () => {
  const value = containing("a.*(b)[c]\\d^$|{1}");
  assert.match("x a.*(b)[c]\\d^$|{1} y", new RegExp(value.slice(1)));
  assert.doesNotMatch("aXX(b)[c]", new RegExp(value.slice(1)));
  assert.equal(exactly("plain"), "plain");
  assert.equal(exactly("~a+"), "~^~a\\+$");
  assert.equal(beginning("a/"), "~^a/");
});

test("what a node says is found in each of its forms", () => {
  assert.equal(saidText('{"alert":[{"text":"a","type":"text"},{"text":"b"}]}'), "a\nb");
  assert.equal(saidText('{"text":"Done","type":"text"}'), "Done");
  assert.equal(saidText("invalid_command"), "invalid_command");
  assert.equal(saidText('"unknown"'), "unknown");
  assert.equal(saidText('[{"table":[],"type":"table"},{"text":"x"}]'), "x");
  assert.equal(saidText(""), "");
  assert.equal(saidText("null"), "");
});

test("of a usage screen only the complaint is shown", () => {
  assert.equal(complaint("Usage: x\n\nFlags: …\n\nThe key a=A is missing."),
    "The key a=A is missing.");
  assert.equal(complaint("No such session.\n\nLook again."), "No such session.\n\nLook again.");
});

test("a topic's only branches are shown as one", () => {
  const tree = topicTree([{ topic: "a/b/c/d" }, { topic: "a/b/c/e" }, { topic: "x" }]);
  const [a, x] = sortedChildren(tree);
  assert.deepEqual([joined(a).label, joined(a).node.topic], ["a/b/c", "a/b/c"]);
  assert.deepEqual(joined(x).label, "x");
  const [b] = sortedChildren(topicTree([{ topic: "a/b/c" }, { topic: "a/b/c/d/e" }]));
  assert.deepEqual([joined(b).label, joined(b).node.topic], ["a/b", "a/b"]);
});

test("events come whole however the stream is cut", () => {
  const text = "data: one\n\n: warm\n\nevent: end\ndata: two\r\ndata:three\r\n\r\n";
  const whole = [{ name: "message", data: "one" }, { name: "end", data: "two\nthree" }];
  assert.deepEqual(new EventParser().feed(text), whole);
  const parser = new EventParser();
  assert.deepEqual([...text].flatMap((letter) => parser.feed(letter)), whole);
});

test("an event without its blank line waits", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.feed("data: a\n"), []);
  assert.deepEqual(parser.feed("\n"), [{ name: "message", data: "a" }]);
});

test("topics make a tree in which a level may be a message too", () => {
  const tree = topicTree([{ topic: "a/b" }, { topic: "a" }, { topic: "a/10" }, { topic: "a/9" },
    { topic: "/x" }]);
  assert.equal(tree.count, 5);
  assert.deepEqual(sortedChildren(tree).map((node) => node.name), ["", "a"]);
  const a = tree.children.get("a");
  assert.equal(a.row.topic, "a");
  assert.deepEqual(sortedChildren(a).map((node) => node.topic), ["a/9", "a/10", "a/b"]);
  assert.equal(tree.children.get("").children.get("x").topic, "/x");
});

test("names of levels such as __proto__ are only names", () => {
  const tree = topicTree([{ topic: "__proto__/constructor" }]);
  assert.equal(tree.children.get("__proto__").count, 1);
  assert.equal({}.children, undefined);
});

test("filters take the topics that the standard says", () => {
  const yes = [["a/b", "a/b"], ["a/+", "a/b"], ["a/#", "a"], ["#", "a/b/c"], ["+/+", "/a"],
    ["$share/g/a/#", "a/b"], ["$SYS/#", "$SYS/x"]];
  const no = [["a/+", "a"], ["a/+", "a/b/c"], ["#", "$SYS/x"], ["+/x", "$SYS/x"], ["a", "a/"],
    ["a/b", "a/B"]];
  for (const [filter, topic] of yes) assert.ok(matches(filter, topic), `${filter} ${topic}`);
  for (const [filter, topic] of no) assert.ok(!matches(filter, topic), `${filter} ${topic}`);
});

test("what is no topic or no filter is said before it is sent", () => {
  assert.equal(topicError("a/b"), null);
  assert.match(topicError("a/+"), /no \+/);
  assert.match(topicError(""), /at least one/);
  assert.equal(filterError("$share/g/a/+/#"), null);
  assert.match(filterError("a/b#"), /alone/);
  assert.match(filterError("a/#/b"), /last/);
});

test("subscriptions are gathered by filter, the most wanted first", () => {
  const groups = byFilter([{ topic: "a", client_id: "1" }, { topic: "b", client_id: "1" },
    { topic: "b", client_id: "2" }, { topic: null, client_id: "3" }]);
  assert.deepEqual(groups.map((group) => [group.filter, group.subscribers.length]),
    [["b", 2], ["a", 1]]);
});

const node = {
  node: "a@x", cluster: [{ node: "a@x", running: true }, { node: "b@x", running: false }],
};

test("a member that does not answer is shown without numbers", () => {
  const rows = memberRows(node, [{ "a@x": { num_online: 3 } }]);
  assert.deepEqual(rows, [
    { num_online: 3, name: "a@x", isRunning: true, isSelf: true },
    { name: "b@x", isRunning: false, isSelf: false },
  ]);
  assert.equal(memberRows(node, null).length, 2);
});

test("who sees whom has a column for everybody who was seen", () => {
  const { names, rows } = sightings([{ "a@x": { mystatus: [{ "a@x": true, "b@x": false }] } }]);
  assert.deepEqual(names, ["a@x", "b@x"]);
  assert.deepEqual(rows, [{ name: "a@x", sees: [true, false] }]);
});

test("critical issues come first", () => {
  const issues = [{ level: "warning", name: "a" }, { level: "critical", name: "z" }];
  assert.deepEqual(sortedIssues(issues).map((issue) => issue.name), ["z", "a"]);
  assert.equal(issueSummary(issues), "1 critical, 1 warning");
  assert.equal(issueSummary([]), "All well");
});

test("WebSocket listeners are offered at an address the browser can reach", () => {
  const listeners = [
    { type: "mqtt", address: "0.0.0.0", port: 1883 },
    { type: "mqttws", name: "w", address: "0.0.0.0", port: 8080 },
    { type: "wss", address: "10.1.2.3", port: 443 },
    { type: "mqttws", address: "::", port: 1 }, { type: "ws", address: "2001:db8::1", port: 2 },
  ];
  assert.deepEqual(webSocketUrls(listeners, "status.example").map(({ url }) => url), [
    "ws://status.example:8080/mqtt", "wss://10.1.2.3:443/mqtt", "ws://status.example:1/mqtt",
    "ws://[2001:db8::1]:2/mqtt",
  ]);
});
