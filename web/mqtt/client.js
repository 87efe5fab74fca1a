// An MQTT client over WebSocket for one page: connect, subscribe, publish, keep alive. It does not
// connect again by itself, since a person is watching.
import {
  CodecError, Decoder, encodeAck, encodeConnect, encodeDisconnect, encodePing, encodePublish,
  encodeSubscribe, encodeUnsubscribe,
} from "./codec.js";
import { connackText, reasonText } from "./reasons.js";

const CONNECT_MS = 10000;
const ACK_MS = 10000;

/** Events: onState({state, text}), onMessage(packet). States: idle, connecting, online, closed. */
export class MqttClient {
  constructor(options, events, environment = globalThis) {
    this.options = { version: 4, keepAlive: 30, ...options };
    this.events = events;
    this.environment = environment;
    this.state = "idle";
    this.waiting = new Map(); // packet id: {resolve, reject, timer}
    this.incoming = new Set(); // packet ids of QoS 2 messages that await PUBREL
    this.nextId = 1;
  }

  connect() {
    this.decoder = new Decoder(this.options.version);
    this.setState("connecting", "Opening the WebSocket …");
    try {
      this.socket = new this.environment.WebSocket(this.options.url, ["mqtt"]);
    } catch (error) {
      this.close(`This is no WebSocket address: ${error.message}`);
      return;
    }
    this.socket.binaryType = "arraybuffer";
    this.connectTimer = this.environment.setTimeout(
      () => this.close("No CONNACK within 10 seconds."), CONNECT_MS);
    this.socket.onopen = () => {
      this.setState("connecting", "Waiting for CONNACK …");
      this.trySend(() => encodeConnect(this.options));
    };
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = (event) => this.close(this.closeText(event));
  }

  closeText(event) {
    if (this.state === "online") {
      return `The broker closed the connection${event.reason ? `: ${event.reason}` : "."}`;
    }
    return "The connection was not accepted. Is a ws listener at this address, and does this " +
      "machine reach it?";
  }

  receive(data) {
    if (this.state === "closed") return;
    if (!(data instanceof ArrayBuffer)) {
      this.close("The other end sent text; it does not speak MQTT.");
      return;
    }
    try {
      for (const packet of this.decoder.push(new Uint8Array(data))) this.take(packet);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.close(`The other end sent what is not MQTT: ${error.message}.`);
    }
  }

  take(packet) {
    switch (packet.type) {
      case "connack":
        this.takeConnack(packet);
        break;
      case "publish":
        this.takePublish(packet);
        break;
      case "pubrel":
        this.incoming.delete(packet.packetId);
        this.send(encodeAck("pubcomp", packet.packetId));
        break;
      case "pubrec":
        if (packet.code >= 0x80) this.settle(packet.packetId, packet);
        else this.send(encodeAck("pubrel", packet.packetId));
        break;
      case "puback":
      case "pubcomp":
      case "suback":
      case "unsuback":
        this.settle(packet.packetId, packet);
        break;
      case "disconnect":
        this.close(`The broker disconnected this client: ${reasonText(packet.code)}` +
          (packet.properties.reason ? `, “${packet.properties.reason}”.` : "."));
        break;
      default:
    }
  }

  takeConnack(packet) {
    const { version } = this.options;
    this.environment.clearTimeout(this.connectTimer);
    if (packet.code !== 0) {
      this.close(`The broker refused: ${connackText(version, packet.code)}` +
        (packet.properties.reason ? `, “${packet.properties.reason}”.` : "."));
      return;
    }
    this.clientId = packet.properties.assignedClientId ?? this.options.clientId;
    const keepAlive = packet.properties.serverKeepAlive ?? this.options.keepAlive;
    if (keepAlive > 0) {
      this.pingTimer = this.environment.setInterval(
        () => this.send(encodePing()), Math.max(1000, keepAlive * 750));
    }
    this.setState("online",
      packet.sessionPresent ? "Connected; the session went on." : "Connected.");
  }

  takePublish(packet) {
    if (packet.qos === 2) {
      this.send(encodeAck("pubrec", packet.packetId));
      if (this.incoming.has(packet.packetId)) return;
      this.incoming.add(packet.packetId);
    } else if (packet.qos === 1) {
      this.send(encodeAck("puback", packet.packetId));
    }
    this.events.onMessage(packet);
  }

  /** The code that the broker granted. */
  async subscribe(filter, qos) {
    const { version } = this.options;
    const answer = await this.ask(
      (packetId) => encodeSubscribe({ version, packetId, filters: [{ filter, qos }] }));
    return answer.codes[0];
  }

  async unsubscribe(filter) {
    const { version } = this.options;
    await this.ask((packetId) => encodeUnsubscribe({ version, packetId, filters: [filter] }));
  }

  /** Resolves with the reason code once the broker has taken it; at once for QoS 0. */
  async publish({ topic, payload, qos = 0, retain = false }) {
    const { version } = this.options;
    if (qos === 0) {
      this.send(encodePublish({ version, topic, payload, qos, retain }));
      return 0;
    }
    const answer = await this.ask(
      (packetId) => encodePublish({ version, topic, payload, qos, retain, packetId }));
    return answer.code;
  }

  disconnect() {
    if (this.state === "online") this.trySend(encodeDisconnect);
    this.close("Disconnected.");
  }

  // Inside.

  /** Sends a packet with an identifier and waits for its answer. */
  ask(encode) {
    return new Promise((resolve, reject) => {
      if (this.state !== "online") {
        reject(new Error("not connected"));
        return;
      }
      const id = this.freeId();
      const data = encode(id);
      const timer = this.environment.setTimeout(() => {
        this.waiting.delete(id);
        reject(new Error("the broker did not answer within 10 seconds"));
      }, ACK_MS);
      this.waiting.set(id, { resolve, reject, timer });
      this.send(data);
    });
  }

  freeId() {
    do {
      this.nextId = this.nextId === 65535 ? 1 : this.nextId + 1;
    } while (this.waiting.has(this.nextId));
    return this.nextId;
  }

  settle(id, packet) {
    const asked = this.waiting.get(id);
    if (!asked) return;
    this.waiting.delete(id);
    this.environment.clearTimeout(asked.timer);
    asked.resolve(packet);
  }

  send(data) {
    if (this.socket?.readyState === 1) this.socket.send(data);
  }

  trySend(encode) {
    try {
      this.send(encode());
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.close(`${error.message}.`);
    }
  }

  close(text) {
    if (this.state === "closed") return;
    this.environment.clearTimeout(this.connectTimer);
    this.environment.clearInterval(this.pingTimer);
    for (const { reject, timer } of this.waiting.values()) {
      this.environment.clearTimeout(timer);
      reject(new Error("the connection ended"));
    }
    this.waiting.clear();
    this.setState("closed", text);
    this.socket?.close();
  }

  setState(state, text) {
    this.state = state;
    this.events.onState({ state, text });
  }
}
