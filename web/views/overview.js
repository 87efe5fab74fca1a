// Is all well, and if not, what is to be done? Issues first, then nodes, charts and listeners.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { CHARTS, Chart, chartRows } from "../lib/charts.js";
import { issueSummary, memberRows, sightings, sortedIssues } from "../lib/cluster.js";
import { bytes, count, dateTime, duration, percent, plural, rate } from "../lib/format.js";
import { KeyForm } from "../lib/key_gate.js";
import { poll } from "../lib/poll.js";
import { Foreign, Mark, Notice, Table, announce, usePoll } from "../lib/ui.js";

const SPANS = [
  { label: "5 min", words: "5 minutes", ms: 5 * 60e3 },
  { label: "15 min", words: "15 minutes", ms: 15 * 60e3 },
  { label: "1 hour", words: "hour", ms: 60 * 60e3 },
];

export function Overview() {
  const state = usePoll();
  const { node, status, phase } = state;
  if (!node) {
    if (phase === "locked") {
      return html`<${KeyForm} what="This node shows its status to nobody without an API key." />`;
    }
    return phase === "unreachable"
      ? html`<${Notice} kind="critical" title="The node does not answer">
          <p>Reason: ${state.reason}. The page tries again every five seconds.</p>
          <p>On its machine, <code>systemctl status vernemq</code> and${" "}
            <code>vmq-admin node status</code> say more.</p>
        <//>`
      : html`<p class="muted">Asking the node …</p>`;
  }
  return html`
    <${Issues} issues=${node.issues} isLost=${phase === "lost"} />
    <${Totals} node=${node} />
    <${Nodes} node=${node} status=${status} />
    <${Charts} state=${state} />
    <${Listeners} listeners=${node.listeners} />
  `;
}

function Issues({ issues, isLost }) {
  const sorted = sortedIssues(issues);
  const text = issueSummary(sorted);
  const before = useRef(text);
  useEffect(() => {
    if (before.current !== text) announce(`Issues: ${text}`);
    before.current = text;
  }, [text]);
  if (sorted.length === 0) {
    return html`<section aria-labelledby="issues-title" class="issues">
      <h2 id="issues-title" class="hidden">Issues</h2>
      ${isLost
        ? html`<p class="muted">When it last answered, the node reported no issues.</p>`
        : html`<${Notice} kind="good" title="All well">The node reports no issues.<//>`}
    </section>`;
  }
  return html`<section aria-labelledby="issues-title" class="issues">
    <h2 id="issues-title">Issues <span class="muted">${text}</span></h2>
    <ul class="plain">
      ${sorted.map((issue) => html`<li key=${issue.name}>
        <div class=${`notice ${issue.level === "critical" ? "critical" : "warning"}`}>
          <p><strong>${issue.level === "critical" ? "Critical" : "Warning"}:</strong>${" "}
            <${Foreign} text=${issue.text} /></p>
          ${issue.advice && html`<p><span class="muted">What to do: </span>
            <${Foreign} text=${issue.advice} /></p>`}
        </div>
      </li>`)}
    </ul>
  </section>`;
}

function Totals({ node }) {
  const { totals = {} } = node;
  const history = poll.history;
  const tiles = [
    ["Clients online", count(totals.clients_online)],
    ["Clients offline", count(totals.clients_offline)],
    ["Messages in", rate(history.latest("publish_in"))],
    ["Messages out", rate(history.latest("publish_out"))],
    ["Dropped", rate(history.latest("dropped"))],
    ["Queued", count(totals.queued)],
    ["Subscriptions", count(totals.subscriptions)],
    ["Retained", count(totals.retained)],
    ["CPU", percent(totals.cpu)],
    ["Memory", bytes(totals.memory)],
  ];
  return html`<section aria-labelledby="totals-title">
    <h2 id="totals-title" class="hidden">Totals</h2>
    <dl class="tiles">
      ${tiles.map(([label, value]) => html`<div class="card tile" key=${label}>
        <dt>${label}</dt><dd id=${`tile-${label.toLowerCase().replace(/ /g, "-")}`}>${value}</dd>
      </div>`)}
    </dl>
  </section>`;
}

function Nodes({ node, status }) {
  const members = memberRows(node, status);
  const down = members.filter((member) => !member.isRunning).length;
  const number = (name, label, isMinor) => ({
    key: name, label, isNumber: true, isMinor, render: (row) => count(row[name]),
  });
  const columns = [
    {
      key: "name", label: "Node",
      render: (row) => html`<${Foreign} text=${row.name} />${
        row.isSelf && html` <span class="muted">(this one)</span>`}`,
    },
    {
      key: "isRunning", label: "State",
      render: (row) => html`<${Mark} kind=${row.isRunning ? "good" : "critical"}
        text=${row.isRunning ? "running" : "does not answer"} />`,
    },
    number("num_online", "Online"), number("num_offline", "Offline", true),
    number("msg_in", "Messages in", true), number("msg_out", "Messages out", true),
    number("queue_drop", "Dropped", true), number("queue_unhandled", "No taker", true),
    number("num_subscriptions", "Subscriptions", true), number("num_retained", "Retained", true),
    { key: "version", label: "Version", isMinor: true },
  ];
  const caption = down
    ? `${plural(members.length, "node")}, of which ${down} ${down === 1 ? "does" : "do"} not answer`
    : members.length === 1 ? "One node, running" : `${members.length} nodes, all running`;
  return html`<section aria-labelledby="nodes-title">
    <h2 id="nodes-title">Cluster</h2>
    <${Table} caption=${caption} columns=${columns} rows=${members} rowKey=${(row) => row.name} />
    ${members.length > 1 && html`<${Sightings} status=${status} />`}
    <p class="muted small">Totals since start. This node runs since${" "}
      ${dateTime(node.started_at)} (${duration(node.now - node.started_at)}).</p>
  </section>`;
}

function Sightings({ status }) {
  const { names, rows } = sightings(status);
  if (rows.length === 0) return null;
  const mark = (sees) => (sees === null
    ? "–"
    : html`<${Mark} kind=${sees ? "good" : "critical"} text=${sees ? "sees" : "does not see"} />`);
  const columns = [
    { key: "name", label: "Node", render: (row) => html`<${Foreign} text=${row.name} />` },
    ...names.map((name, index) => ({
      key: name, label: name, render: (row) => mark(row.sees[index]),
    })),
  ];
  return html`<details class="more"><summary>Who sees whom</summary>
    <${Table} caption="What each node sees of the others" hideCaption columns=${columns}
      rows=${rows} rowKey=${(row) => row.name} />
  </details>`;
}

function Charts({ state }) {
  const [span, setSpan] = useState(SPANS[2]);
  const history = poll.history;
  const stamp = `${history.since}/${history.times.length}`;
  const numbers = ["now", "least", "mean", "most"].map((name) => ({
    key: name, label: name[0].toUpperCase() + name.slice(1), isNumber: true,
  }));
  return html`<section aria-labelledby="charts-title">
    <div class="bar">
      <h2 id="charts-title">This node, the last ${span.words}</h2>
      <div role="group" aria-label="Span of the charts" class="choice">
        ${SPANS.map((one) => html`<button type="button" key=${one.label}
          aria-pressed=${String(one === span)}
          onClick=${() => setSpan(one)}>${one.label}</button>`)}
      </div>
    </div>
    ${history.times.length === 0 && html`<p class="muted">${state.hasHistory
      ? "The node has just begun to remember; the first points come in a few seconds."
      : "The node gives no history."}</p>`}
    <div class="charts">
      ${CHARTS.map((chart) => html`<${Chart} key=${chart.title} chart=${chart} history=${history}
        spanMs=${span.ms} stamp=${stamp} />`)}
    </div>
    <details class="more"><summary>The same as numbers</summary>
      <${Table} caption=${`The last ${span.words} in numbers`} hideCaption
        columns=${[{ key: "series", label: "Series" }, ...numbers,
          { key: "mostAt", label: "Most at", isNumber: true }]}
        rows=${chartRows(history, span.ms)} rowKey=${(row) => row.name} />
    </details>
  </section>`;
}

function Listeners({ listeners }) {
  const columns = [
    {
      key: "name", label: "Listener",
      render: (row) => html`<${Foreign} text=${row.name || "–"} />
        <span class="under">${row.type}</span>`,
    },
    {
      key: "address", label: "Address",
      render: (row) => (row.address?.startsWith("/")
        ? html`<${Foreign} text=${row.address} />`
        : html`<span class="whole">${row.address}:${row.port}</span>`),
    },
    {
      key: "status", label: "State",
      render: (row) => html`<${Mark} kind=${row.status === "running" ? "good" : "warning"}
        text=${row.status} />`,
    },
    {
      key: "connections", label: "In use", isNumber: true,
      render: (row) => count(row.connections),
    },
    {
      key: "max", label: "At most", isNumber: true, isMinor: true,
      render: (row) => (typeof row.max === "number" && row.max >= 0 ? count(row.max) : "no limit"),
    },
    { key: "mountpoint", label: "Mountpoint", isMinor: true },
  ];
  return html`<section aria-labelledby="listeners-title">
    <h2 id="listeners-title">Listeners</h2>
    <${Table} caption=${plural((listeners ?? []).length, "listener")} columns=${columns}
      rows=${listeners ?? []} rowKey=${(row) => `${row.type} ${row.address} ${row.port}`}
      empty="None: no client can connect. Add a listener.… line to vernemq.conf." />
  </section>`;
}
