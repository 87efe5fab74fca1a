// The last hour, as the page keeps it: columns side by side, extended by each answer of
// history.json. Pure.

const HOUR_MS = 3600 * 1000;

export class History {
  constructor(keepMs = HOUR_MS) {
    this.keepMs = keepMs;
    this.clear();
  }

  clear() {
    this.times = [];
    this.series = {};
    this.intervalMs = 5000;
  }

  /** What to ask for next: everything after this. */
  get since() {
    return this.times.length ? this.times[this.times.length - 1] : 0;
  }

  /** Takes what is new of an answer. A series that was not there before begins with unknowns. */
  merge(answer) {
    this.intervalMs = answer.interval_ms || this.intervalMs;
    const times = answer.times ?? [];
    const last = this.since;
    const fresh = times.map((_, index) => index).filter((index) => times[index] > last);
    for (const name of Object.keys(answer.series ?? {})) {
      this.series[name] ??= this.times.map(() => null);
    }
    for (const name of Object.keys(this.series)) {
      const given = answer.series?.[name];
      for (const index of fresh) this.series[name].push(given?.[index] ?? null);
    }
    for (const index of fresh) this.times.push(times[index]);
    this.trim();
    return fresh.length;
  }

  trim() {
    const oldest = this.since - this.keepMs;
    let count = 0;
    while (count < this.times.length && this.times[count] < oldest) count += 1;
    if (count === 0) return;
    this.times.splice(0, count);
    for (const values of Object.values(this.series)) values.splice(0, count);
  }

  /** Times and the named series of the last `spanMs`. */
  window(names, spanMs = this.keepMs) {
    const from = this.since - spanMs;
    let first = this.times.findIndex((time) => time >= from);
    if (first < 0) first = this.times.length;
    return {
      times: this.times.slice(first),
      columns: names.map(
        (name) => this.series[name]?.slice(first) ?? this.times.slice(first).map(() => null),
      ),
    };
  }

  latest(name) {
    const values = this.series[name];
    return values?.length ? values[values.length - 1] : null;
  }
}

/** Where a value stands between two unknowns: a line cannot show it, only a point can. */
export function lonely(values) {
  const isKnown = (index) => (values[index] ?? null) !== null;
  return [...values.keys()].filter(
    (index) => isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1));
}

/** Now, least, mean and most of a column; null where nothing is known. */
export function summary(times, values) {
  let least = null;
  let most = null;
  let mostAt = null;
  let sum = 0;
  let known = 0;
  values.forEach((value, index) => {
    if (value === null) return;
    known += 1;
    sum += value;
    if (least === null || value < least) least = value;
    if (most === null || value > most) {
      most = value;
      mostAt = times[index];
    }
  });
  const now = values.length ? values[values.length - 1] : null;
  return { now, least, most, mostAt, mean: known ? sum / known : null };
}
