// The page against the real daemon, while real clients come, talk and go.
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { HOSTILE, Tab, launch } from "./browser.js";
import { TestClient, address } from "./talker.js";

const { BASE, KEY, WS_PORT, BROKER_PID } = process.env;
let browser;
let tab;
let clients = [];

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await tab?.close();
  tab = null;
});

async function open(options) {
  tab = await Tab.open(browser, BASE, options);
  return tab;
}

async function client(clientId, options) {
  const made = await TestClient.connect(clientId, options);
  clients.push(made);
  return made;
}

/** The number that a tile of the overview shows. */
async function tile(name) {
  const text = await tab.page.$eval(`#tile-${name}`, (one) => one.innerText);
  return Number.parseFloat(text.replaceAll(",", ""));
}

async function search(clientId) {
  await tab.go("sessions");
  await tab.fill("Client id contains", clientId, "searchbox");
  await tab.click("button", "Search");
}

test("the daemon serves the page whole, packed and unchangeable by strangers", async () => {
  const first = await fetch(BASE);
  assert.equal(first.status, 200);
  assert.match(first.headers.get("content-type"), /^text\/html/);
  assert.match(first.headers.get("content-security-policy"), /default-src 'self'/);
  assert.match(first.headers.get("content-security-policy"), /require-trusted-types-for/);
  const again = await fetch(BASE, { headers: { "if-none-match": first.headers.get("etag") } });
  assert.equal(again.status, 304);
  const script = await fetch(new URL("app.js", BASE), { headers: { "accept-encoding": "gzip" } });
  assert.equal(script.headers.get("content-encoding"), "gzip");
  assert.match(await script.text(), /^\/\/ The frame/);
  assert.equal((await fetch(new URL("none.js", BASE))).status, 404);
});

test("the address without its slash shows the page too", async () => {
  tab = await Tab.open(browser, BASE.replace(/\/$/, ""));
  await tab.sees("One node, running", "main");
  assert.deepEqual(tab.complaints, []);
});

test("every view loads without a word on the console", async () => {
  await open({ key: KEY });
  await tab.sees("One node, running", "main");
  await tab.sees("test@127.0.0.1", "header");
  await tab.sees(address(WS_PORT), "main table");
  for (const [view, text] of [["sessions", "session"], ["topics", "Retained messages"],
    ["trace", "Nothing yet"], ["try", "Connect over WebSocket"]]) {
    await tab.go(view);
    await tab.sees(text, "main");
  }
  assert.deepEqual(tab.complaints, []);
});

test("numbers move while clients publish", async () => {
  const [talker, listener] = [await client("talker"), await client("listener")];
  await listener.subscribe("moves/#");
  await open();
  await tab.sees("Clients online", "main");
  const timer = setInterval(() => {
    for (let number = 0; number < 10; number += 1) talker.publish("moves/here", "x");
  }, 100);
  try {
    await tab.page.waitForFunction(() =>
      parseFloat(document.querySelector("#tile-messages-in").innerText) > 10 &&
      parseFloat(document.querySelector("#tile-messages-out").innerText) > 10);
    assert.equal(await tile("clients-online"), 2);
    const [, words] = await tab.page.$$eval("[role=img]", (all) =>
      all.map((one) => one.getAttribute("aria-label")).filter((one) => /^(C|Messages)/.test(one)));
    assert.match(words, /now/);
    await tab.shot("real-overview");
  } finally {
    clearInterval(timer);
  }
  listener.close();
  await tab.page.waitForFunction(() =>
    document.querySelector("#tile-clients-online").innerText === "1");
});

test("a session is found and disconnected by clicks, and the client notices", async () => {
  const [victim, other] = [await client("pump-17", { version: 5 }), await client("pump-18")];
  await victim.subscribe("pumps/+/state");
  await open({ key: KEY, view: "sessions" });
  await search("pump-1");
  await tab.sees("2 sessions", "caption");
  await tab.click("button", "pump-17");
  await tab.sees("pumps/+/state", "dialog");
  await tab.sees("MQTT 5", "dialog");
  await tab.click("button", "Disconnect …");
  await tab.sees("Disconnect pump-17?", "dialog");
  assert.equal(victim.isOpen, true);
  await tab.click("button", "Disconnect");
  await victim.isGone;
  assert.equal(other.isOpen, true);
  await tab.page.waitForFunction(() => !document.querySelector("dialog"));
  assert.deepEqual(tab.complaints, []);
});

test("a hostile client id is text in the list, in its details and in the explorer", async () => {
  const hostile = await client(HOSTILE);
  await hostile.subscribe(`${HOSTILE}/#`);
  hostile.publish(`${HOSTILE}/kept`, HOSTILE, { retain: true, qos: 1 });
  await open({ key: KEY, view: "sessions" });
  await search("onerror");
  await tab.sees(HOSTILE, "table");
  await tab.click("button", HOSTILE);
  await tab.sees(`${HOSTILE}/#`, "dialog table");
  await tab.page.keyboard.press("Escape");
  await tab.go("topics");
  await tab.sees(HOSTILE, ".tree");
  await tab.sees(`${HOSTILE}/#`, "main table");
  assert.equal(await tab.isHacked(), false);
  assert.deepEqual(tab.complaints, []);
});

test("the explorer shows what is retained, who has subscribed and who gets it", async () => {
  const [taker, talker] = [await client("taker"), await client("teller")];
  await taker.subscribe("hall/+/temperature");
  await talker.publish("hall/7/temperature", '{"celsius":21.5}', { retain: true, qos: 1 });
  await open({ key: KEY, view: "topics" });
  await tab.fill("Topic begins with", "hall/", "searchbox");
  await tab.page.keyboard.press("Enter");
  await tab.sees("temperature", ".tree");
  await tab.click("button", 'temperature {"celsius":21.5}');
  await tab.sees('"celsius": 21.5', "dialog pre");
  await tab.page.keyboard.press("Escape");
  await tab.fill("Topic, as a publisher would name it", "hall/9/temperature");
  await tab.click("button", "Explain");
  await tab.sees("taker", "section:first-of-type table");
  await tab.sees("hall/+/temperature", "section:first-of-type table");
  await tab.shot("real-topics");
});

test("the page's own client subscribes, publishes and is seen by the broker", async () => {
  const listener = await client("outside");
  await listener.subscribe("try/#");
  await open({ key: KEY, view: "try" });
  await tab.page.waitForFunction((wanted) =>
    document.querySelector("input[name=url]").value.includes(wanted), {}, `:${WS_PORT}/`);
  await tab.fill("Client id", "from-the-page");
  await tab.click("button", "Connect");
  await tab.sees("as from-the-page", "main");
  await tab.fill("Topic filter", "try/+");
  await tab.click("button", "Subscribe");
  await tab.sees("try/+: granted QoS 0", "main");
  await tab.fill("Topic", "try/it");
  await tab.fill("Payload", "hello from the page");
  const qos = (await tab.page.$$("select[name=qos]"))[1];
  await qos.select("2");
  await tab.click("button", "Publish");
  await tab.sees("The broker has it.", "main");
  await tab.sees("hello from the page", "main table");
  assert.equal((await listener.next()).topic, "try/it");
  listener.publish("try/back", HOSTILE);
  await tab.sees(HOSTILE, "main table");
  assert.equal(await tab.isHacked(), false);
  await tab.shot("real-try");
  await search("from-the-page");
  await tab.sees("1 session", "caption");
  await tab.go("try");
  await tab.sees("as from-the-page", "main"); // looking elsewhere did not cut it
  assert.deepEqual(tab.complaints, []);
});

test("a trace shows the packets of a client as they come", async () => {
  const traced = await client("traced");
  await open({ key: KEY, view: "trace" });
  await tab.fill("Client id, exactly", "traced");
  await tab.click("button", "Start");
  await tab.sees("Tracing traced", "main");
  const timer = setInterval(() => traced.publish("trace/this", "payload"), 300);
  try {
    await tab.sees("trace/this", ".log");
    await tab.sees("MQTT RECV", ".log");
  } finally {
    clearInterval(timer);
  }
  await tab.shot("real-trace");
  await tab.click("button", "Stop");
  await tab.sees("Stopped.", "#announcer");
});

test("a wrong key is refused by the node itself", async () => {
  await open({ view: "sessions" });
  await tab.fill("API key", "0123456789abcdef0123456789abcdef");
  await tab.click("button", "Use this key");
  await tab.sees("The node refused this key", "main");
});

test("axe finds nothing wrong with what the real node shows", async () => {
  await client("someone");
  await open({ key: KEY });
  await tab.sees("One node, running", "main");
  assert.deepEqual(await tab.accessibility(), []);
  await tab.go("sessions");
  await tab.sees("someone", "main table");
  assert.deepEqual(await tab.accessibility(), []);
});

test("a node that hangs is said to be silent, and is welcome when it is back", async () => {
  await open();
  await tab.sees("One node, running", "main");
  process.kill(Number(BROKER_PID), "SIGSTOP");
  try {
    await tab.sees("The node does not answer any more", "main");
    await tab.shot("real-lost");
  } finally {
    process.kill(Number(BROKER_PID), "SIGCONT");
  }
  await tab.misses("does not answer any more", "main");
  await tab.sees("live", "#liveness");
});
