// Numbers and durations as a person writes them.

/** nb joins a number and its unit without letting the line break between. */
const nb = " ";

/** digits is x with two significant digits, whole from ten on: 4.7, 0.42, 12, 1,131. */
export function digits(x: number): string {
  const a = Math.abs(x);
  if (a >= 9.95) return Math.round(x).toLocaleString("en-GB");
  if (a >= 0.995) return x.toFixed(1);
  if (a < 0.005) return "0";
  return String(Number(x.toPrecision(2)));
}

/** busy is a demand in its unit. */
export function busy(x: number | null | undefined): string {
  return x == null ? "no data" : `${digits(x)} busy`;
}

/** percent of a number that is already in %. */
export function percent(x: number | null | undefined): string {
  return x == null ? "no data" : `${Math.round(x)}${nb}%`;
}

/** share of a number within 0 to 1: "95 %", "99.5 %". */
export function share(x: number): string {
  return `${Number((x * 100).toFixed(2))}${nb}%`;
}

/** part is a share to two digits: "8.1 %", "13 %". */
export function part(x: number | null): string {
  if (x === null) return "no data";
  const p = 100 * x;
  return `${p < 9.95 ? p.toFixed(1) : Math.round(p)}${nb}%`;
}

/** money of an amount, to the cent up to 1,000: "842.30", "1,131". It has no currency: prices are in whatever the budgets are in. */
export function money(x: number): string {
  const whole = Math.abs(x) >= 999.995;
  return x.toLocaleString("en-GB", { minimumFractionDigits: whole ? 0 : 2, maximumFractionDigits: whole ? 0 : 2 });
}

/** price of an hour, to four digits: "0.4", "1.234". */
export function price(x: number): string {
  return String(Number(x.toPrecision(4)));
}

/** bytes in the largest binary unit that leaves a number from one on: "32 GiB". */
export function bytes(x: number): string {
  const i = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, x)) / 10)));
  return `${Number((x / 1024 ** i).toPrecision(3))}${nb}${["B", "KiB", "MiB", "GiB", "TiB"][i]}`;
}

/** count is "1 instance", "4 instances". */
export function count(n: number, noun: string): string {
  return `${n.toLocaleString("en-GB")}${nb}${noun}${n === 1 ? "" : "s"}`;
}

/** duration of ms in its two largest units: "4 min 10 s", "1 h 20 min", "3 d". */
export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(s / 86_400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return `0${nb}s`;
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, u]) => n + nb + u).join(" ");
}

/** age of ms in its largest unit: "4 s", "7 min", "2 h", "3 d". */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}${nb}s`;
  if (s < 3600) return `${Math.floor(s / 60)}${nb}min`;
  if (s < 86_400) return duration(Math.floor(s / 60) * 60_000);
  return duration(Math.floor(s / 3600) * 3_600_000);
}

const goUnits: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, µs: 1e-3, ns: 1e-6 };

/** goDuration reads "1h2m3.5s" as milliseconds; NaN when it is not one. */
export function goDuration(text: string | null | undefined): number {
  if (!text) return NaN;
  if (text === "0") return 0;
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[+-]/, "");
  if (!/^(\d+(\.\d+)?(h|ms|us|µs|ns|m|s))+$/.test(body)) return NaN;
  let ms = 0;
  for (const [, n, , u] of body.matchAll(/(\d+(\.\d+)?)(h|ms|us|µs|ns|m|s)/g)) ms += Number(n) * goUnits[u!]!;
  return sign * ms;
}

/** askedDuration reads what a person types: "2h", "90 min", "1 h 30 min", "1.5h". NaN when it is none. */
export function askedDuration(text: string): number {
  const t = text.trim().toLowerCase().replace(/\s+/g, "");
  if (!/^(\d+([.,]\d+)?(d|h|min|m|s))+$/.test(t)) return NaN;
  const units: Record<string, number> = { d: 86_400_000, h: 3_600_000, min: 60_000, m: 60_000, s: 1000 };
  let ms = 0;
  for (const [, n, , u] of t.matchAll(/(\d+([.,]\d+)?)(d|h|min|m|s)/g)) ms += Number(n!.replace(",", ".")) * units[u!]!;
  return ms;
}

/** toGo writes ms as the server reads it: "1h30m0s". */
export function toGo(ms: number): string {
  const s = Math.round(ms / 1000);
  return `${Math.floor(s / 3600)}h${Math.floor(s / 60) % 60}m${s % 60}s`;
}

/** change is "4 → 7", or "stays at 4". */
export function change(from: number, to: number): string {
  return from === to ? `stays at ${to}` : `${from} → ${to}`;
}

/**
 * lead cuts a sentence of the server into what is done and why: "4 → 7 instances
 * at 08:47" and "at 08:52 the demand …". Without a colon all of it is why.
 */
export function lead(sentence: string): [string, string] {
  const m = /^(.{1,80}?): (.+)$/s.exec(sentence);
  if (!m) return ["", sentence];
  return [m[1]!, m[2]!.charAt(0).toUpperCase() + m[2]!.slice(1)];
}
