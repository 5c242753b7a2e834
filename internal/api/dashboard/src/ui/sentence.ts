import { shorts, type Columns } from "../columns";
import type { Capacity, Service } from "../wire";
import { change, digits, duration, goDuration, percent, share } from "../words";
import { when } from "../zone";

/** demandSentence is the demand chart in words, at this moment. */
export function demandSentence(s: Service, c: Columns, cap: Capacity, now: number, zone: string): string {
  const parts: string[] = [];
  const st = s.status;
  const last = c.demand.map((v, i) => (v == null ? -1 : i)).filter((i) => i >= 0 && c.x[i]! * 1000 <= now).pop();
  if (st.busy != null) parts.push(`${digits(st.busy)} busy instances now${st.utilization != null ? `, ${percent(st.utilization)} of those ready` : ""}`);
  else if (last === undefined) parts.push("no sample received yet");
  else parts.push(`no data since ${when(zone, (c.x[last]! + c.step) * 1000, now)}`);
  let peak = -1;
  c.forecast.forEach((v, i) => {
    if (v != null && c.x[i]! * 1000 > now && (peak < 0 || v > (c.forecast[peak] ?? 0))) peak = i;
  });
  if (peak >= 0) {
    const high = c.forecastHigh[peak];
    parts.push(`forecast up to ${digits(c.forecast[peak]!)} at ${when(zone, c.x[peak]! * 1000, now)}${high != null ? ` (${share(cap.objective)} sure: at most ${digits(high)})` : ""}`);
  } else parts.push("no forecast ahead");
  return `Demand of ${s.name}: ${parts.join("; ")}.`;
}

/** countsSentence is the chart of instances in words, at this moment. */
export function countsSentence(s: Service, c: Columns, cap: Capacity, now: number, zone: string): string {
  const st = s.status;
  const parts = [`${st.ready} ready, ${st.wanted} wanted, min ${cap.min}, max ${cap.max}`];
  if (st.next) parts.push(`${cap.acting ? "" : "would go "}${change(st.next.from, st.next.to)} at ${when(zone, Date.parse(st.next.at), now)}`);
  const missing = shorts(c).reduce((sum, r) => sum + (r.to - r.from), 0);
  parts.push(missing > 0 ? `fewer ready than required for ${duration(missing * 1000)} of the time shown` : "never fewer ready than required in the time shown");
  return `Instances of ${s.name}: ${parts.join("; ")}.`;
}

/** nowLine is what is there: "4 ready, 4 wanted · 2.6 busy, 65 % (limit 70 %)". */
export function nowParts(s: Service): string[] {
  const st = s.status;
  const there = [`${st.ready} ready`];
  if (st.starting) there.push(`${st.starting} starting`);
  if (st.draining) there.push(`${st.draining} draining`);
  there.push(`${st.wanted} wanted`);
  const out = [there.join(", ")];
  if (st.busy != null) {
    const load = st.utilization != null ? `, ${percent(st.utilization)}${st.limit != null ? ` (limit ${percent(st.limit)})` : ""}` : "";
    out.push(`${digits(st.busy)} busy${load}`);
  } else out.push("demand unknown");
  return out;
}

/** holdRule says what holds while samples are missing, and what comes then. */
export function holdRule(s: Service, now: number, zone: string): string {
  const last = s.status.last_sample ? Date.parse(s.status.last_sample) : NaN;
  const hold = goDuration(s.missing?.hold);
  const standIn = goDuration(s.missing?.stand_in);
  if (Number.isNaN(last) || Number.isNaN(hold) || Number.isNaN(standIn)) return "";
  if (now < last + hold) return `The count is held; from ${when(zone, last + hold, now)} the forecast stands in, upwards only.`;
  if (now < last + standIn) {
    return `The forecast stands in, upwards only; from ${when(zone, last + standIn, now)} ${s.missing?.follow_forecast ? "it is followed both ways" : "the count is held"}.`;
  }
  return s.missing?.follow_forecast ? "The forecast is followed both ways." : "The count is held until samples come again.";
}

/** staleAfter is how old the newest sample may be before the page says so, in ms. */
export function staleAfter(s: Service): number {
  return Math.max(120_000, (goDuration(s.missing?.hold) || 300_000) / 2);
}
