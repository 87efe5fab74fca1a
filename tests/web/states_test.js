// The page against an invented node: every state that a healthy lone node does not show.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { HOSTILE, Tab, launch } from "./browser.js";

const KEY = "fake-key-of-32-characters-fake-k";
const VIEWS = ["overview", "sessions", "topics", "trace", "try"];
const here = dirname(fileURLToPath(import.meta.url));
let browser;
let node;
let base;
let tab;

before(async () => {
  node = spawn("python3", [join(here, "fake_node.py"), "--modules", process.env.PAGE_MODULES],
    { stdio: ["pipe", "pipe", "inherit"] });
  base = await new Promise((resolve, reject) => {
    node.stdout.once("data", (data) => resolve(data.toString().trim()));
    node.once("exit", () => reject(new Error("the fake node did not start")));
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  node?.kill();
});
beforeEach(() => mode("well"));
afterEach(async () => {
  await tab?.close();
  tab = null;
});

const mode = (name) => fetch(new URL(`/mode/${name}`, base));

async function open(options) {
  tab = await Tab.open(browser, base, options);
  return tab;
}

/** Waits until the view shows what it has asked the node for. */
async function settled(view) {
  const text = { overview: "3 nodes", sessions: "The first 100", topics: "the most wanted",
    trace: "Nothing yet", try: "Connect over WebSocket" };
  await tab.sees(text[view], "main");
}

test("every view loads without a word on the console", async () => {
  await open({ key: KEY });
  for (const view of VIEWS) {
    await tab.go(view);
    await settled(view);
  }
  assert.deepEqual(tab.complaints, []);
});

test("all is well in one line", async () => {
  await open();
  await tab.sees("All well", "main");
  await tab.sees("live", "#liveness");
  assert.equal(await tab.page.title(), "VerneMQ Status");
});

test("issues stand at the top, critical ones first, with what to do", async () => {
  await mode("ill");
  await open();
  await tab.sees("1 critical, 1 warning", "main");
  const issues = await tab.page.$$eval(".issues li", (all) => all.map((one) => one.innerText));
  assert.match(issues[0], /^Critical: vmqNode3@10\.0\.3\.6 does not answer\.\s+What to do: Look/);
  assert.match(issues[1], /^Warning: Only 1,024 files/);
  assert.equal(await tab.page.title(), "(1 critical, 1 warning) VerneMQ Status");
  await tab.sees("does not answer", "main table");
});

test("a node that goes away is said to be away, and its return is seen", async () => {
  await open();
  await tab.sees("All well", "main");
  await mode("away");
  await tab.sees("The node does not answer any more", "main");
  await tab.sees("no answer", "#liveness");
  await tab.sees("The node does not answer any more.", "#announcer");
  assert.match(await tab.page.title(), /^\(no answer\)/);
  // The last known numbers stay, marked as old; "all well" would be a promise.
  await tab.misses("All well", "main");
  await tab.sees("Clients online", "main");
  await mode("well");
  await tab.misses("does not answer any more", "main");
  await tab.sees("live", "#liveness");
});

test("a wrong key says so, the right one opens, and it is kept in this tab only", async () => {
  await open({ view: "sessions" });
  await tab.sees("An API key, please", "main");
  await tab.fill("API key", "wrong");
  await tab.click("button", "Use this key");
  await tab.sees("The node refused this key", "main");
  await tab.fill("API key", KEY);
  await tab.page.keyboard.press("Enter");
  await settled("sessions");
  const kept = await tab.page.evaluate(() =>
    [sessionStorage.length, localStorage.length, document.cookie, location.href]);
  assert.deepEqual(kept, [1, 0, "", `${base}#/sessions`]);
  await tab.click("button", "Forget key");
  await tab.sees("An API key, please", "main");
  assert.equal(await tab.page.evaluate(() => sessionStorage.length), 0);
});

test("the overview needs no key", async () => {
  await open();
  await settled("overview");
  assert.equal(await tab.page.$(".key-card"), null);
});

test("names and payloads of strangers are text, wherever they stand", async () => {
  await open({ key: KEY, view: "sessions" });
  await settled("sessions");
  await tab.fill("Client id contains", "onerror", "searchbox");
  await tab.click("button", "Search");
  await tab.sees(HOSTILE, "table");
  await tab.sees("<b>eve</b>", "table");
  await tab.click("button", HOSTILE);
  await tab.sees(`Session ${HOSTILE}`, "dialog");
  await tab.sees("subscription", "dialog");
  await tab.page.keyboard.press("Escape");
  await tab.go("topics");
  await tab.sees(HOSTILE, ".tree");
  await tab.go("trace");
  await tab.fill("Client id, exactly", HOSTILE);
  await tab.click("button", "Start");
  await tab.sees(`CID: "${HOSTILE}"`, ".log");
  assert.equal(await tab.isHacked(), false);
  assert.deepEqual(tab.complaints, []);
});

test("a search is done by the node, its conditions stand in the address", async () => {
  await open({ key: KEY, view: "sessions" });
  await settled("sessions");
  await tab.fill("User contains", "user3", "searchbox");
  await (await tab.named("combobox", "State")).select("offline");
  await tab.click("button", "Search");
  await tab.misses("The first 100", "main");
  const users = await tab.page.$$eval("tbody td:nth-child(3)", (all) =>
    [...new Set(all.map((one) => one.innerText))]);
  assert.deepEqual(users, ["user3"]);
  assert.match(tab.page.url(), /user=user3&state=offline/);
  await tab.page.reload();
  await tab.sees("user3", "tbody");
  assert.equal(await tab.page.$("tbody .mark.good"), null);
});

test("a list that is cut says so and can be made longer", async () => {
  await open({ key: KEY, view: "sessions" });
  await tab.sees("There may be more", "main");
  await tab.click("button", "show up to 500");
  await tab.sees("231 sessions", "caption");
});

test("charts follow the colour scheme and describe themselves", async () => {
  await open();
  await settled("overview");
  const names = await tab.page.$$eval("[role=img]", (all) =>
    all.map((one) => one.getAttribute("aria-label")));
  assert.equal(names.length, 9);
  assert.match(names[2], /^Messages\. in: now [\d,]+\/s, least .*; out: now /);
  const back = () => tab.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await back();
  await tab.look({ scheme: "dark" });
  assert.notEqual(await back(), light);
  await tab.click("button", "5 min");
  await tab.sees("the last 5 minutes", "h2");
});

test("the other way to read the charts is a table", async () => {
  await open();
  await settled("overview");
  await tab.page.evaluate(() => [...document.querySelectorAll("details")].at(-1).firstChild.click());
  await tab.sees("Ack latency, p99", "table");
});

test("nothing sticks out of a phone's screen, in either scheme", async () => {
  await open({ key: KEY, width: 360 });
  for (const scheme of ["light", "dark"]) {
    await tab.look({ scheme, width: 360, height: 740 });
    for (const view of VIEWS) {
      await tab.go(view);
      await settled(view);
      await tab.shot(`phone-${scheme}-${view}`);
      assert.deepEqual(await tab.overflow(), [], `${view}, ${scheme}`);
    }
  }
  await tab.go("sessions");
  await tab.click("button", "sensor-0003");
  await tab.sees("queued message", "dialog");
  await tab.shot("phone-dark-details");
  assert.deepEqual(await tab.overflow(), []);
});

test("axe finds nothing wrong, in any view and either scheme", async () => {
  await open({ key: KEY });
  for (const scheme of ["light", "dark"]) {
    await tab.look({ scheme });
    for (const view of VIEWS) {
      if (view === "overview") await mode("ill");
      await tab.go(view);
      await settled(view);
      if (view === "overview") await tab.sees("1 critical", "main");
      await tab.shot(`${scheme}-${view}`);
      assert.deepEqual(await tab.accessibility(), [], `${view}, ${scheme}`);
    }
    await tab.go("sessions");
    await tab.click("button", "sensor-0003");
    await tab.sees("queued message", "dialog");
    await tab.shot(`${scheme}-details`);
    assert.deepEqual(await tab.accessibility(), [], `details, ${scheme}`);
    await tab.page.keyboard.press("Escape");
  }
});

test("axe would notice a field without a name and text that is too pale", async () => {
  await open({ view: "sessions" });
  await tab.sees("An API key, please", "main");
  await tab.page.evaluate(() => {
    document.querySelector(".key-card label").remove();
    document.querySelector(".key-card p").style.color = "#bbb";
  });
  const found = (await tab.accessibility()).join("\n");
  assert.match(found, /^label /m);
  assert.match(found, /^color-contrast /m);
});

test("axe finds nothing wrong where a key is asked for and refused", async () => {
  await open({ view: "sessions", key: "wrong" });
  await tab.sees("The node refused this key", "main");
  await tab.shot("light-key");
  assert.deepEqual(await tab.accessibility(), []);
});

const focused = () => tab.page.evaluate(() => {
  const one = document.activeElement;
  return (one.ariaLabel ?? (one.labels?.[0] ?? one).innerText ?? "").trim().slice(0, 80);
});

async function tabTo(wanted) {
  for (let presses = 0; presses < 60; presses += 1) {
    await tab.page.keyboard.press("Tab");
    if ((await focused()) === wanted) return;
  }
  assert.fail(`“${wanted}” is not reached with the Tab key; at “${await focused()}”`);
}

test("a session is found and disconnected with the keyboard alone", async () => {
  await open({ key: KEY });
  await settled("overview");
  await tab.page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await tabTo("Sessions");
  await tab.page.keyboard.press("Enter");
  await settled("sessions");
  await tab.page.waitForFunction(() => document.activeElement?.tagName === "H1");
  await tabTo("Client id contains");
  await tab.page.keyboard.type("sensor-0042");
  await tab.page.keyboard.press("Enter");
  await tab.sees("1 session", "caption");
  await tabTo("sensor-0042");
  await tab.page.keyboard.press("Enter");
  await tab.sees("subscription", "dialog");
  await tabTo("Disconnect …");
  await tab.page.keyboard.press("Enter");
  await tab.sees("Disconnect sensor-0042?", "dialog");
  await tab.page.keyboard.press("Escape");
  await tab.misses("Disconnect sensor-0042?", "dialog");
  assert.equal(await focused(), "Disconnect …");
  await tab.page.keyboard.press("Enter");
  await tab.sees("Disconnect sensor-0042?", "dialog");
  await tabTo("Disconnect");
  await tab.page.keyboard.press("Enter");
  await tab.sees("No session matches", "main");
  await tab.sees("Disconnected.", "#announcer");
});

test("escape closes a session's details and focus goes back to its name", async () => {
  await open({ key: KEY, view: "sessions" });
  await settled("sessions");
  await tab.click("button", "sensor-0001");
  await tab.sees("subscription", "dialog");
  await tab.page.keyboard.press("Escape");
  await tab.page.waitForFunction(() => !document.querySelector("dialog"));
  assert.equal(await focused(), "sensor-0001");
});

test("a trace runs until it is stopped, and can be held and searched", async () => {
  await open({ key: KEY, view: "trace" });
  await tab.fill("Client id, exactly", "sensor-0001");
  await tab.click("button", "Start");
  await tab.sees("MQTT SEND", ".log");
  await tab.fill("Only lines with", "RECV", "searchbox");
  await tab.misses("MQTT SEND", ".log");
  await tab.click("button", "Stop");
  await tab.sees("Stopped.", "#announcer");
  assert.deepEqual(tab.complaints, []);
});

test("a trace that the node ends says why", async () => {
  await open({ key: KEY, view: "trace" });
  await tab.fill("Client id, exactly", "busy");
  await tab.click("button", "Start");
  await tab.sees("Trace rate limit triggered.", "main .notice");
  await tab.sees("Start", "main form");
});

test("a retained message is shown whole and deleted after a question", async () => {
  await open({ key: KEY, view: "topics" });
  await tab.click("button", "plant plant of two halls");
  await tab.sees("plant of two halls", "dialog pre");
  await tab.click("button", "Delete …");
  await tab.sees("New subscribers", "dialog");
  await tab.click("button", "Delete");
  await tab.misses("plant of two halls", "main");
});

test("who gets a topic is told with the reasons, and a filter is no topic", async () => {
  await open({ key: KEY, view: "topics" });
  await tab.fill("Topic, as a publisher would name it", "plant/#");
  await tab.click("button", "Explain");
  await tab.sees("no + and no #", "main");
  await tab.fill("Topic, as a publisher would name it", "plant/north/1/state");
  await tab.page.keyboard.press("Enter");
  await tab.sees("A message to plant/north/1/state", "caption");
  await tab.sees("later", "main table");
  await tab.shot("light-explain");
  assert.deepEqual(await tab.accessibility(), []);
});

test("an address where nobody listens is explained", async () => {
  await open({ view: "try" });
  await tab.fill("Address", "ws://127.0.0.1:9/mqtt", "combobox");
  await tab.click("button", "Connect");
  await tab.sees("Is a ws listener at this address", "main");
});
