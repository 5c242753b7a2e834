import type { Capacity, Column, Decision } from "./wire";

/** A cell is a number, null for a gap, or undefined where a line may run on. */
export type Cells = (number | null | undefined)[];

/** Columns are what the charts, the table and the CSV all show. Times in seconds. */
export interface Columns {
  x: number[];
  step: number; // seconds
  from: number;
  to: number;
  now: number;
  demand: Cells;
  demandLow: Cells;
  demandHigh: Cells;
  saturated: boolean[];
  forecast: Cells;
  forecastLow: Cells;
  forecastHigh: Cells;
  limit: Cells; // what the instances may carry within the band, busy instances
  ready: Cells;
  starting: Cells;
  draining: Cells;
  wanted: Cells;
  planned: Cells;
  required: Cells;
}

/** upper is the highest utilization in % at n instances. */
export function upper(band: Capacity["band"], n: number): number {
  let u = band[0]?.upper ?? 100;
  for (const s of band) if (n >= s.from) u = s.upper;
  return u;
}

const filled = (c: Column | null | undefined, n: number): Cells => (c && c.length ? c.slice() : new Array<null>(n).fill(null));

/**
 * columns takes the server's answer and adds one point at now: measured counts
 * hold until now and the plan begins there, while lines run on unbroken.
 * `now` and the step are in seconds.
 */
export function columns(c: Capacity, now: number, stepSeconds: number): Columns {
  const n = c.times.length;
  const out: Columns = {
    x: c.times.slice(), step: stepSeconds,
    from: Date.parse(c.from) / 1000, to: Date.parse(c.to) / 1000, now,
    demand: filled(c.demand, n), demandLow: filled(c.demand_low, n), demandHigh: filled(c.demand_high, n),
    saturated: Array.from({ length: n }, (_, i) => Boolean(c.saturated?.[i])),
    forecast: filled(c.forecast, n), forecastLow: filled(c.forecast_low, n), forecastHigh: filled(c.forecast_high, n),
    limit: new Array<null>(n).fill(null),
    ready: filled(c.ready, n), starting: filled(c.starting, n), draining: filled(c.draining, n),
    wanted: filled(c.wanted, n), planned: filled(c.planned, n), required: filled(c.required, n),
  };
  let at = out.x.findIndex((t) => t >= now);
  if (at < 0) at = n;
  if (n > 0 && now >= out.x[0]! && now <= out.to && out.x[at] !== now) insertNow(out, at, now);
  carry(out);
  for (let i = 0; i < out.x.length; i++) {
    const have = out.ready[i] ?? out.planned[i];
    out.limit[i] = have == null ? null : (have * upper(c.band, have)) / 100;
  }
  return out;
}

const lineNames = ["demand", "demandLow", "demandHigh", "forecast", "forecastLow", "forecastHigh"] as const;
const countNames = ["ready", "starting", "draining", "wanted", "planned", "required"] as const;

function insertNow(c: Columns, at: number, now: number): void {
  c.x.splice(at, 0, now);
  c.saturated.splice(at, 0, false);
  c.limit.splice(at, 0, null);
  for (const k of lineNames) {
    // A line that has values on both sides runs on; one that ends, ends.
    const joins = c[k][at - 1] != null && c[k][at] != null;
    c[k].splice(at, 0, joins ? undefined : null);
  }
  for (const k of countNames) {
    const held = c[k][at - 1];
    // The count before now holds until now, if it is no older than a step or two.
    c[k].splice(at, 0, held ?? null);
  }
}

/** carry lets the plan begin at now, with the count that holds there. */
function carry(c: Columns): void {
  const at = c.x.indexOf(c.now);
  if (at < 0) return;
  if (c.planned[at] == null) {
    const first = c.planned.slice(at).find((v) => v != null);
    if (first != null) c.planned[at] = c.wanted[at] ?? first;
  }
}

/** Run is a stretch [from, to) in seconds. */
export interface Run {
  from: number;
  to: number;
}

/**
 * gaps are the stretches before now without demand, from the first value on.
 * The newest steps may still be on their way: the last gap counts only once it
 * is longer than `patience` seconds.
 */
export function gaps(x: number[], demand: Cells, now: number, step: number, patience = 2 * step): Run[] {
  const out: Run[] = [];
  const first = demand.findIndex((v) => v != null);
  if (first < 0) return out;
  let open = -1;
  for (let i = first; i <= x.length; i++) {
    const t = i < x.length ? x[i]! : Infinity;
    const value = i < x.length ? demand[i] : undefined;
    if (t >= now || i === x.length) {
      // The value of a step covers it whole, so the gap begins one step later.
      if (open >= 0 && now - open > patience) out.push({ from: open, to: now });
      break;
    }
    if (value === null && open < 0) open = t;
    else if (value != null && open >= 0) {
      out.push({ from: open, to: t });
      open = -1;
    }
  }
  return out;
}

/** Short is a stretch where fewer were ready than required. */
export interface Short extends Run {
  ready: number;
  required: number;
}

/** shorts are the stretches where required is above ready, cut where either changes. */
export function shorts(c: Columns): Short[] {
  const out: Short[] = [];
  for (let i = 0; i + 1 < c.x.length; i++) {
    const ready = c.ready[i];
    const required = c.required[i];
    if (ready == null || required == null || required <= ready) continue;
    const last = out[out.length - 1];
    const from = c.x[i]!;
    const to = c.x[i + 1]!;
    if (last && last.to === from && last.ready === ready && last.required === required) last.to = to;
    else out.push({ from, to, ready, required });
  }
  return out;
}

/** largest of all numbers in the columns; 0 if there is none. */
export function largest(...columns: Cells[]): number {
  let m = 0;
  for (const c of columns) for (const v of c) if (v != null && v > m) m = v;
  return m;
}

/** top of the y axis: 1.1 times the largest shown; bound is taken in only if nearer than 1.5 times that. */
export function top(shown: number, bound: number | null): number {
  const most = bound != null && bound < 1.5 * shown ? Math.max(shown, bound) : shown;
  return most > 0 ? 1.1 * most : 1;
}

/** indexAt is the step that covers t, -1 before the first. */
export function indexAt(x: number[], t: number): number {
  let lo = 0;
  let hi = x.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (x[mid]! <= t) lo = mid + 1;
    else hi = mid;
  }
  return lo - 1;
}

/** Mark is one or more decisions that fall on the same place of the chart. */
export interface Mark {
  at: number; // seconds, of the first
  decisions: Decision[];
}

/** marks joins decisions that are closer than `near` seconds, oldest first. */
export function marks(decisions: Decision[], near: number): Mark[] {
  const sorted = decisions
    .map((d) => ({ d, at: Date.parse(d.at) / 1000 }))
    .sort((a, b) => a.at - b.at);
  const out: Mark[] = [];
  for (const { d, at } of sorted) {
    const last = out[out.length - 1];
    if (last && at - last.at < near) last.decisions.push(d);
    else out.push({ at, decisions: [d] });
  }
  return out;
}

/** fold joins neighbours that say the same and did nothing; newest first in, newest first out. */
export function fold(decisions: Decision[]): Decision[] {
  const out: Decision[] = [];
  for (const d of decisions) {
    const last = out[out.length - 1];
    const idle = !d.actions?.length;
    if (last && idle && !last.actions?.length && last.code === d.code && last.from === d.from && last.to === d.to &&
      last.outcome === d.outcome && last.service === d.service) {
      // The older one gives where it began, the newer one what it says now.
      out[out.length - 1] = { ...last, at: d.at, last_at: last.last_at ?? last.at, repeats: last.repeats + d.repeats + 1 };
    } else out.push(d);
  }
  return out;
}
