// Server-sent events out of a fetched stream, which may carry a header where EventSource cannot.
// Pure: feed() text as it comes, get whole events.

export class EventParser {
  constructor() {
    this.rest = "";
    this.event = { name: "message", lines: [] };
  }

  /** The events that this piece completes: {name, data}. */
  feed(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line === "") {
        if (this.event.lines.length) {
          events.push({ name: this.event.name, data: this.event.lines.join("\n") });
        }
        this.event = { name: "message", lines: [] };
      } else {
        this.take(line);
      }
    }
    return events;
  }

  take(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment keeps the connection warm
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.event.lines.push(value);
    else if (field === "event") this.event.name = value;
  }
}
