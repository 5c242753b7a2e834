import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Live } from "../live";
import type { Capacity } from "../wire";
import { digits } from "../words";
import { rfc3339 } from "../zone";

/** Few questions at a time, however many rows there are. */
const queue: (() => Promise<void>)[] = [];
let running = 0;
function enqueue(job: () => Promise<void>): void {
  queue.push(job);
  while (running < 3 && queue.length) {
    running++;
    void queue.shift()!().finally(() => {
      running--;
      const next = queue.shift();
      if (next) enqueue(next);
    });
  }
}

const hour = 3600;
const grain = 1800;

/** linePath draws runs of numbers; a gap stays a gap. */
export function linePath(xs: number[], ys: (number | null)[]): string {
  let out = "";
  let pen = false;
  ys.forEach((y, i) => {
    if (y == null) {
      pen = false;
      return;
    }
    // A lone point between gaps still gets a dot's worth of line.
    out += `${pen ? "L" : "M"}${xs[i]!.toFixed(1)} ${y.toFixed(1)}`;
    if (!pen && ys[i + 1] == null) out += "h1.5";
    pen = true;
  });
  return out;
}

const box = { w: 220, h: 34, pad: 2 };

/** Spark is demand of the last 24 hours and its forecast for the next. */
export function Spark({ live, name, now }: { live: Live; name: string; now: number }) {
  const [data, set] = useState<Capacity | null>(null);
  const [seen, setSeen] = useState(false);
  const ref = useRef<SVGSVGElement>(null);
  // It is read again when its window has moved by a step, not at every beat.
  const slot = Math.floor(now / 1000 / (grain / 6));
  useEffect(() => {
    const o = new IntersectionObserver((es) => setSeen(es.some((e) => e.isIntersecting)), { rootMargin: "200px" });
    o.observe(ref.current!);
    return () => o.disconnect();
  }, []);
  const busy = useRef(false);
  const gone = useRef(false);
  const asked = useRef(-Infinity);
  useEffect(() => {
    // At most every 3 s of this machine's time, however fast the served time runs.
    if (!seen || busy.current || performance.now() - asked.current < 3000) return;
    busy.current = true;
    const mid = Math.floor(now / 1000 / grain) * grain;
    const time = (s: number) => rfc3339(s * 1000);
    enqueue(async () => {
      asked.current = performance.now();
      try {
        if (gone.current) return;
        const c = await live.api.get<Capacity>(`services/${encodeURIComponent(name)}/capacity?from=${time(mid - 24 * hour)}&to=${time(mid + 24 * hour)}&step=30m`);
        if (!gone.current) set(c);
      } catch {
        // the banner tells of failing reads; the last line stays
      } finally {
        busy.current = false;
      }
    });
  }, [seen, name, slot]);
  useEffect(() => () => { gone.current = true; }, []);
  const drawn = useMemo(() => (data ? lines(data) : null), [data]);
  const mid = box.w / 2;
  return (
    <svg ref={ref} class="spark" viewBox={`0 0 ${box.w} ${box.h}`} preserveAspectRatio="none" role="img" aria-label={data ? sparkWords(data) : "no demand read yet"}>
      <rect class="ahead" x={mid} y="0" width={mid} height={box.h} />
      {drawn && <path class="interval" d={drawn.interval} />}
      {drawn && <path class="forecast" d={drawn.forecast} />}
      {drawn && <path class="actual" d={drawn.actual} />}
      <path class="now" d={`M${mid} 0V${box.h}`} />
    </svg>
  );
}

function lines(c: Capacity): { actual: string; forecast: string; interval: string } {
  const from = Date.parse(c.from) / 1000;
  const to = Date.parse(c.to) / 1000;
  const now = Date.parse(c.now) / 1000;
  const ahead = (col: (number | null)[]) => col.map((v, i) => (c.times[i]! >= now ? v : null));
  const high = ahead(c.forecast_high);
  const low = ahead(c.forecast_low);
  const most = Math.max(0.1, ...[...c.demand, ...high].filter((v): v is number => v != null));
  const xs = c.times.map((t) => ((t - from) / (to - from)) * box.w);
  const y = (v: number | null) => (v == null ? null : box.h - box.pad - (v / most) * (box.h - 2 * box.pad));
  const at = high.flatMap((v, i) => (v != null && low[i] != null ? [i] : []));
  const interval = at.length
    ? "M" + at.map((i) => `${xs[i]!.toFixed(1)} ${y(high[i]!)!.toFixed(1)}`).join("L") + "L" + at.reverse().map((i) => `${xs[i]!.toFixed(1)} ${y(low[i]!)!.toFixed(1)}`).join("L") + "Z"
    : "";
  return { actual: linePath(xs, c.demand.map(y)), forecast: linePath(xs, ahead(c.forecast).map(y)), interval };
}

/** sparkWords is the sparkline as a sentence. */
export function sparkWords(c: Capacity): string {
  const now = Date.parse(c.now) / 1000;
  const past = c.demand.filter((v): v is number => v != null);
  const next = c.forecast.filter((v, i): v is number => v != null && c.times[i]! >= now);
  const a = past.length ? `last 24 h up to ${digits(Math.max(...past))} busy instances` : "no data in the last 24 h";
  const b = next.length ? `next 24 h up to ${digits(Math.max(...next))}` : "no forecast";
  return `${a}, ${b}`;
}
