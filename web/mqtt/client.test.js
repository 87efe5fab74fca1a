// The client against a broker made of arrays: what it sends, and what it does with the answers.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { MqttClient } from "./client.js";

let socket;
let timers;
let states;
let messages;

class FakeSocket {
  constructor(url, protocols) {
    Object.assign(this, { url, protocols, readyState: 0, sent: [], isClosed: false });
    if (!url.startsWith("ws")) throw new Error("bad scheme");
    socket = this;
  }
  send(data) {
    this.sent.push(Buffer.from(data).toString("hex"));
  }
  close() {
    this.isClosed = true;
  }
  open() {
    this.readyState = 1;
    this.onopen();
  }
  answer(text) {
    const data = Buffer.from(text.replace(/\s/g, ""), "hex");
    this.onmessage({ data: new Uint8Array(data).buffer });
  }
}

const environment = {
  WebSocket: FakeSocket,
  setTimeout: (run, ms) => timers.push({ run, ms }) && timers[timers.length - 1],
  setInterval: (run, ms) => timers.push({ run, ms, repeats: true }) && timers[timers.length - 1],
  clearTimeout: (timer) => timer && (timer.isOver = true),
  clearInterval: (timer) => timer && (timer.isOver = true),
};

function connected(options = {}) {
  const client = new MqttClient({ url: "ws://x/mqtt", clientId: "c", ...options }, {
    onState: ({ state, text }) => states.push([state, text]),
    onMessage: (packet) => messages.push(packet),
  }, environment);
  client.connect();
  socket.open?.();
  return client;
}

function online(options = {}) {
  const client = connected(options);
  socket.answer((options.version ?? 4) === 5 ? "2003 0000 00" : "2002 0000");
  socket.sent = [];
  return client;
}

const lastState = () => states[states.length - 1];

beforeEach(() => {
  socket = null;
  timers = [];
  states = [];
  messages = [];
});

test("it speaks the subprotocol mqtt and is online after CONNACK", () => {
  const client = connected();
  assert.deepEqual(socket.protocols, ["mqtt"]);
  assert.equal(client.state, "connecting");
  assert.match(socket.sent[0], /^10/);
  socket.answer("20020000");
  assert.equal(client.state, "online");
});

test("a refusal says why, for people", () => {
  connected();
  socket.answer("20020005");
  assert.deepEqual(lastState(), ["closed", "The broker refused: not authorised (5)."]);
  assert.ok(socket.isClosed);
  connected({ version: 5 });
  socket.answer("2003 0086 00");
  assert.match(lastState()[1], /wrong user name or password \(0x86\)/);
});

test("without a CONNACK it gives up", () => {
  connected();
  timers.find((timer) => timer.ms === 10000).run();
  assert.deepEqual(lastState(), ["closed", "No CONNACK within 10 seconds."]);
});

test("an address that is none is said, not thrown", () => {
  const client = new MqttClient({ url: "http://x" }, {
    onState: ({ state, text }) => states.push([state, text]),
  }, environment);
  client.connect();
  assert.equal(lastState()[0], "closed");
  assert.match(lastState()[1], /no WebSocket address/);
});

test("a subscribe resolves with the granted code", async () => {
  const client = online();
  const granted = client.subscribe("a/#", 1);
  const id = socket.sent[0].slice(4, 8);
  socket.answer(`9003 ${id} 01`);
  assert.equal(await granted, 1);
});

test("a QoS 2 publish goes through all four packets", async () => {
  const client = online();
  const done = client.publish({ topic: "a", payload: new Uint8Array(1), qos: 2 });
  const id = socket.sent[0].slice(10, 14);
  socket.answer(`5002 ${id}`);
  assert.equal(socket.sent[1], `6202${id}`);
  socket.answer(`7002 ${id}`);
  assert.equal(await done, 0);
});

test("a publish refused by PUBREC ends there", async () => {
  const client = online({ version: 5 });
  const done = client.publish({ topic: "a", payload: new Uint8Array(0), qos: 2 });
  const id = socket.sent[0].slice(10, 14);
  socket.answer(`5003 ${id} 87`);
  assert.equal(await done, 0x87);
  assert.equal(socket.sent.length, 1);
});

test("a QoS 2 message that comes twice is shown once, and acknowledged twice", () => {
  online();
  socket.answer("3406 000161 0007 78");
  socket.answer("3c06 000161 0007 78");
  assert.equal(messages.length, 1);
  assert.deepEqual(socket.sent, ["50020007", "50020007"]);
  socket.answer("6202 0007");
  assert.equal(socket.sent[2], "70020007");
  socket.answer("3406 000161 0007 79");
  assert.equal(messages.length, 2);
});

test("it pings before the keep alive is over, at the broker's own if given", () => {
  online();
  assert.equal(timers.find((timer) => timer.repeats).ms, 22500);
  timers = [];
  connected({ version: 5 });
  socket.answer("2006 0000 03 13 0008");
  const ping = timers.find((timer) => timer.repeats);
  assert.equal(ping.ms, 6000);
  ping.run();
  assert.equal(socket.sent[1], "c000");
});

test("whatever waits fails when the connection ends, and timers stop", async () => {
  const client = online();
  const waiting = client.subscribe("a", 0);
  socket.onclose({ reason: "" });
  await assert.rejects(waiting, /connection ended/);
  assert.deepEqual(lastState(), ["closed", "The broker closed the connection."]);
  assert.ok(timers.every((timer) => timer.isOver));
  await assert.rejects(client.subscribe("a", 0), /not connected/);
});

test("a DISCONNECT of the broker is shown with its reason", () => {
  online({ version: 5 });
  socket.answer("e001 98");
  assert.match(lastState()[1], /administrative action \(0x98\)/);
  socket.onclose({ reason: "" });
  assert.match(lastState()[1], /administrative action/);
});

test("what is not MQTT closes the connection", () => {
  online();
  socket.answer("f7 00 00 00");
  assert.equal(lastState()[0], "closed");
  online();
  socket.onmessage({ data: "hello" });
  assert.match(lastState()[1], /does not speak MQTT/);
});
