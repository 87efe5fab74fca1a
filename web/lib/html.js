// Preact with tagged templates: html`<p>${text}</p>`. What is interpolated becomes a text node or a
// property, never markup.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { render } from "../vendor/preact.js";
export * from "../vendor/hooks.js";
export const html = htm.bind(h);
