// What is retained, who has subscribed, and who would get a message and why.
import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { call } from "../lib/api.js";
import { cell, count, plural, prettyJson, preview, visible } from "../lib/format.js";
import { beginning, containing } from "../lib/query.js";
import { byFilter, joined, sortedChildren, topicError, topicTree } from "../lib/topics.js";
import {
  Confirm, Dialog, Field, Foreign, Mark, Notice, Problem, Table, announce, useQuestion,
} from "../lib/ui.js";

const LIMIT = 1000;
// A tree of so few messages is shown open.
const OPEN_BELOW = 60;

export function Topics({ parameters }) {
  return html`
    <${Explain} topic=${parameters.get("topic") ?? ""} />
    <div class="halves">
      <${Retained} />
      <${Subscriptions} />
    </div>
  `;
}

// Who gets this topic?

function Explain({ topic }) {
  const question = useQuestion();
  const [asked, setAsked] = useState({ name: topic, clientId: "" });
  const [complaint, setComplaint] = useState(null);
  const ask = ({ name, clientId }) => {
    const wrong = topicError(name);
    setComplaint(wrong);
    if (wrong) return;
    setAsked({ name, clientId });
    question.run(async () => {
      const { rows, text } = await call("route explain", [
        ["topic", name], clientId ? ["client-id", clientId] : null,
      ]);
      announce(`${plural(rows.length, "line")} about who gets it.`);
      return { rows, text };
    });
  };
  useEffect(() => {
    if (topic) ask({ name: topic, clientId: "" });
  }, [topic]);
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    ask({ name: form.get("topic"), clientId: form.get("client-id") });
  };
  return html`<section class="card" aria-labelledby="explain-title">
    <h2 id="explain-title">Who gets this topic, and why</h2>
    <form class="row" onSubmit=${submit}>
      <${Field} label="Topic, as a publisher would name it" name="topic" required
        defaultValue=${topic} autocomplete="off" spellcheck=${false}
        aria-invalid=${complaint ? "true" : undefined} />
      <${Field} label="Only this client id, and why not" name="client-id" autocomplete="off"
        spellcheck=${false} />
      <button type="submit" class="primary" aria-busy=${String(question.state === "busy")}>
        Explain</button>
    </form>
    ${complaint && html`<p class="complaint" role="alert">${complaint}</p>`}
    <${Problem} error=${question.error} onRetry=${() => ask(asked)} />
    ${question.data && html`<${Explanation} asked=${asked} data=${question.data} />`}
  </section>`;
}

const LABELS = {
  client_id: "Client id", filter: "Filter", topic: "Filter", qos: "QoS", why: "Why",
  gets: "Gets it", node: "Node", group: "Group", is_online: "Online", mountpoint: "Mountpoint",
};
/** A column of the explanation. */
function explained(name) {
  const column = { key: name, label: label(name) };
  if (name === "client_id" || name === "filter") {
    column.render = (row) => html`<${Foreign} text=${row[name]} />`;
  }
  if (name === "gets") {
    const kinds = { yes: "good", no: "idle" };
    column.render = (row) => html`<${Mark} kind=${kinds[row.gets] ?? "warning"}
      text=${row.gets} />`;
  }
  return column;
}

const label = (name) =>
  LABELS[name] ?? (name[0].toUpperCase() + name.slice(1)).replaceAll("_", " ");

function Explanation({ asked, data }) {
  const names = [...new Set(data.rows.flatMap((row) => Object.keys(row)))]
    .filter((name) => data.rows.some((row) => row[name] !== null && row[name] !== ""));
  return html`
    ${data.text && html`<p class="lines">${data.text}</p>`}
    ${(data.rows.length > 0 || !data.text) && html`<${Table} columns=${names.map(explained)}
      caption=${html`A message to <${Foreign} text=${asked.name} />`} rows=${data.rows}
      empty="Nobody has subscribed to it." />`}
  `;
}

// Retained messages.

function Retained() {
  const question = useQuestion();
  const [prefix, setPrefix] = useState("");
  const [shown, setShown] = useState(null);
  const load = () => question.run(async () => {
    const { rows } = await call("retain show", [
      ["--topic"], ["--payload"], ...(prefix ? [["--topic", beginning(prefix)]] : []),
      ["--limit", LIMIT],
    ]);
    announce(`${plural(rows.length, "retained message")}.`);
    return rows.filter((row) => typeof row.topic === "string");
  });
  useEffect(() => {
    load();
  }, [prefix]);
  const rows = question.data ?? [];
  const tree = useMemo(() => topicTree(rows), [rows]);
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.target).get("prefix");
    if (given === prefix) load();
    else setPrefix(given);
  };
  return html`<section class="card" aria-labelledby="retained-title">
    <h2 id="retained-title">Retained messages${question.data && html`
      <span class="muted"> ${rows.length >= LIMIT ? `the first ${count(LIMIT)}`
        : count(rows.length)}</span>`}</h2>
    <form class="row" onSubmit=${submit}>
      <${Field} label="Topic begins with" name="prefix" type="search" autocomplete="off"
        spellcheck=${false} />
      <button type="submit" aria-busy=${String(question.state === "busy")}>Show</button>
    </form>
    <${Problem} error=${question.error} onRetry=${load} />
    ${question.data && rows.length === 0 && html`<p class="muted">${prefix
      ? "Nothing is retained below this." : "Nothing is retained."}</p>`}
    <${Branches} node=${tree} isOpen=${rows.length < OPEN_BELOW} onShow=${setShown} />
    ${shown && html`<${Payload} row=${shown} onClose=${() => setShown(null)} onGone=${() => {
      setShown(null);
      load();
    }} />`}
  </section>`;
}

function Branches({ node, isOpen, onShow }) {
  const children = sortedChildren(node);
  if (children.length === 0) return null;
  return html`<ul class="tree">
    ${children.map((child) => html`<li key=${child.name}>
      ${child.row && html`<${Leaf} node=${child} onShow=${onShow} />`}
      ${child.children.size > 0 && html`<${Branch} node=${child} isOpen=${isOpen}
        onShow=${onShow} />`}
    </li>`)}
  </ul>`;
}

/** Its children are only made once it is open: a tree of a thousand leaves opens at once. */
function Branch({ node, isOpen, onShow }) {
  const [open, setOpen] = useState(isOpen);
  const { label: name, node: end } = joined(node);
  const below = end.count - (end.row ? 1 : 0);
  return html`<details open=${open} onToggle=${(event) => {
    if (event.target === event.currentTarget) setOpen(event.currentTarget.open);
  }}>
    <summary><${Foreign} text=${name || "(empty level)"} />/
      <span class="muted"> ${count(below)}</span></summary>
    ${open && html`<${Branches} node=${end} isOpen=${isOpen} onShow=${onShow} />`}
  </details>`;
}

const Leaf = ({ node, onShow }) => html`<button type="button" class="leaf"
  onClick=${() => onShow(node.row)} title=${visible(node.topic)}>
  <span class="leaf-name"><${Foreign} text=${node.name || "(empty level)"} /></span>
  <code><bdi>${preview(node.row.payload, 60) || "(empty)"}</bdi></code>
</button>`;

function Payload({ row, onClose, onGone }) {
  const [isAsking, setAsking] = useState(false);
  const text = String(row.payload ?? "");
  const json = prettyJson(text);
  const remove = async () => {
    await call("retain delete", [["--topic", row.topic]]);
    announce("Deleted.");
    onGone();
  };
  return html`<${Dialog} wide title=${html`<${Foreign} text=${row.topic} />`} onClose=${onClose}>
    <p class="muted">${plural(new TextEncoder().encode(text).length, "byte")}${
      json && ", JSON shown with a value a line"}</p>
    <pre tabindex="0" aria-label="Payload">${json ?? text}</pre>
    <div class="actions">
      <a class="button" href=${`#/topics?topic=${encodeURIComponent(row.topic)}`}
        onClick=${onClose}>Who gets it?</a>
      <button type="button" class="danger" onClick=${() => setAsking(true)}>Delete …</button>
    </div>
    ${isAsking && html`<${Confirm} yes="Delete" no="Keep" onYes=${remove}
      title=${html`Delete the retained message of <${Foreign} text=${row.topic} />?`}
      onClose=${() => setAsking(false)}>
      <p>New subscribers will not get it any more.</p>
    <//>`}
  <//>`;
}

// Live subscriptions.

function Subscriptions() {
  const question = useQuestion();
  const [search, setSearch] = useState("");
  const load = () => question.run(async () => {
    const { rows } = await call("session show", [
      ["--client_id"], ["--topic"], ["--qos"], ["--is_online"],
      ...(search ? [["--topic", containing(search)]] : []), ["--limit", LIMIT],
    ]);
    return rows;
  });
  useEffect(() => {
    load();
  }, [search]);
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.target).get("filter");
    if (given === search) load();
    else setSearch(given);
  };
  const rows = question.data ?? [];
  const groups = useMemo(() => byFilter(rows), [rows]);
  const columns = [
    {
      key: "filter", label: "Filter",
      render: (group) => html`<${Foreign} text=${group.filter} />`,
    },
    {
      key: "number", label: "Clients", isNumber: true,
      render: (group) => count(group.subscribers.length),
    },
    {
      key: "who", label: "Who",
      render: (group) => html`<${Subscribers} rows=${group.subscribers} />`,
    },
  ];
  return html`<section class="card" aria-labelledby="subscriptions-title">
    <h2 id="subscriptions-title">Subscriptions</h2>
    <form class="row" onSubmit=${submit}>
      <${Field} label="Filter contains" name="filter" type="search" autocomplete="off"
        spellcheck=${false} />
      <button type="submit" aria-busy=${String(question.state === "busy")}>Show</button>
    </form>
    <${Problem} error=${question.error} onRetry=${load} />
    ${rows.length >= LIMIT && html`<${Notice} kind="info">These are the first ${count(LIMIT)}
      subscriptions; a filter finds the others.<//>`}
    ${question.data && html`<${Table} columns=${columns} rows=${groups}
      rowKey=${(group) => group.filter}
      caption=${`${plural(groups.length, "filter")}, the most wanted first`}
      empty="No subscription matches." />`}
  </section>`;
}

const SHOWN_SUBSCRIBERS = 3;

function Subscribers({ rows }) {
  const [all, setAll] = useState(false);
  const shown = all ? rows : rows.slice(0, SHOWN_SUBSCRIBERS);
  const left = rows.length - shown.length;
  return html`<ul class="names">
    ${shown.map((row) => html`<li key=${row.client_id}>
      <a href=${`#/sessions?client_id=${encodeURIComponent(row.client_id)}`}>
        <${Foreign} text=${row.client_id} /></a>
      <span class="muted"> QoS ${cell(row.qos)}${row.is_online === false ? ", offline" : ""}</span>
    </li>`)}
    ${left > 0 && html`<li><button type="button" class="link" onClick=${() => setAll(true)}>
      and ${count(left)} more</button></li>`}
  </ul>`;
}
