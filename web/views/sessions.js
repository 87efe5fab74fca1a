// Who is connected, or was: search, details, disconnect.
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { call } from "../lib/api.js";
import { cell, count, dateTime, plural, preview } from "../lib/format.js";
import { containing, exactly } from "../lib/query.js";
import {
  Confirm, Dialog, Field, Foreign, Mark, Notice, Problem, Table, announce, useQuestion,
} from "../lib/ui.js";

const COLUMNS = [
  "client_id", "mountpoint", "is_online", "user", "peer_host", "peer_port", "protocol",
  "queue_size", "session_started_at",
];
const LIMITS = [100, 500, 2000, 10000];
const PROTOCOLS = { 3: "3.1", 4: "3.1.1", 5: "5" };

export const protocolText = (number) => PROTOCOLS[number] ?? cell(number);

/** What the form says, as options of `session show`; the node does the filtering. */
export function searchOptions(search, limit) {
  const contains = (field, text) => text && [`--${field}`, containing(text)];
  return [
    ...COLUMNS.map((name) => [`--${name}`]),
    contains("client_id", search.client_id),
    contains("user", search.user),
    contains("peer_host", search.peer_host),
    search.state === "online" && ["--is_online", "true"],
    search.state === "offline" && ["--is_online", "false"],
    ["--limit", limit],
  ].filter(Boolean);
}

function readSearch(parameters) {
  return Object.fromEntries(["client_id", "user", "peer_host", "state"].map(
    (name) => [name, parameters.get(name) ?? ""]));
}

/** The search goes into the address, so it can be kept, sent and gone back to. */
function writeSearch(search) {
  const given = Object.entries(search).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  const hash = `#/sessions${query ? `?${query}` : ""}`;
  if (location.hash === hash) return false;
  location.hash = hash;
  return true;
}

const byColumn = (name) => (a, b) => {
  const [x, y] = [a[name] ?? "", b[name] ?? ""];
  if (x === y) return 0;
  if (typeof x === "number" && typeof y === "number") return x - y;
  return String(x).localeCompare(String(y), "en", { numeric: true });
};

export function Sessions({ parameters }) {
  const search = useMemo(() => readSearch(parameters), [parameters]);
  const [limit, setLimit] = useState(LIMITS[0]);
  const [sort, setSort] = useState({ key: "client_id", isDown: false });
  const [shown, setShown] = useState(null);
  const question = useQuestion();
  const load = () => question.run(async () => {
    const { rows } = await call("session show", searchOptions(search, limit));
    announce(`${plural(rows.length, "session")} found.`);
    return rows;
  });
  useEffect(() => {
    load();
  }, [search, limit]);
  const submit = (event) => {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    setLimit(LIMITS[0]);
    if (!writeSearch(form)) load();
  };
  const rows = question.data ?? [];
  const sorted = useMemo(() => {
    const order = [...rows].sort(byColumn(sort.key));
    return sort.isDown ? order.reverse() : order;
  }, [rows, sort]);
  const onSort = (name) =>
    setSort((old) => ({ key: name, isDown: old.key === name ? !old.isDown : false }));
  return html`
    <${SearchForm} search=${search} onSubmit=${submit} isBusy=${question.state === "busy"} />
    <${Problem} error=${question.error} onRetry=${load} />
    ${question.data && html`<${Found} rows=${sorted} limit=${limit} setLimit=${setLimit}
      sort=${sort} onSort=${onSort} onShow=${setShown} />`}
    ${question.state === "busy" && !question.data && html`<p class="muted">Asking the node …</p>`}
    ${shown && html`<${Details} row=${shown} onClose=${() => setShown(null)} onGone=${() => {
      setShown(null);
      load();
    }} />`}
  `;
}

function SearchForm({ search, onSubmit, isBusy }) {
  const text = (name, label) => html`<${Field} label=${label} name=${name} type="search"
    defaultValue=${search[name]} key=${`${name}=${search[name]}`} autocomplete="off"
    spellcheck=${false} />`;
  return html`<form class="card row" role="search" aria-label="Sessions" onSubmit=${onSubmit}>
    ${text("client_id", "Client id contains")}
    ${text("user", "User contains")}
    ${text("peer_host", "Address contains")}
    <${Field} label="State" name="state" key=${`state=${search.state}`}>
      <option value="" selected=${search.state === ""}>any</option>
      <option value="online" selected=${search.state === "online"}>online</option>
      <option value="offline" selected=${search.state === "offline"}>offline</option>
    <//>
    <button type="submit" class="primary" aria-busy=${String(isBusy)}>Search</button>
  </form>`;
}

function Found({ rows, limit, setLimit, sort, onSort, onShow }) {
  const columns = [
    {
      key: "client_id", label: "Client id",
      render: (row) => html`<button type="button" class="link" onClick=${() => onShow(row)}>
        <${Foreign} text=${row.client_id} /></button>`,
    },
    { key: "is_online", label: "State", render: (row) => html`<${State} row=${row} />` },
    {
      key: "user", label: "User", isMinor: true,
      render: (row) => html`<${Foreign} text=${cell(row.user)} />`,
    },
    {
      key: "peer_host", label: "Address",
      render: (row) => (row.peer_host ? `${row.peer_host}:${row.peer_port}` : "–"),
    },
    {
      key: "protocol", label: "MQTT", isMinor: true,
      render: (row) => protocolText(row.protocol),
    },
    {
      key: "queue_size", label: "Queued", isNumber: true, render: (row) => count(row.queue_size),
    },
    {
      key: "session_started_at", label: "Connected since", isMinor: true, isNumber: true,
      render: (row) => dateTime(row.session_started_at),
    },
  ];
  if (rows.some((row) => row.mountpoint)) {
    columns.push({ key: "mountpoint", label: "Mountpoint", isMinor: true });
  }
  const isCut = rows.length >= limit;
  const next = LIMITS.find((one) => one > limit);
  return html`
    <${Table} columns=${columns} rows=${rows} sort=${sort} onSort=${onSort}
      rowKey=${(row) => `${row.mountpoint}/${row.client_id}`}
      caption=${isCut ? `The first ${count(rows.length)} sessions` : plural(rows.length, "session")}
      empty="No session matches. An empty search shows all of them." />
    ${isCut && html`<p class="row-text">There may be more; narrow the search
      ${next && html`<span> or <button type="button" onClick=${() => setLimit(next)}>
        show up to ${count(next)}</button></span>`}.</p>`}
  `;
}

const State = ({ row }) => html`<${Mark} kind=${row.is_online ? "good" : "idle"}
  text=${row.is_online ? "online" : "offline"} />`;

// One session.

const DETAIL_FIELDS = [
  "node", "client_id", "mountpoint", "user", "peer_host", "peer_port", "protocol", "statename",
  "is_online", "clean_session", "queue_size", "online_messages", "offline_messages",
  "waiting_acks", "session_started_at", "queue_started_at",
];
const SUBSCRIPTION_FIELDS = ["topic", "qos", "rap", "no_local"];
const MESSAGE_FIELDS = ["msg_ref", "msg_qos", "routing_key", "dup", "payload"];
const ROWS_MAX = 200;

function detailOptions(row, fields) {
  return [
    ...fields.map((name) => [`--${name}`]),
    ["--client_id", exactly(row.client_id)],
    // Only where it matters: an empty mountpoint is the usual one.
    row.mountpoint ? ["--mountpoint", exactly(row.mountpoint)] : null,
    ["--limit", ROWS_MAX],
  ].filter(Boolean);
}

async function loadDetails(row) {
  const [session, subscriptions, messages] = await Promise.all(
    [DETAIL_FIELDS, SUBSCRIPTION_FIELDS, MESSAGE_FIELDS].map(
      (fields) => call("session show", detailOptions(row, fields))));
  return {
    session: session.rows[0] ?? null,
    subscriptions: subscriptions.rows.filter((one) => one.topic),
    messages: messages.rows.filter((one) => one.msg_ref),
  };
}

function Details({ row, onClose, onGone }) {
  const question = useQuestion();
  const [isAsking, setAsking] = useState(false);
  const load = () => question.run(() => loadDetails(row));
  useEffect(() => {
    load();
  }, [row]);
  const { data } = question;
  return html`<${Dialog} wide title=${html`Session <${Foreign} text=${row.client_id} />`}
    onClose=${onClose}>
    <${Problem} error=${question.error} onRetry=${load} />
    ${question.state === "busy" && !data && html`<p class="muted">Asking the node …</p>`}
    ${data && !data.session && html`<${Notice} kind="warning" title="This session is gone">
      It ended since the list was made.<//>`}
    ${data?.session && html`
      <div class="actions start">
        <button type="button" class="danger" onClick=${() => setAsking(true)}>
          ${data.session.is_online ? "Disconnect …" : "Remove session …"}</button>
        <button type="button" onClick=${load} aria-busy=${String(question.state === "busy")}>
          Refresh</button>
        <a class="button" href=${`#/trace?client-id=${encodeURIComponent(row.client_id)}`}
          onClick=${onClose}>Trace</a>
      </div>
      <${Facts} session=${data.session} />
      <${Subscriptions} rows=${data.subscriptions} />
      <${Messages} rows=${data.messages} session=${data.session} />
    `}
    ${isAsking && html`<${AskDisconnect} row=${row} isOnline=${data?.session?.is_online}
      onClose=${() => setAsking(false)} onDone=${onGone} />`}
  <//>`;
}

const FACTS = [
  ["State", (session) => html`<${State} row=${session} />`],
  ["User", (session) => html`<${Foreign} text=${cell(session.user)} />`],
  ["Address", (session) => (session.peer_host
    ? `${session.peer_host}:${session.peer_port}` : "–")],
  ["Protocol", (session) => (session.protocol ? `MQTT ${protocolText(session.protocol)}` : "–")],
  ["Node", (session) => cell(session.node)],
  ["Mountpoint", (session) => html`<${Foreign} text=${session.mountpoint || "the default one"} />`],
  ["Connected since", (session) => dateTime(session.session_started_at)],
  ["Session began", (session) => dateTime(session.queue_started_at)],
  ["Ends with its connection", (session) => cell(session.clean_session)],
  ["Queued", (session) => count(session.queue_size)],
  ["Sent, not acknowledged", (session) => count(session.waiting_acks)],
];

const Facts = ({ session }) => html`<dl class="facts">
  ${FACTS.map(([label, value]) => html`<div key=${label}>
    <dt>${label}</dt><dd>${value(session)}</dd></div>`)}
</dl>`;

function Subscriptions({ rows }) {
  const columns = [
    { key: "topic", label: "Filter", render: (row) => html`<${Foreign} text=${row.topic} />` },
    { key: "qos", label: "QoS", isNumber: true },
    { key: "no_local", label: "No local", isMinor: true },
    { key: "rap", label: "Retain as published", isMinor: true },
  ];
  return html`<${Table} caption=${plural(rows.length, "subscription")} columns=${columns}
    rows=${rows} rowKey=${(row) => row.topic} empty="It has subscribed to nothing." />
    ${rows.length >= ROWS_MAX && html`<p class="muted">The first ${ROWS_MAX}.</p>`}`;
}

function Messages({ rows, session }) {
  const columns = [
    {
      key: "routing_key", label: "Topic",
      render: (row) => html`<${Foreign} text=${row.routing_key} />`,
    },
    { key: "msg_qos", label: "QoS", isNumber: true },
    {
      key: "payload", label: "Payload",
      render: (row) => html`<code><bdi>${preview(row.payload, 80)}</bdi></code>`,
    },
    { key: "dup", label: "Sent before", isMinor: true },
  ];
  const total = session.queue_size ?? rows.length;
  const caption = rows.length < total
    ? `The first ${rows.length} of ${count(total)} queued messages`
    : plural(rows.length, "queued message");
  return html`<${Table} caption=${caption} columns=${columns} rows=${rows}
    rowKey=${(row) => row.msg_ref} empty="Nothing waits for this client." />`;
}

function AskDisconnect({ row, isOnline, onClose, onDone }) {
  const act = async (form) => {
    const cleanup = form.has("cleanup") || !isOnline;
    await call("session disconnect", [
      ["client-id", row.client_id],
      row.mountpoint ? ["--mountpoint", row.mountpoint] : null,
      cleanup ? ["--cleanup"] : null,
    ]);
    announce(isOnline ? "Disconnected." : "Removed.");
    onDone();
  };
  const name = html`<${Foreign} text=${row.client_id} />`;
  return isOnline
    ? html`<${Confirm} title=${html`Disconnect ${name}?`} yes="Disconnect" no="Keep connected"
        onYes=${act} onClose=${onClose}>
        <p>Its connection is closed. Most clients connect again by themselves.</p>
        <label class="check"><input type="checkbox" name="cleanup" />
          Also remove its session: subscriptions and queued messages are lost.</label>
      <//>`
    : html`<${Confirm} title=${html`Remove the session of ${name}?`} yes="Remove" no="Keep"
        onYes=${act} onClose=${onClose}>
        <p>Its subscriptions and queued messages are lost.</p>
      <//>`;
}
