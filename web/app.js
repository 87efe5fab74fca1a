// The frame around the views: state of the node, navigation, API key.
import { html, render, useEffect, useRef, useState } from "./lib/html.js";
import { address, key } from "./lib/api.js";
import { issueSummary, sortedIssues } from "./lib/cluster.js";
import { clock, duration } from "./lib/format.js";
import { KeyGate } from "./lib/key_gate.js";
import { poll } from "./lib/poll.js";
import { Foreign, Mark, Notice, announce, useKey, usePoll } from "./lib/ui.js";
import { Overview } from "./views/overview.js";
import { Sessions } from "./views/sessions.js";
import { Topics } from "./views/topics.js";
import { Trace } from "./views/trace.js";
import { TryIt } from "./views/try_it.js";

const VIEWS = [
  { name: "overview", title: "Overview", view: Overview },
  {
    name: "sessions", title: "Sessions", view: Sessions,
    keyFor: "Client ids, users and addresses are shown to operators only.",
  },
  {
    name: "topics", title: "Topics", view: Topics,
    keyFor: "Topics and payloads are shown to operators only.",
  },
  {
    name: "trace", title: "Trace", view: Trace,
    keyFor: "A trace shows what a client sends and receives, to operators only.",
  },
  { name: "try", title: "Try it", view: TryIt },
];

/** "#/sessions?user=ann" is the view and its parameters. */
function readPlace() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return {
    view: VIEWS.find((one) => one.name === name) ?? VIEWS[0],
    parameters: new URLSearchParams(query ?? ""),
  };
}

function usePlace() {
  const [place, setPlace] = useState(readPlace);
  useEffect(() => {
    const onChange = () => setPlace(readPlace());
    window.addEventListener("hashchange", onChange);
    return () => window.removeEventListener("hashchange", onChange);
  }, []);
  return place;
}

function Liveness({ state }) {
  if (state.phase === "live") {
    return html`<${Mark} kind="good"
      text=${html`live<span class="minor">, ${clock(state.at)}</span>`} />`;
  }
  if (state.phase === "loading") return html`<${Mark} kind="idle" text="connecting …" />`;
  if (state.phase === "locked") return html`<${Mark} kind="warning" text="API key needed" />`;
  return html`<${Mark} kind="critical" text="no answer" />`;
}

function Header({ state, place }) {
  const present = useKey();
  return html`<header class="top">
    <div class="brand">
      <img src=${address("status/icon.svg")} alt="" width="22" height="22" />
      <span class="product">VerneMQ</span>
      ${state.node && html`<span class="node-name"><${Foreign} text=${state.node.node} /></span>
        <span class="muted minor">${state.node.version}</span>`}
    </div>
    <nav aria-label="Views">
      ${VIEWS.map((one) => html`<a key=${one.name} href=${`#/${one.name}`}
        aria-current=${one === place.view ? "page" : undefined}>${one.title}</a>`)}
    </nav>
    <div class="state">
      <span id="liveness"><${Liveness} state=${state} /></span>
      ${present && html`<button type="button" class="quiet" onClick=${() => key.set("")}
        title="Forget the API key of this tab">Forget key</button>`}
    </div>
  </header>`;
}

/** Over every view, as old numbers must not pass for new ones. */
function Lost({ state }) {
  const [, tick] = useState(0);
  const isLost = state.phase === "lost";
  useEffect(() => {
    if (!isLost) return undefined;
    const timer = setInterval(() => tick((number) => number + 1), 1000);
    return () => clearInterval(timer);
  }, [isLost]);
  if (!isLost) return null;
  return html`<${Notice} kind="critical" title="The node does not answer any more">
    <p>Last answer at ${clock(state.at)}, ${duration(Date.now() - state.at)} ago
      (${state.reason}). What you see is from then. The page tries again every five seconds.</p>
  <//>`;
}

function useTitle(state) {
  const issues = sortedIssues(state.node?.issues);
  const text = state.phase === "live" && issues.length ? `(${issueSummary(issues)}) ` : "";
  const lost = state.phase === "lost" || state.phase === "unreachable" ? "(no answer) " : "";
  useEffect(() => {
    document.title = `${lost}${text}VerneMQ Status`;
  }, [text, lost]);
}

/** Says what a sighted person sees at a glance: the node went, the node came back. */
function useLossAnnounced(phase) {
  const before = useRef(phase);
  useEffect(() => {
    if (phase === "lost") announce("The node does not answer any more.");
    if (phase === "live" && before.current === "lost") announce("The node answers again.");
    before.current = phase;
  }, [phase]);
}

function App() {
  const state = usePoll();
  const place = usePlace();
  const title = useRef(null);
  const isFirst = useRef(true);
  const present = useKey();
  useTitle(state);
  useLossAnnounced(state.phase);
  const { view } = place;
  const isOpen = !view.keyFor || present !== "";
  // Who moves to another view by keyboard or ear begins at its title.
  useEffect(() => {
    if (!isFirst.current) title.current?.focus();
    isFirst.current = false;
  }, [view, isOpen]);
  const content = html`<${view.view} key=${view.name} parameters=${place.parameters} />`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      title.current?.focus();
    }}>Skip to content</a>
    <${Header} state=${state} place=${place} />
    <main id="main" class=${state.phase === "lost" ? "stale" : ""}>
      <h1 ref=${title} tabindex="-1" class=${view.name === "overview" ? "hidden" : ""}>
        ${view.title}
      </h1>
      <${Lost} state=${state} />
      ${view.keyFor ? html`<${KeyGate} what=${view.keyFor}>${content}<//>` : content}
    </main>
    <footer>
      <a href=${address("status/licences.txt")}>Licences</a>
      <span class="muted">Numbers every 5 s; nothing is stored in this browser.</span>
    </footer>
  `;
}

render(html`<${App} />`, document.getElementById("app"));
poll.start();
