// Shows its children to who has an API key, and asks everybody else for one.
import { html, useRef } from "./html.js";
import { call, key } from "./api.js";
import { Field, Notice, Problem, useKey, useQuestion } from "./ui.js";

export function KeyGate({ what, children }) {
  const present = useKey();
  return present ? children : html`<${KeyForm} what=${what} />`;
}

export function KeyForm({ what }) {
  const check = useQuestion();
  const form = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(form.current).get("key").trim();
    if (!given) return;
    key.set(given);
    // Asked at once, so that a wrong key says so here and not somewhere later.
    check.run(() => call("cluster show"));
  };
  const refused = key.wasRefused();
  return html`<section class="card key-card" aria-labelledby="key-title">
    <h2 id="key-title">An API key, please</h2>
    <p>${what}</p>
    ${refused && html`<${Notice} kind="critical" role="alert" title="The node refused this key">
      It may be mistyped, expired, or lack the scope “mgmt”.
    <//>`}
    <${Problem} error=${check.error} />
    <form ref=${form} onSubmit=${submit} class="row">
      <${Field} label="API key" name="key" type="password" autocomplete="off" required
        spellcheck=${false} aria-invalid=${refused ? "true" : undefined} />
      <button type="submit" class="primary">Use this key</button>
    </form>
    <p class="muted small">It stays in this tab and is forgotten when the tab is closed. On the
      node, <code>vmq-admin api-key create scope=mgmt</code> makes one.</p>
  </section>`;
}
