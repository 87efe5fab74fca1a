// The charts of the overview: uPlot on a canvas, with a line of words for who cannot see one.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { byteRate, bytes, clock, count, micros, percent, rate } from "./format.js";
import { lonely, summary } from "./history.js";
import { useWatch } from "./ui.js";

const HEIGHT = 130;

// Steps of an axis of things that are whole.
const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map(
  (first) => first * 10 ** power)).flat();
// Steps of an axis of bytes, so that it says 64 MiB and not 61 MiB.
const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

export const CHARTS = [
  {
    title: "Connections",
    format: count,
    steps: WHOLE_STEPS,
    lines: [["connections", "connections", "a"]],
  },
  { title: "Connects", format: rate, lines: [["connects", "connects", "a"]] },
  {
    title: "Messages",
    format: rate,
    lines: [["publish_in", "in", "a"], ["publish_out", "out", "b"]],
  },
  { title: "Dropped messages", format: rate, lines: [["dropped", "dropped", "bad"]] },
  {
    title: "Queued messages",
    format: count,
    steps: WHOLE_STEPS,
    lines: [["queued", "queued", "c"]],
  },
  {
    title: "Bytes",
    format: byteRate,
    steps: POWERS_OF_TWO,
    lines: [["bytes_in", "in", "a"], ["bytes_out", "out", "b"]],
  },
  {
    title: "Ack latency",
    format: micros,
    lines: [["ack_p50_us", "median", "a"], ["ack_p99_us", "p99", "b"]],
  },
  { title: "CPU", format: percent, lines: [["cpu", "CPU", "c"]] },
  { title: "Memory", format: bytes, steps: POWERS_OF_TWO, lines: [["memory", "memory", "c"]] },
];

/** What changes the drawing besides numbers: the colour scheme. */
const scheme = {
  query: matchMedia("(prefers-color-scheme: dark)"),
  watch(watcher) {
    this.query.addEventListener("change", watcher);
    return () => this.query.removeEventListener("change", watcher);
  },
};

const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function plotOptions(chart, width, onCursor) {
  const axis = {
    stroke: colour("muted"), font: "11px system-ui, sans-serif",
    grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "overview" }, drag: { x: false, y: false }, points: { size: 5 } },
    scales: {
      x: { range: timeRange },
      y: { range: (plot, least, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 24, gap: 4, space: 70, values: (plot, times) => times.map(hoursMinutes) },
      {
        ...axis, size: 62, gap: 4, space: 34, ...(chart.steps && { incrs: chart.steps }),
        values: (plot, ticks) => ticks.map((tick) => chart.format(tick)),
      },
    ],
    series: [
      {},
      ...chart.lines.map(([, label, tone]) => ({
        label, stroke: colour(`line-${tone}`), width: 1.5,
        points: {
          show: true, size: 4, width: 0, fill: colour(`line-${tone}`),
          filter: (plot, index) => lonely(plot.data[index]),
        },
        fill: chart.lines.length === 1 ? colour(`fill-${tone}`) : undefined,
      })),
    ],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

// A node that has just started has few points; they do not fill the whole width.
const timeRange = (plot, first, last) =>
  (first === null || last === null ? [0, 300] : [Math.min(first, last - 300), last]);

const hoursMinutes = (seconds) => clock(seconds * 1000).slice(0, 5);

/** One sentence a line: what a screen reader says for the picture. */
export function describe(chart, times, columns) {
  const parts = chart.lines.map(([, label], index) => {
    const { now, least, most, mostAt } = summary(times, columns[index]);
    if (most === null) return `${label}: not known`;
    return `${label}: now ${chart.format(now)}, least ${chart.format(least)}, ` +
      `most ${chart.format(most)} at ${clock(mostAt)}`;
  });
  return `${chart.title}. ${parts.join("; ")}.`;
}

export function Chart({ chart, history, spanMs, stamp }) {
  useWatch(scheme);
  const box = useRef(null);
  const plot = useRef(null);
  const [cursor, setCursor] = useState(null);
  const { times, columns } = history.window(chart.lines.map(([name]) => name), spanMs);
  const isDark = scheme.query.matches;

  useLayoutEffect(() => {
    const options = plotOptions(chart, Math.max(80, box.current.clientWidth), setCursor);
    plot.current = new window.uPlot(options, [[], ...chart.lines.map(() => [])], box.current);
    const observer = new ResizeObserver(() => {
      const width = Math.max(80, Math.floor(box.current?.clientWidth ?? 0));
      if (plot.current && width !== plot.current.width) {
        plot.current.setSize({ width, height: HEIGHT });
      }
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [chart, isDark]);

  useEffect(() => {
    plot.current?.setData([times.map((ms) => ms / 1000), ...columns]);
  }, [stamp, spanMs, chart, isDark]);

  const at = cursor !== null && cursor < times.length ? cursor : null;
  const shown = at ?? times.length - 1;
  const text = describe(chart, times, columns);
  return html`<figure class="card chart">
    <figcaption>
      <span class="chart-title">${chart.title}</span>
      <span class="chart-values">
        ${chart.lines.map(([name, label, tone], index) => html`<span key=${name} class="value">
          ${chart.lines.length > 1 && html`<span class=${`key-${tone} swatch`}
              aria-hidden="true"></span><span class="muted">${label} </span>`}
          <b>${chart.format(columns[index][shown])}</b>
        </span>`)}
      </span>
    </figcaption>
    <div ref=${box} class="plot" role="img" aria-label=${text}></div>
    <p class="chart-foot muted">
      ${at !== null ? `at ${clock(times[at])}` : foot(chart, times, columns)}
    </p>
  </figure>`;
}

function foot(chart, times, columns) {
  const last = columns.length - 1;
  const { most, mostAt } = summary(times, columns[last]);
  if (most === null) return "not known";
  const label = columns.length > 1 ? ` ${chart.lines[last][1]}` : "";
  return `most${label} ${chart.format(most)} at ${clock(mostAt)}`;
}

/** The charts' numbers as a table, the other way to read them. */
export function chartRows(history, spanMs) {
  return CHARTS.flatMap((chart) => {
    const { times, columns } = history.window(chart.lines.map(([name]) => name), spanMs);
    return chart.lines.map(([name, label], index) => {
      const { now, least, mean, most, mostAt } = summary(times, columns[index]);
      return {
        name,
        series: chart.lines.length > 1 ? `${chart.title}, ${label}` : chart.title,
        now: chart.format(now), least: chart.format(least), mean: chart.format(mean),
        most: chart.format(most), mostAt: clock(mostAt),
      };
    });
  });
}
