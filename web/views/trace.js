// What a client sends and receives, as it happens.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/html.js";
import { stream } from "../lib/api.js";
import { count, visible } from "../lib/format.js";
import { Field, Notice, announce, useWatch } from "../lib/ui.js";

const LINES_MAX = 2000;
// Each event begins with its time; a payload of a stranger can only follow.
const BEGINNING = /^\d{4}-\d\d-\d\dT[\d:.]+Z /;

/** Lines outlive the view: who looks at a session and comes back finds the trace still there. */
class Tracer {
  constructor() {
    this.lines = [];
    this.number = 0;
    this.dropped = 0;
    this.state = "idle";
    this.end = "";
    this.clientId = "";
    this.watchers = new Set();
  }

  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  // A busy client makes thousands of lines; they are drawn together, once a frame.
  changed() {
    if (this.scheduled) return;
    this.scheduled = true;
    setTimeout(() => {
      this.scheduled = false;
      for (const watcher of this.watchers) watcher();
    }, 50);
  }

  add(text) {
    const last = this.lines[this.lines.length - 1];
    // A packet's payload follows on lines of its own.
    if (last && !BEGINNING.test(text)) {
      this.lines[this.lines.length - 1] = { ...last, text: `${last.text}\n${text}` };
      this.changed();
      return;
    }
    this.number += 1;
    this.lines.push({ number: this.number, text, kind: lineKind(text) });
    if (this.lines.length > LINES_MAX) {
      this.dropped += this.lines.length - LINES_MAX;
      this.lines.splice(0, this.lines.length - LINES_MAX);
    }
    this.changed();
  }

  clear() {
    this.lines = [];
    this.dropped = 0;
    this.changed();
  }

  async start({ clientId, mountpoint, rateMax, payload }) {
    this.stop();
    this.clear();
    const aborter = new AbortController();
    this.aborter = aborter;
    this.clientId = clientId;
    this.state = "running";
    this.end = "";
    this.changed();
    announce("The trace runs.");
    let end = "The node ended the trace.";
    try {
      const said = await stream("trace client", [
        ["client-id", clientId],
        mountpoint ? ["--mountpoint", mountpoint] : null,
        ["--rate-max", rateMax], ["--trunc-payload", payload],
      ], aborter.signal, (line) => this.add(line));
      if (said) end = said;
    } catch (error) {
      end = error.name === "AbortError" ? "Stopped." : error.message;
    }
    if (this.aborter !== aborter) return;
    this.state = "idle";
    this.end = end;
    this.changed();
    announce(end);
  }

  stop() {
    this.aborter?.abort();
  }
}

const tracer = new Tracer();

export function lineKind(text) {
  if (/ MQTT RECV: /.test(text)) return "received";
  if (/ MQTT SEND: /.test(text)) return "sent";
  return "other";
}

export function Trace({ parameters }) {
  useWatch(tracer);
  const isRunning = tracer.state === "running";
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    tracer.start({
      clientId: form.get("client-id"), mountpoint: form.get("mountpoint"),
      rateMax: form.get("rate-max"), payload: form.get("payload"),
    });
  };
  return html`
    <form class="card row" onSubmit=${submit} aria-label="Trace">
      <${Field} label="Client id, exactly" name="client-id" required autocomplete="off"
        spellcheck=${false} defaultValue=${parameters.get("client-id") ?? tracer.clientId}
        key=${parameters.get("client-id")} />
      <${Field} label="Mountpoint" name="mountpoint" autocomplete="off" spellcheck=${false} />
      <${Field} label="Lines a 100 ms, at most" name="rate-max" type="number" min="1" max="10000"
        defaultValue="100" />
      <${Field} label="Bytes of a payload" name="payload" type="number" min="0" max="65536"
        defaultValue="200" />
      ${isRunning
        ? html`<button type="button" class="danger" key="stop" onClick=${() => tracer.stop()}>
            Stop</button>`
        : html`<button type="submit" class="primary" key="start">Start</button>`}
    </form>
    <${TraceState} isRunning=${isRunning} />
    <${Lines} />
  `;
}

function TraceState({ isRunning }) {
  if (isRunning) {
    return html`<${Notice} kind="info">Tracing <bdi>${visible(tracer.clientId)}</bdi>. The client
      need not be connected yet.<//>`;
  }
  if (tracer.end && tracer.end !== "Stopped.") {
    return html`<${Notice} kind="warning">${tracer.end}<//>`;
  }
  return null;
}

function Lines() {
  const [wanted, setWanted] = useState("");
  const [held, setHeld] = useState(null); // the lines as they were when “hold” was pressed
  const box = useRef(null);
  const sticks = useRef(true);
  const lines = held ?? tracer.lines;
  const newest = lines.length ? lines[lines.length - 1].number : 0;
  const shown = useMemo(() => {
    const text = wanted.toLowerCase();
    return text ? lines.filter((line) => line.text.toLowerCase().includes(text)) : [...lines];
  }, [wanted, newest, lines, lines.length, held, lines[lines.length - 1]]);
  useLayoutEffect(() => {
    if (sticks.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [newest, wanted]);
  // Whoever scrolls up reads; new lines must not pull the page away.
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    sticks.current = scrollHeight - scrollTop - clientHeight < 40;
  };
  const copy = async () => {
    await navigator.clipboard?.writeText(shown.map((line) => line.text).join("\n"));
    announce("Copied.");
  };
  return html`<section class="card" aria-labelledby="lines-title">
    <div class="bar">
      <h2 id="lines-title">Packets <span class="muted">${count(tracer.lines.length)}${
        tracer.dropped > 0 && ` kept, ${count(tracer.dropped)} older ones dropped`}</span></h2>
      <div class="row tight">
        <${Field} label="Only lines with" type="search"
          onInput=${(event) => setWanted(event.target.value)} />
        <button type="button" aria-pressed=${String(held !== null)}
          onClick=${() => setHeld(held ? null : [...tracer.lines])}>Hold</button>
        <button type="button" onClick=${() => {
          setHeld(null);
          tracer.clear();
        }}>Clear</button>
        ${navigator.clipboard && html`<button type="button" onClick=${copy}>Copy</button>`}
      </div>
    </div>
    <div class="log" ref=${box} role="log" aria-live="off" tabindex="0" aria-label="Packets"
      onScroll=${onScroll}>
      ${shown.map((line) => html`<div key=${line.number} class=${`line ${line.kind}`}>
        <bdi>${line.text.split("\n").map(visible).join("\n")}</bdi></div>`)}
      ${shown.length === 0 && html`<p class="muted">${tracer.lines.length
        ? "No line has this text." : "Nothing yet."}</p>`}
    </div>
  </section>`;
}
