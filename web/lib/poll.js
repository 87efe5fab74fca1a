// What the overview shows, asked for every five seconds. One object that changes; views watch it.
import { address, key, keyHeaders } from "./api.js";
import { History } from "./history.js";

const EVERY_MS = 5000;
const PATIENCE_MS = 4500;

class Poll {
  constructor() {
    // phase: "loading", "live", "lost" (it answered before), "unreachable", "locked" (needs a key).
    this.state = { phase: "loading", at: null, lostAt: null, reason: "", node: null, status: null };
    this.history = new History();
    this.watchers = new Set();
  }

  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  start() {
    this.run();
    // A page that nobody sees asks nothing; it is up to date a moment after it is looked at.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.run();
    });
    window.addEventListener("online", () => this.run());
    key.watch(() => {
      if (key.get()) this.run();
    });
  }

  async run() {
    clearTimeout(this.timer);
    if (this.running) return;
    this.running = true;
    if (!document.hidden) await this.ask();
    this.running = false;
    this.timer = setTimeout(() => this.run(), EVERY_MS);
  }

  async ask() {
    try {
      const node = await this.get("status/node.json");
      if (this.state.node && this.state.node.started_at !== node.started_at) this.history.clear();
      const [history, status] = await Promise.allSettled([
        this.get(`status/history.json?since=${this.history.since}`), this.get("status.json"),
      ]);
      if (history.status === "fulfilled") this.history.merge(history.value);
      this.change({
        phase: "live", at: Date.now(), lostAt: null, reason: "", node,
        status: status.status === "fulfilled" ? status.value : this.state.status,
        hasHistory: history.status === "fulfilled",
      });
    } catch (error) {
      this.change({
        phase: error.locked ? "locked" : this.state.node ? "lost" : "unreachable",
        lostAt: this.state.lostAt ?? Date.now(), reason: error.message,
      });
    }
  }

  async get(path) {
    let response;
    try {
      response = await fetch(address(path), {
        headers: keyHeaders(), signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store",
        credentials: "omit",
      });
    } catch (error) {
      throw new Error(error.name === "TimeoutError" ? "it does not answer in time"
        : "no connection");
    }
    if (response.status === 401) {
      if (key.get()) key.refuse();
      throw Object.assign(new Error("it asks for an API key"), { locked: true });
    }
    if (!response.ok) throw new Error(`it answers HTTP ${response.status}`);
    return response.json();
  }

  change(change) {
    this.state = { ...this.state, ...change };
    for (const watcher of this.watchers) watcher();
  }
}

export const poll = new Poll();
