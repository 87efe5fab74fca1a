// A small MQTT client over WebSocket: does a subscribe work, does a publish arrive?
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { bytesToText, clock, count, preview, visible } from "../lib/format.js";
import { webSocketUrls } from "../lib/cluster.js";
import { filterError, topicError } from "../lib/topics.js";
import { MqttClient } from "../mqtt/client.js";
import { reasonText, subackText } from "../mqtt/reasons.js";
import {
  Dialog, Field, Foreign, Mark, Notice, Table, announce, usePoll, useWatch,
} from "../lib/ui.js";

const MESSAGES_MAX = 200;
const PAYLOAD_KEPT = 64 * 1024;

const randomId = () =>
  `status-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36).padStart(7, "0")}`;

/** The one client of the page. It outlives the view, as a look at the sessions must not cut it. */
class Trial {
  constructor() {
    this.client = null;
    this.text = "";
    this.state = "idle";
    this.subscriptions = [];
    this.messages = [];
    this.received = 0;
    this.watchers = new Set();
    this.suggestedId = randomId();
  }

  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  changed() {
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => {
      this.scheduled = false;
      for (const watcher of this.watchers) watcher();
    }, 30);
  }

  connect(options) {
    this.client?.disconnect();
    this.subscriptions = [];
    const client = new MqttClient(options, {
      onState: ({ state, text }) => {
        if (this.client !== client) return;
        this.state = state;
        this.text = text;
        if (state !== "connecting") announce(text);
        if (state === "closed") this.subscriptions = [];
        this.changed();
      },
      onMessage: (packet) => {
        if (this.client === client) this.take(packet);
      },
    });
    this.client = client;
    client.connect();
  }

  take(packet) {
    this.received += 1;
    const kept = packet.payload.slice(0, PAYLOAD_KEPT);
    this.messages.unshift({
      number: this.received, at: Date.now(), topic: packet.topic, qos: packet.qos,
      retain: packet.retain, dup: packet.dup, size: packet.payload.length,
      properties: packet.properties, ...bytesToText(kept),
    });
    this.messages.length = Math.min(this.messages.length, MESSAGES_MAX);
    this.changed();
  }

  async subscribe(filter, qos) {
    const code = await this.client.subscribe(filter, qos);
    if (code < 0x80) {
      this.subscriptions = [
        ...this.subscriptions.filter((one) => one.filter !== filter), { filter, qos: code },
      ];
      this.changed();
    }
    return subackText(this.client.options.version, code);
  }

  async unsubscribe(filter) {
    await this.client.unsubscribe(filter);
    this.subscriptions = this.subscriptions.filter((one) => one.filter !== filter);
    this.changed();
  }

  clear() {
    this.messages = [];
    this.changed();
  }
}

const trial = new Trial();

export function TryIt() {
  useWatch(trial);
  const isOnline = trial.state === "online";
  return html`
    <${Connection} isOnline=${isOnline} />
    ${isOnline && html`<div class="halves">
      <${SubscribeForm} />
      <${PublishForm} />
    </div>`}
    ${(isOnline || trial.messages.length > 0) && html`<${Messages} />`}
  `;
}

function Connection({ isOnline }) {
  const { node } = usePoll();
  const urls = webSocketUrls(node?.listeners, location.hostname);
  // A page that came over TLS may not open an open WebSocket.
  const isTls = location.protocol === "https:";
  const usable = urls.filter(({ url }) => !isTls || url.startsWith("wss:"));
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    trial.connect({
      url: form.get("url").trim(), version: Number(form.get("version")),
      clientId: form.get("client-id"), username: form.get("username"),
      password: form.get("password"), clean: form.has("clean"), keepAlive: 30,
    });
  };
  if (isOnline) {
    return html`<section class="card bar" aria-label="Connection">
      <div><${Mark} kind="good" text="connected" />${" "}as${" "}
        <b><${Foreign} text=${trial.client.clientId} /></b>${" "}to${" "}
        <${Foreign} text=${trial.client.options.url} /></div>
      <button type="button" onClick=${() => trial.client.disconnect()}>Disconnect</button>
    </section>`;
  }
  const isBusy = trial.state === "connecting";
  return html`<section class="card" aria-labelledby="connect-title">
    <h2 id="connect-title">Connect over WebSocket</h2>
    ${node && usable.length === 0 && html`<${Notice} kind="info"
      title=${`This node has no ${isTls ? "wss" : "WebSocket"} listener`}>
      <p>Add <code>${isTls ? "listener.wss" : "listener.ws"}.default = 127.0.0.1:8080</code> to
        vernemq.conf, or give another address here.</p><//>`}
    <form onSubmit=${submit}>
      <div class="row">
        <${Field} label="Address" name="url" type="text" required list="ws-urls"
          inputmode="url" spellcheck=${false} autocomplete="off" class="long"
          key=${usable[0]?.url ?? "none"} defaultValue=${usable[0]?.url ?? ""}
          placeholder=${`${isTls ? "wss" : "ws"}://${location.hostname}:8080/mqtt`} />
        <datalist id="ws-urls">
          ${usable.map(({ url, name }) => html`<option value=${url}>${name}</option>`)}
        </datalist>
        <${Field} label="Protocol" name="version">
          <option value="5">MQTT 5</option>
          <option value="4">MQTT 3.1.1</option>
        <//>
        <${Field} label="Client id" name="client-id" defaultValue=${trial.suggestedId}
          autocomplete="off" spellcheck=${false} />
      </div>
      <div class="row">
        <${Field} label="User name" name="username" autocomplete="off" spellcheck=${false} />
        <${Field} label="Password" name="password" type="password" autocomplete="off" />
        <label class="check"><input type="checkbox" name="clean" checked />
          Begin a clean session</label>
        <button type="submit" class="primary" disabled=${isBusy}>Connect</button>
      </div>
    </form>
    ${isBusy && html`<p class="muted">${trial.text}</p>`}
    ${trial.state === "closed" && html`<${Notice} kind=${trial.text === "Disconnected."
      ? "info" : "critical"}>${trial.text}<//>`}
  </section>`;
}

const QosField = () => html`<${Field} label="QoS" name="qos">
  <option value="0">0, at most once</option>
  <option value="1">1, at least once</option>
  <option value="2">2, exactly once</option>
<//>`;

/** What the broker said to the last subscribe or publish. */
function useOutcome() {
  const [outcome, setOutcome] = useState(null);
  const attempt = async (action) => {
    setOutcome({ kind: "busy", text: "Waiting for the broker …" });
    try {
      setOutcome({ kind: "good", text: await action() });
    } catch (error) {
      setOutcome({ kind: "critical", text: `It did not work: ${error.message}.` });
    }
  };
  const complain = (text) => setOutcome({ kind: "critical", text });
  const view = html`<p class=${`outcome ${outcome?.kind ?? ""}`} role="status">
    ${outcome?.text}</p>`;
  return { attempt, complain, view };
}

function SubscribeForm() {
  const { attempt, complain, view } = useOutcome();
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const filter = form.get("filter");
    const wrong = filterError(filter);
    if (wrong) complain(wrong);
    else attempt(async () =>
      `${visible(filter)}: ${await trial.subscribe(filter, Number(form.get("qos")))}.`);
  };
  return html`<section class="card" aria-labelledby="subscribe-title">
    <h2 id="subscribe-title">Subscribe</h2>
    <form class="row" onSubmit=${submit}>
      <${Field} label="Topic filter" name="filter" required placeholder="test/#" autocomplete="off"
        spellcheck=${false} />
      <${QosField} />
      <button type="submit" class="primary">Subscribe</button>
    </form>
    ${view}
    <ul class="names">
      ${trial.subscriptions.map(({ filter, qos }) => html`<li key=${filter} class="bar">
        <span><${Foreign} text=${filter} /> <span class="muted">QoS ${qos}</span></span>
        <button type="button" onClick=${() => attempt(async () => {
          await trial.unsubscribe(filter);
          return `${visible(filter)}: unsubscribed.`;
        })}>Unsubscribe<span class="hidden"> from <${Foreign} text=${filter} /></span></button>
      </li>`)}
    </ul>
  </section>`;
}

function PublishForm() {
  const { attempt, complain, view } = useOutcome();
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const topic = form.get("topic");
    const qos = Number(form.get("qos"));
    const wrong = topicError(topic);
    if (wrong) {
      complain(wrong);
      return;
    }
    attempt(async () => {
      const code = await trial.client.publish({
        topic, qos, retain: form.has("retain"),
        payload: new TextEncoder().encode(form.get("payload")),
      });
      if (code >= 0x80) throw new Error(`the broker refused it: ${reasonText(code)}`);
      if (qos === 0) return "Sent; at QoS 0 the broker does not answer.";
      return code === 0 ? "The broker has it." : `The broker has it: ${reasonText(code)}.`;
    });
  };
  return html`<section class="card" aria-labelledby="publish-title">
    <h2 id="publish-title">Publish</h2>
    <form class="row" onSubmit=${submit}>
      <${Field} label="Topic" name="topic" required placeholder="test/hello" autocomplete="off"
        spellcheck=${false} />
      <${QosField} />
      <div class="field long"><label for="publish-payload">Payload</label>
        <textarea id="publish-payload" name="payload" rows="3" spellcheck=${false}></textarea></div>
      <label class="check"><input type="checkbox" name="retain" /> Retain</label>
      <button type="submit" class="primary">Publish</button>
    </form>
    ${view}
  </section>`;
}

function Messages() {
  const [shown, setShown] = useState(null);
  const before = useRef(trial.received);
  // Read out at most every three seconds how many came.
  useEffect(() => {
    const timer = setInterval(() => {
      const fresh = trial.received - before.current;
      before.current = trial.received;
      if (fresh > 0) announce(fresh === 1 ? "One message arrived." : `${fresh} messages arrived.`);
    }, 3000);
    return () => clearInterval(timer);
  }, []);
  const columns = [
    { key: "at", label: "Time", render: (row) => clock(row.at) },
    {
      key: "topic", label: "Topic",
      render: (row) => html`<button type="button" class="link" onClick=${() => setShown(row)}>
        <${Foreign} text=${row.topic} /></button>`,
    },
    {
      key: "payload", label: "Payload",
      render: (row) => html`<code><bdi>${preview(row.text, 100) || "(empty)"}</bdi></code>`,
    },
    { key: "qos", label: "QoS", isNumber: true },
    { key: "retain", label: "Retained", isMinor: true },
  ];
  const dropped = trial.received - trial.messages.length;
  return html`<section aria-labelledby="messages-title">
    <div class="bar"><h2 id="messages-title">Messages
      <span class="muted"> ${count(trial.received)} received</span></h2>
      <button type="button" onClick=${() => trial.clear()}>Clear</button></div>
    <${Table} caption=${dropped > 0 ? `The latest ${trial.messages.length}` : "The latest first"}
      columns=${columns} rows=${trial.messages} rowKey=${(row) => row.number}
      empty="None yet: subscribe, then publish." />
    ${shown && html`<${Dialog} wide title=${html`<${Foreign} text=${shown.topic} />`}
      onClose=${() => setShown(null)}>
      <p class="muted">${count(shown.size)} bytes, QoS ${shown.qos}${shown.retain && ", retained"}${
        shown.dup && ", sent before"}${shown.isBinary && ", no text: shown as hexadecimal pairs"}${
        shown.size > PAYLOAD_KEPT && `, the first ${count(PAYLOAD_KEPT)} bytes`}</p>
      <pre tabindex="0" aria-label="Payload">${shown.text}</pre>
    <//>`}
  </section>`;
}
