// The few pieces that all views are made of.
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "./html.js";
import { cell, visible } from "./format.js";
import { key } from "./api.js";
import { poll } from "./poll.js";

/** Draws again whenever `source` says so; a source has watch(watcher). */
export function useWatch(source) {
  const [, draw] = useState(0);
  useEffect(() => source.watch(() => draw((number) => number + 1)), [source]);
}

export function usePoll() {
  useWatch(poll);
  return poll.state;
}

export function useKey() {
  useWatch(key);
  return key.get();
}

const toSay = [];
const SAID_MS = 700;

/** Says something to screen readers, politely: one after the other, each stays for a moment. */
export function announce(text) {
  if (toSay[toSay.length - 1] === text) return;
  toSay.push(text);
  if (toSay.length === 1) sayNext();
}

function sayNext() {
  document.getElementById("announcer").textContent = toSay[0];
  setTimeout(() => {
    document.getElementById("announcer").textContent = "";
    toSay.shift();
    if (toSay.length) setTimeout(sayNext, 50);
  }, SAID_MS);
}

/**
 * An asynchronous question with its answer: {state, data, error, run}. state is "idle", "busy",
 * "done" or "failed". Only the latest question counts.
 */
export function useQuestion() {
  const [answer, setAnswer] = useState({ state: "idle", data: null, error: null });
  const latest = useRef(0);
  useEffect(() => () => {
    latest.current = -1;
  }, []);
  const run = async (question) => {
    const mine = ++latest.current;
    setAnswer((old) => ({ ...old, state: "busy", error: null }));
    try {
      const data = await question();
      if (latest.current === mine) setAnswer({ state: "done", data, error: null });
      return data;
    } catch (error) {
      if (latest.current === mine && error.name !== "AbortError") {
        setAnswer({ state: "failed", data: null, error });
      }
      return undefined;
    }
  };
  return { ...answer, run };
}

/** kind: "info", "good", "warning", "critical". */
export function Notice({ kind = "info", title, children, role }) {
  return html`<div class=${`notice ${kind}`} role=${role}>
    ${title && html`<strong class="notice-title">${title}</strong>`}
    <div>${children}</div>
  </div>`;
}

export function Problem({ error, onRetry }) {
  if (!error || error.kind === "key") return null;
  return html`<${Notice} kind="critical" role="alert" title="That did not work">
    <p class="lines">${error.message}</p>
    ${onRetry && html`<p><button type="button" onClick=${onRetry}>Try again</button></p>`}
  <//>`;
}

/** Text of strangers: on one line, nothing hidden, any direction kept inside. */
export const Foreign = ({ text }) => html`<bdi class="foreign">${visible(text)}</bdi>`;

export const Mark = ({ kind, text }) =>
  html`<span class=${`mark ${kind}`}>
    <span class="dot" aria-hidden="true"></span><span>${text}</span></span>`;

/**
 * columns: [{key, label, isNumber, isMinor, render(row)}]; minor ones give way on a phone.
 * sort: {key, isDown}; onSort(key) makes headings buttons.
 */
export function Table({ caption, hideCaption, columns, rows, rowKey, empty, sort, onSort }) {
  const id = useId();
  const heading = (column) => {
    const order = sort?.key === column.key ? (sort.isDown ? "descending" : "ascending") : undefined;
    const arrow = order && html`<span aria-hidden="true">${sort.isDown ? " ▾" : " ▴"}</span>`;
    const classes = `${column.isNumber ? "number" : ""} ${column.isMinor ? "minor" : ""}`;
    return html`<th scope="col" class=${classes} aria-sort=${order}>
      ${onSort && column.label
        ? html`<button type="button" class="heading" onClick=${() => onSort(column.key)}>
            ${column.label}${arrow}
          </button>`
        : column.label || html`<span class="hidden">Actions</span>`}
    </th>`;
  };
  const field = (column, row, index) => {
    const classes = `${column.isNumber ? "number" : ""} ${column.isMinor ? "minor" : ""}`;
    const content = column.render ? column.render(row) : visible(cell(row[column.key]));
    return index === 0
      ? html`<th scope="row" class=${classes}>${content}</th>`
      : html`<td class=${classes}>${content}</td>`;
  };
  return html`<div class="scroll" role="region" aria-labelledby=${id} tabindex="0">
    <table>
      <caption id=${id} class=${hideCaption ? "hidden" : ""}>${caption}</caption>
      <thead><tr>${columns.map(heading)}</tr></thead>
      <tbody>
        ${rows.map((row, index) => html`<tr key=${rowKey ? rowKey(row) : index}>
          ${columns.map((column, place) => field(column, row, place))}
        </tr>`)}
        ${rows.length === 0 && html`<tr>
          <td class="empty" colspan=${columns.length}>${empty ?? "Nothing."}</td>
        </tr>`}
      </tbody>
    </table>
  </div>`;
}

/** A modal dialog: Escape and the button close it, focus returns to where it was. */
export function Dialog({ title, onClose, wide, children }) {
  const ref = useRef(null);
  const id = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current;
    dialog.showModal();
    return () => {
      // What lies behind an open dialog cannot take the focus.
      dialog.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const onCancel = (event) => {
    event.preventDefault();
    onClose();
  };
  const onClick = (event) => {
    if (event.target === ref.current) onClose();
  };
  return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby=${id}
    onCancel=${onCancel} onClick=${onClick}>
    <div class="dialog-body">
      <header>
        <h2 id=${id} tabindex="-1" autofocus>${title}</h2>
        <button type="button" class="quiet" onClick=${onClose}>Close</button>
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** Asks before something is changed. onYes may be asynchronous; its error is shown. */
export function Confirm({ title, yes, no = "Cancel", onYes, onClose, children }) {
  const question = useQuestion();
  const submit = (event) => {
    event.preventDefault();
    const form = event.target;
    question.run(() => onYes(new FormData(form)));
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${submit}>
      ${children}
      <${Problem} error=${question.error} />
      <div class="actions">
        <button type="button" onClick=${onClose}>${no}</button>
        <button type="submit" class="danger" disabled=${question.state === "busy"}>${yes}</button>
      </div>
    </form>
  <//>`;
}

export function Field({ label, name, hint, children, ...rest }) {
  const id = useId();
  const described = hint ? `${id}-hint` : undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children
      ? html`<select id=${id} name=${name} aria-describedby=${described} ...${rest}>
          ${children}
        </select>`
      : html`<input id=${id} name=${name} aria-describedby=${described} ...${rest} />`}
    ${hint && html`<small id=${described}>${hint}</small>`}
  </div>`;
}
