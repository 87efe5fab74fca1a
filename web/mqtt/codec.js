// A small MQTT 3.1.1 and 5.0 codec: packets to bytes and back. Pure. It is the page's own, so that
// trying a subscribe needs no library; it knows what a client sends and what a broker answers.

export class CodecError extends Error {}

const TYPES = {
  1: "connect", 2: "connack", 3: "publish", 4: "puback", 5: "pubrec", 6: "pubrel", 7: "pubcomp",
  8: "subscribe", 9: "suback", 10: "unsubscribe", 11: "unsuback", 12: "pingreq", 13: "pingresp",
  14: "disconnect", 15: "auth",
};
const NUMBERS = Object.fromEntries(Object.entries(TYPES).map(([id, name]) => [name, Number(id)]));

// Identifier: name and kind of a property of MQTT 5.
const PROPERTIES = {
  0x01: ["payloadFormat", "byte"], 0x02: ["messageExpiry", "four"],
  0x03: ["contentType", "text"], 0x08: ["responseTopic", "text"],
  0x09: ["correlationData", "data"], 0x0b: ["subscriptionId", "varint"],
  0x11: ["sessionExpiry", "four"], 0x12: ["assignedClientId", "text"],
  0x13: ["serverKeepAlive", "two"], 0x15: ["authMethod", "text"], 0x16: ["authData", "data"],
  0x17: ["requestProblemInfo", "byte"], 0x18: ["willDelay", "four"],
  0x19: ["requestResponseInfo", "byte"], 0x1a: ["responseInfo", "text"],
  0x1c: ["serverReference", "text"], 0x1f: ["reason", "text"], 0x21: ["receiveMaximum", "two"],
  0x22: ["topicAliasMaximum", "two"], 0x23: ["topicAlias", "two"], 0x24: ["maximumQos", "byte"],
  0x25: ["retainAvailable", "byte"], 0x26: ["userProperties", "pair"],
  0x27: ["maximumPacketSize", "four"], 0x28: ["wildcardAvailable", "byte"],
  0x29: ["subscriptionIdsAvailable", "byte"], 0x2a: ["sharedAvailable", "byte"],
};
const PROPERTY_IDS = Object.fromEntries(
  Object.entries(PROPERTIES).map(([id, [name, kind]]) => [name, [Number(id), kind]]),
);

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true });

// Writing.

class Writer {
  constructor() {
    this.bytes = [];
  }
  byte(value) {
    this.bytes.push(value & 0xff);
    return this;
  }
  two(value) {
    return this.byte(value >> 8).byte(value);
  }
  four(value) {
    return this.two(value >>> 16).two(value & 0xffff);
  }
  varint(value) {
    if (value > 268435455) throw new CodecError("too long for MQTT");
    let left = value;
    do {
      const low = left % 128;
      left = Math.floor(left / 128);
      this.byte(left > 0 ? low | 0x80 : low);
    } while (left > 0);
    return this;
  }
  raw(data) {
    for (const byte of data) this.bytes.push(byte);
    return this;
  }
  data(value) {
    if (value.length > 65535) throw new CodecError("longer than 65,535 bytes");
    return this.two(value.length).raw(value);
  }
  text(value) {
    return this.data(utf8.encode(value));
  }
  pair([name, value]) {
    return this.text(name).text(value);
  }
  properties(given = {}) {
    const inner = new Writer();
    for (const [name, value] of Object.entries(given)) {
      const [id, kind] = PROPERTY_IDS[name] ?? [];
      if (id === undefined) throw new CodecError(`unknown property ${name}`);
      const several = kind === "pair" ? value : [value];
      for (const one of several) inner.byte(id)[kind](one);
    }
    return this.varint(inner.bytes.length).raw(inner.bytes);
  }
}

function packet(name, flags, body) {
  const head = new Writer().byte((NUMBERS[name] << 4) | flags).varint(body.bytes.length);
  const whole = new Uint8Array(head.bytes.length + body.bytes.length);
  whole.set(head.bytes);
  whole.set(body.bytes, head.bytes.length);
  return whole;
}

export function encodeConnect(options) {
  const { version = 4, clientId = "", clean = true, keepAlive = 30, properties } = options;
  const { username, password } = options;
  const hasUser = username !== undefined && username !== "";
  const hasPassword = password !== undefined && password !== "";
  // A password without a user name is for MQTT 5 alone. [MQTT-3.1.2-22]
  if (hasPassword && !hasUser && version < 5) {
    throw new CodecError("MQTT 3.1.1 takes no password without a user name");
  }
  const flags = (hasUser ? 0x80 : 0) | (hasPassword ? 0x40 : 0) | (clean ? 0x02 : 0);
  const body = new Writer().text("MQTT").byte(version).byte(flags).two(keepAlive);
  if (version >= 5) body.properties(properties);
  body.text(clientId);
  if (hasUser) body.text(username);
  if (hasPassword) body.text(password);
  return packet("connect", 0, body);
}

export function encodePublish(options) {
  const { version = 4, topic, payload, qos = 0, retain = false, dup = false, packetId } = options;
  const body = new Writer().text(topic);
  if (qos > 0) body.two(packetId);
  if (version >= 5) body.properties(options.properties);
  body.raw(payload);
  return packet("publish", (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), body);
}

export function encodeSubscribe({ version = 4, packetId, filters, properties }) {
  const body = new Writer().two(packetId);
  if (version >= 5) body.properties(properties);
  for (const { filter, qos = 0, noLocal = false } of filters) {
    body.text(filter).byte(version >= 5 && noLocal ? qos | 4 : qos);
  }
  return packet("subscribe", 2, body);
}

export function encodeUnsubscribe({ version = 4, packetId, filters, properties }) {
  const body = new Writer().two(packetId);
  if (version >= 5) body.properties(properties);
  for (const filter of filters) body.text(filter);
  return packet("unsubscribe", 2, body);
}

/** name: puback, pubrec, pubrel or pubcomp; success needs no more than the identifier. */
export function encodeAck(name, packetId) {
  return packet(name, name === "pubrel" ? 2 : 0, new Writer().two(packetId));
}

export const encodePing = () => packet("pingreq", 0, new Writer());
export const encodeDisconnect = () => packet("disconnect", 0, new Writer());

// Reading.

class Reader {
  constructor(data) {
    this.data = data;
    this.at = 0;
  }
  get left() {
    return this.data.length - this.at;
  }
  byte() {
    if (this.left < 1) throw new CodecError("a packet ends too early");
    return this.data[this.at++];
  }
  two() {
    return this.byte() * 256 + this.byte();
  }
  four() {
    return this.two() * 65536 + this.two();
  }
  varint() {
    let value = 0;
    for (let shift = 1; shift <= 128 ** 3; shift *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    throw new CodecError("a length of more than four bytes");
  }
  raw(length) {
    if (this.left < length) throw new CodecError("a packet ends too early");
    const part = this.data.subarray(this.at, this.at + length);
    this.at += length;
    return part;
  }
  rest() {
    return this.raw(this.left);
  }
  datum() {
    return this.raw(this.two());
  }
  text() {
    try {
      return fromUtf8.decode(this.datum());
    } catch (error) {
      if (error instanceof CodecError) throw error;
      throw new CodecError("a text is not UTF-8");
    }
  }
  properties() {
    const inner = new Reader(this.raw(this.varint()));
    const found = {};
    while (inner.left > 0) {
      const id = inner.varint();
      const [name, kind] = PROPERTIES[id] ?? [];
      if (!name) throw new CodecError(`unknown property 0x${id.toString(16)}`);
      if (kind === "pair") (found[name] ??= []).push([inner.text(), inner.text()]);
      else if (kind === "data") found[name] = inner.datum();
      else found[name] = inner[kind]();
    }
    return found;
  }
}

/** A packet's body, of which the first byte is `first`. */
export function decodeBody(version, first, data) {
  const type = TYPES[first >> 4];
  const body = new Reader(data);
  const five = version >= 5;
  switch (type) {
    case "connack": {
      const sessionPresent = (body.byte() & 1) === 1;
      const code = body.byte();
      // A broker that speaks 3.1.1 only refuses version 5 without properties.
      const properties = five && body.left > 0 ? body.properties() : {};
      return { type, sessionPresent, code, properties };
    }
    case "publish": {
      const qos = (first >> 1) & 3;
      if (qos === 3) throw new CodecError("a PUBLISH with QoS 3");
      const topic = body.text();
      const packetId = qos > 0 ? body.two() : null;
      const properties = five ? body.properties() : {};
      const retain = (first & 1) === 1;
      const dup = (first & 8) === 8;
      return { type, topic, qos, retain, dup, packetId, properties, payload: body.rest() };
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp": {
      const packetId = body.two();
      const code = five && body.left > 0 ? body.byte() : 0;
      return { type, packetId, code, properties: body.left > 0 ? body.properties() : {} };
    }
    case "suback":
    case "unsuback": {
      const packetId = body.two();
      const properties = five ? body.properties() : {};
      return { type, packetId, properties, codes: [...body.rest()] };
    }
    case "pingresp":
      return { type };
    case "disconnect":
    case "auth": {
      const code = body.left > 0 ? body.byte() : 0;
      return { type, code, properties: body.left > 0 ? body.properties() : {} };
    }
    default:
      throw new CodecError(`a broker does not send ${type ?? "type 0"}`);
  }
}

/** Cuts a stream of bytes into packets. */
export class Decoder {
  constructor(version, maximum = 16 * 1024 * 1024) {
    this.version = version;
    this.maximum = maximum;
    this.waiting = new Uint8Array(0);
  }

  /** The packets that these bytes complete. Throws CodecError: close the connection then. */
  push(data) {
    const all = new Uint8Array(this.waiting.length + data.length);
    all.set(this.waiting);
    all.set(data, this.waiting.length);
    const packets = [];
    let at = 0;
    for (;;) {
      const head = frameHead(all, at);
      if (!head) break;
      if (head.length > this.maximum) throw new CodecError("a packet is too large for this page");
      const end = head.body + head.length;
      if (end > all.length) break;
      packets.push(decodeBody(this.version, all[at], all.subarray(head.body, end)));
      at = end;
    }
    this.waiting = all.slice(at);
    return packets;
  }
}

/** Where a packet's body begins and how long it is; null: not all of it is here. */
function frameHead(data, at) {
  let length = 0;
  let scale = 1;
  for (let index = at + 1; index < data.length; index += 1) {
    length += (data[index] & 0x7f) * scale;
    if (data[index] < 0x80) return { body: index + 1, length };
    scale *= 128;
    if (scale > 128 ** 3) throw new CodecError("a length of more than four bytes");
  }
  return null;
}
