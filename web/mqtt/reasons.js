// What the codes of MQTT mean, in words.

const CONNACK_3 = {
  0: "accepted",
  1: "the broker does not take this protocol version",
  2: "the client id is not allowed",
  3: "the broker is not available",
  4: "wrong user name or password",
  5: "not authorised",
};

const REASONS_5 = {
  0x00: "success", 0x01: "granted QoS 1", 0x02: "granted QoS 2", 0x04: "disconnect with will",
  0x10: "no matching subscribers", 0x11: "no subscription existed",
  0x80: "unspecified error", 0x81: "malformed packet", 0x82: "protocol error",
  0x83: "implementation specific error", 0x84: "unsupported protocol version",
  0x85: "client id not valid", 0x86: "wrong user name or password", 0x87: "not authorised",
  0x88: "server unavailable", 0x89: "server busy", 0x8a: "banned", 0x8b: "server shutting down",
  0x8c: "bad authentication method", 0x8d: "keep alive timeout", 0x8e: "session taken over",
  0x8f: "topic filter invalid", 0x90: "topic name invalid", 0x91: "packet identifier in use",
  0x92: "packet identifier not found", 0x93: "receive maximum exceeded",
  0x94: "topic alias invalid", 0x95: "packet too large", 0x96: "message rate too high",
  0x97: "quota exceeded", 0x98: "administrative action", 0x99: "payload format invalid",
  0x9a: "retain not supported", 0x9b: "QoS not supported", 0x9c: "use another server",
  0x9d: "server moved", 0x9e: "shared subscriptions not supported",
  0x9f: "connection rate exceeded", 0xa0: "maximum connect time",
  0xa1: "subscription ids not supported", 0xa2: "wildcard subscriptions not supported",
};

const hex = (code) => `0x${code.toString(16).padStart(2, "0").toUpperCase()}`;

export function connackText(version, code) {
  const text = version >= 5 ? REASONS_5[code] : CONNACK_3[code];
  return `${text ?? "unknown code"} (${version >= 5 ? hex(code) : code})`;
}

export const reasonText = (code) => `${REASONS_5[code] ?? "unknown code"} (${hex(code)})`;

/** One filter's answer in a SUBACK. */
export function subackText(version, code) {
  if (code <= 2) return `granted QoS ${code}`;
  return version >= 5 ? `refused: ${reasonText(code)}` : "refused (0x80)";
}
