// The management API, and the key for it. The key lives in sessionStorage: gone with the tab, never
// in an address or a cookie.
import { apiPath, complaint, saidText } from "./query.js";
import { EventParser } from "./sse.js";

const SLOT = "vmq-api-key";
const CALL_MS = 20000;

export class ApiError extends Error {
  /** kind: "key" (missing or refused), "failed" (the node says why not), "offline". */
  constructor(kind, text) {
    super(text);
    this.kind = kind;
  }
}

const watchers = new Set();
let refused = false;

export const key = {
  get: () => sessionStorage.getItem(SLOT) ?? "",
  wasRefused: () => refused,
  set(value) {
    refused = false;
    if (value) sessionStorage.setItem(SLOT, value);
    else sessionStorage.removeItem(SLOT);
    for (const watcher of watchers) watcher();
  },
  refuse() {
    sessionStorage.removeItem(SLOT);
    refused = true;
    for (const watcher of watchers) watcher();
  },
  watch(watcher) {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  },
};

export const keyHeaders = () => (key.get() ? { "x-api-key": key.get() } : {});

// Addresses stand beside this very file's: the page works behind a proxy's prefix, and whether its
// own address ends with a slash or not.
export const address = (path) => new URL(`../../${path}`, import.meta.url).href;

async function request(words, options, signal) {
  if (!key.get()) throw new ApiError("key", "an API key is needed");
  let response;
  try {
    response = await fetch(address(apiPath(words, options)), {
      headers: keyHeaders(), signal, cache: "no-store", credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error.name === "TimeoutError") {
      throw new ApiError("offline", "The node did not answer within 20 seconds.");
    }
    throw new ApiError("offline", "The node does not answer.");
  }
  if (response.ok) return response;
  if (response.status === 401) {
    key.refuse();
    throw new ApiError("key", "the node refused the API key");
  }
  throw new ApiError("failed", await failureText(response, words));
}

async function failureText(response, words) {
  const said = complaint(saidText((await response.text().catch(() => "")).trim()));
  if (said) return said.slice(0, 1000);
  if (response.status === 429 || response.status === 503) {
    return "The node is busy. Wait a moment and try again.";
  }
  return `The node refused “${words}” (HTTP ${response.status}).`;
}

/** A command's answer: {rows, text}. */
export async function call(words, options = []) {
  const response = await request(words, options, AbortSignal.timeout(CALL_MS));
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new ApiError("failed", `The answer of “${words}” is no JSON.`);
  }
  const parts = Array.isArray(answer) ? answer : [answer];
  return {
    rows: parts.flatMap((part) => (Array.isArray(part?.table) ? part.table : [])),
    text: parts.filter((part) => part?.type === "text").map((part) => part.text).join("\n"),
  };
}

/**
 * A command that streams: onLine for each line, until it ends or `signal` aborts it. The result is
 * what the node says at the end.
 */
export async function stream(words, options, signal, onLine) {
  const response = await request(words, options, signal);
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    return saidText(await response.text());
  }
  const parser = new EventParser();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "";
      for (const event of parser.feed(value)) {
        if (event.name === "error") throw new ApiError("failed", saidText(event.data));
        if (event.name === "end") return saidText(event.data);
        for (const line of streamLines(event)) onLine(line);
      }
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ApiError) throw error;
    throw new ApiError("offline", "The connection to the node was lost.");
  } finally {
    reader.cancel().catch(() => {});
  }
}

function streamLines(event) {
  if (event.name !== "left_out") return event.data.split("\n");
  return [`(${event.data} left out: the node had more to say than this connection carries)`];
}
