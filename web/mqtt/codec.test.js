import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CodecError, Decoder, encodeAck, encodeConnect, encodeDisconnect, encodePing, encodePublish,
  encodeSubscribe, encodeUnsubscribe,
} from "./codec.js";

const hex = (data) => Buffer.from(data).toString("hex");
const raw = (text) => new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));
const bytes = (text) => new TextEncoder().encode(text);
const decode = (version, text) => new Decoder(version).push(raw(text));

test("CONNECT of 3.1.1 with user and password", () => {
  const data = encodeConnect({ version: 4, clientId: "a", username: "u", password: "p" });
  assert.equal(hex(data),
    "1013" + "00044d51545404" + "c2" + "001e" + "000161" + "000175" + "000170");
});

test("CONNECT of 5 without a clean start carries its properties", () => {
  const data = encodeConnect({
    version: 5, clientId: "", clean: false, keepAlive: 0, properties: { sessionExpiry: 60 },
  });
  assert.equal(hex(data), "1012" + "00044d51545405" + "00" + "0000" + "05110000003c" + "0000");
});

test("a password alone is for MQTT 5 only", () => {
  assert.throws(() => encodeConnect({ version: 4, clientId: "a", password: "p" }), CodecError);
  assert.equal(encodeConnect({ version: 5, clientId: "a", password: "p" })[9], 0x42);
});

test("PUBLISH by QoS, retain and version", () => {
  assert.equal(hex(encodePublish({ topic: "a", payload: bytes("x") })), "3004" + "000161" + "78");
  assert.equal(
    hex(encodePublish({ topic: "a", payload: bytes("x"), qos: 1, retain: true, packetId: 258 })),
    "3306" + "000161" + "0102" + "78");
  assert.equal(
    hex(encodePublish({
      version: 5, topic: "a", payload: bytes(""), qos: 2, dup: true, packetId: 1,
    })),
    "3c06" + "000161" + "0001" + "00");
});

test("a long PUBLISH has a length of several bytes and comes back whole", () => {
  const payload = new Uint8Array(20000).fill(7);
  const data = encodePublish({ topic: "a/b", payload });
  assert.equal(hex(data.slice(0, 4)), "30a59c01");
  const [packet] = new Decoder(4).push(data);
  assert.equal(packet.topic, "a/b");
  assert.deepEqual(packet.payload, payload);
});

test("SUBSCRIBE, UNSUBSCRIBE, acknowledgements, PINGREQ and DISCONNECT", () => {
  assert.equal(hex(encodeSubscribe({ packetId: 1, filters: [{ filter: "#", qos: 2 }] })),
    "8206" + "0001" + "000123" + "02");
  assert.equal(
    hex(encodeSubscribe({
      version: 5, packetId: 1, filters: [{ filter: "#", qos: 1, noLocal: true }],
    })), "8207" + "0001" + "00" + "000123" + "05");
  assert.equal(hex(encodeUnsubscribe({ packetId: 1, filters: ["a", "b"] })),
    "a208" + "0001" + "000161" + "000162");
  assert.equal(hex(encodeAck("puback", 1)), "40020001");
  assert.equal(hex(encodeAck("pubrel", 1)), "62020001");
  assert.equal(hex(encodePing()), "c000");
  assert.equal(hex(encodeDisconnect()), "e000");
});

test("CONNACK of both versions", () => {
  assert.deepEqual(decode(4, "20020100"),
    [{ type: "connack", sessionPresent: true, code: 0, properties: {} }]);
  const [packet] = decode(5, "200d 00 00 0a 12 0002 6162 13 0014 24 01");
  assert.deepEqual(packet.properties,
    { assignedClientId: "ab", serverKeepAlive: 20, maximumQos: 1 });
  assert.equal(decode(5, "20020001")[0].code, 1);
});

test("PUBLISH of 5 with properties, and user properties in their order", () => {
  const [packet] = decode(5, `3216 000161 0007 0e 26 0001 6b 0001 76 26 0001 6b 0001 77 7879`);
  assert.equal(packet.packetId, 7);
  assert.equal(packet.qos, 1);
  assert.deepEqual(packet.properties.userProperties, [["k", "v"], ["k", "w"]]);
  assert.deepEqual(packet.payload, bytes("xy"));
});

test("SUBACK, UNSUBACK, PUBREC with a reason and DISCONNECT", () => {
  assert.deepEqual(decode(4, "9004 0001 0280")[0].codes, [2, 0x80]);
  assert.deepEqual(decode(5, "9004 0001 00 87")[0].codes, [0x87]);
  assert.deepEqual(decode(4, "b002 0001")[0],
    { type: "unsuback", packetId: 1, properties: {}, codes: [] });
  assert.equal(decode(5, "5003 0001 87")[0].code, 0x87);
  assert.equal(decode(5, "5002 0001")[0].code, 0);
  const [left] = decode(5, "e008 8e 06 1f 0003 6f7574");
  assert.deepEqual(left, { type: "disconnect", code: 0x8e, properties: { reason: "out" } });
  assert.deepEqual(decode(5, "e000")[0], { type: "disconnect", code: 0, properties: {} });
});

test("packets come whole however the stream is cut", () => {
  const data = raw("20020000 d000 3004 000161 78 9003 0001 00");
  const decoder = new Decoder(4);
  const types = [...data].flatMap((byte) => decoder.push(new Uint8Array([byte])))
    .map((packet) => packet.type);
  assert.deepEqual(types, ["connack", "pingresp", "publish", "suback"]);
  assert.equal(new Decoder(4).push(data).length, 4);
});

const broken = {
  "a length without end": [4, "30ffffffffff"],
  "QoS 3": [4, "3605 000161 0001"],
  "a topic longer than its packet": [4, "3003 0009 61"],
  "a topic that is not UTF-8": [4, "3003 0001 ff"],
  "an unknown property": [5, "3006 000161 02 7f 00"],
  "properties longer than their packet": [5, "3004 000161 09"],
  "a packet that only clients send": [4, "8206 0001 000123 00"],
  "type 0": [4, "0000"],
  "a CONNACK without a code": [4, "200100"],
};
for (const [what, [version, text]] of Object.entries(broken)) {
  test(`${what} is an error, not a packet`, () => {
    assert.throws(() => decode(version, text), CodecError);
  });
}

test("a packet over the maximum is refused by its head alone", () => {
  assert.throws(() => new Decoder(4, 100).push(raw("30ff01")), CodecError);
});

test("random bytes make packets or a CodecError, nothing else", () => {
  let seed = 20261123;
  const next = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed >> 16;
  };
  for (let round = 0; round < 20000; round += 1) {
    const body = Array.from({ length: next() % 24 }, () => next() & 0xff);
    const data = new Uint8Array([next() & 0xff, body.length, ...body]);
    try {
      new Decoder(next() % 2 ? 5 : 4).push(data);
    } catch (error) {
      assert.ok(error instanceof CodecError, `${hex(data)}: ${error.stack}`);
    }
  }
});
