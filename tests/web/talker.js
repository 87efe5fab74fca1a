// A client over TCP for the tests: the page's own codec and client on a plain socket.
import { connect } from "node:net";
import { MqttClient } from "../../web/mqtt/client.js";

const PORT = Number(process.env.MQTT_PORT);

/** The address of a listener on this machine, as the page shows it. */
export const address = (port) => `127.0.0.1:${port}`;

/** What the client takes for a WebSocket. */
class PlainSocket {
  constructor() {
    this.readyState = 0;
    this.socket = connect(PORT, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("connect", () => {
      this.readyState = 1;
      this.onopen();
    });
    this.socket.on("data", (data) => this.onmessage({ data: new Uint8Array(data).buffer }));
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.readyState = 3;
      this.onclose({ reason: "" });
    });
  }
  send(data) {
    this.socket.write(data);
  }
  close() {
    this.socket.end();
  }
}

export class TestClient {
  static async connect(clientId, { version = 4 } = {}) {
    const made = new TestClient();
    made.messages = [];
    made.isGone = new Promise((resolve) => {
      made.gone = resolve;
    });
    await new Promise((resolve, reject) => {
      made.client = new MqttClient({ url: "tcp", version, clientId, keepAlive: 0 }, {
        onState: ({ state, text }) => {
          if (state === "online") resolve();
          if (state !== "closed") return;
          made.gone(text);
          reject(new Error(text));
        },
        onMessage: (packet) => {
          made.messages.push(packet);
          made.wake?.();
        },
      }, { ...globalThis, WebSocket: PlainSocket, setTimeout, clearTimeout, setInterval,
        clearInterval });
      made.client.connect();
    });
    return made;
  }

  get isOpen() {
    return this.client.state === "online";
  }

  async subscribe(filter, qos = 0) {
    const code = await this.client.subscribe(filter, qos);
    if (code >= 0x80) throw new Error(`${filter} is refused`);
  }

  publish(topic, text, { qos = 0, retain = false } = {}) {
    return this.client.publish({ topic, payload: new TextEncoder().encode(text), qos, retain });
  }

  /** The next message. */
  async next() {
    while (this.messages.length === 0) {
      await new Promise((resolve) => {
        this.wake = resolve;
      });
    }
    return this.messages.shift();
  }

  close() {
    this.client.disconnect();
  }
}
