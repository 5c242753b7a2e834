// Local times of any IANA zone, worked out from its offset. All moments are
// milliseconds since 1970.

export interface Segment {
  from: number;
  to: number;
  offset: number; // ms to add to get the local time
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let f = formats.get(zone);
  if (!f) {
    f = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23",
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    formats.set(zone, f);
  }
  return f;
}

/** validZone gives zone back, or UTC if the browser does not know it. */
export function validZone(zone: string): string {
  try {
    formatOf(zone);
    return zone;
  } catch {
    return "UTC";
  }
}

/** offsetAt is what is added to UTC at t to get the zone's local time. */
export function offsetAt(zone: string, t: number): number {
  if (zone === "UTC") return 0;
  const p: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(t)) p[type] = Number(value);
  const local = Date.UTC(p.year!, p.month! - 1, p.day!, p.hour!, p.minute!, p.second!);
  return local - Math.floor(t / 1000) * 1000;
}

const day = 86_400_000;

/** segments cuts [from, to] where the zone's offset changes. */
export function segments(zone: string, from: number, to: number): Segment[] {
  const out: Segment[] = [];
  let start = from;
  let offset = offsetAt(zone, from);
  for (let t = from; t < to; ) {
    const next = Math.min(t + day, to);
    const o = offsetAt(zone, next);
    if (o !== offset) {
      let lo = t;
      let hi = next;
      while (hi - lo > 1000) {
        const mid = Math.floor((lo + hi) / 2000) * 1000;
        if (mid <= lo) break;
        if (offsetAt(zone, mid) === offset) lo = mid;
        else hi = mid;
      }
      out.push({ from: start, to: hi, offset });
      start = hi;
      offset = o;
    }
    t = next;
  }
  out.push({ from: start, to, offset });
  return out;
}

/** offsetName is "UTC+1", "UTC+5:30" or "UTC". */
export function offsetName(offset: number): string {
  return offset === 0 ? "UTC" : "UTC" + shortOffset(offset);
}

/** shortOffset is "+1" or "-3:30". */
export function shortOffset(offset: number): string {
  const m = Math.round(Math.abs(offset) / 60_000);
  const rest = m % 60;
  return (offset < 0 ? "-" : "+") + Math.floor(m / 60) + (rest ? ":" + String(rest).padStart(2, "0") : "");
}

/** doubled reports whether the local time of t is shown twice that day. */
export function doubled(zone: string, t: number): boolean {
  const o = offsetAt(zone, t);
  for (const near of [-3, 3]) {
    const other = offsetAt(zone, t + near * 3_600_000);
    // The same local reading under the other offset, if that is when it held.
    if (other !== o && offsetAt(zone, t + o - other) === other) return true;
  }
  return false;
}

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n: number) => String(n).padStart(2, "0");

function local(zone: string, t: number): Date {
  return new Date(t + offsetAt(zone, t)); // read with getUTC… only
}

/** hm is "08:40", with the offset behind it in the doubled hour. */
export function hm(zone: string, t: number): string {
  const d = local(zone, t);
  const s = two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());
  return doubled(zone, t) ? `${s} (${shortOffset(offsetAt(zone, t))})` : s;
}

/** hms is "08:40:12". */
export function hms(zone: string, t: number): string {
  const d = local(zone, t);
  return [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()].map(two).join(":");
}

/** dayOf is "Mon 23 Nov". */
export function dayOf(zone: string, t: number): string {
  const d = local(zone, t);
  return `${weekdays[d.getUTCDay()]} ${d.getUTCDate()} ${months[d.getUTCMonth()]}`;
}

const long = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/** monthOf is the month that t is in: its name, the day, and how many it has. */
export function monthOf(zone: string, t: number): { name: string; day: number; days: number } {
  const d = local(zone, t);
  return { name: long[d.getUTCMonth()]!, day: d.getUTCDate(), days: new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate() };
}

/** full is "Mon 23 Nov 08:40". */
export function full(zone: string, t: number): string {
  return dayOf(zone, t) + " " + hm(zone, t);
}

const dayNumber = (zone: string, t: number) => Math.floor((t + offsetAt(zone, t)) / day);

/** when is the shortest clear time: "08:47" today, "Tue 08:47" within six days, else "23 Nov 08:47". */
export function when(zone: string, t: number, now: number): string {
  const days = dayNumber(zone, t) - dayNumber(zone, now);
  if (days === 0) return hm(zone, t);
  const d = local(zone, t);
  if (Math.abs(days) <= 6) return `${weekdays[d.getUTCDay()]} ${hm(zone, t)}`;
  return `${d.getUTCDate()} ${months[d.getUTCMonth()]} ${hm(zone, t)}`;
}

/** stamp is "2026-11-23 08:40" for tables. */
export function stamp(zone: string, t: number): string {
  const d = local(zone, t);
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} ${hm(zone, t)}`;
}

/** rfc3339 is "2026-11-23T07:40:00Z". */
export function rfc3339(t: number): string {
  return new Date(t).toISOString().replace(/\.000Z$/, "Z");
}

const minute = 60_000;
const increments = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 5760, 10_080].map((m) => m * minute);

/**
 * ticks are round local times in [from, to], at most `most` of them. In the
 * doubled hour of a clock change a local time comes twice, in the missing one never.
 */
export function ticks(zone: string, from: number, to: number, most: number): number[] {
  const inc = increments.find((i) => (to - from) / i <= most) ?? increments[increments.length - 1]!;
  const out: number[] = [];
  for (const s of segments(zone, from, to)) {
    // Days count from a Monday, so that weekly ticks fall on one.
    const anchor = inc >= day ? 4 * day : 0;
    const first = Math.ceil((s.from + s.offset - anchor) / inc) * inc + anchor - s.offset;
    for (let t = first; t <= s.to; t += inc) {
      if (out.length === 0 || t > out[out.length - 1]!) out.push(t);
    }
  }
  return out;
}

/** tickLabel is the day at midnight, else the time. */
export function tickLabel(zone: string, t: number): string {
  return (t + offsetAt(zone, t)) % day === 0 ? dayOf(zone, t) : hm(zone, t);
}
