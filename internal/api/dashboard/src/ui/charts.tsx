import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import { margin, Plot, type Kind, type Look } from "../chart/plot";
import { indexAt, marks, type Columns, type Mark } from "../columns";
import { palette, type Palette, type Theme } from "../theme";
import type { Capacity, Decision, Service } from "../wire";
import { change, count } from "../words";
import { when } from "../zone";
import { useWidth } from "./context";
import { Icon, type IconName } from "./icon";
import { Legend } from "./legend";
import { Readout } from "./readout";
import { countsSentence, demandSentence } from "./sentence";

export interface ChartsProps {
  service: Service;
  capacity: Capacity;
  c: Columns;
  now: number; // ms
  zone: string;
  other: string; // the second zone of the hover
  theme: Theme;
  pin: number | undefined; // seconds
  onPin(t: number | undefined): void;
  onZoom(from: number, to: number): void;
  onBack(): void;
  onOpen(d: Decision): void;
}

/** usePalette reads the colours again when the theme changes, by hand or by the system. */
function usePalette(theme: Theme): Palette {
  const [system, again] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => again((n) => n + 1);
    dark.addEventListener("change", changed);
    return () => dark.removeEventListener("change", changed);
  }, []);
  return useMemo(palette, [theme, system]);
}

/** Charts are demand above instances, on one x. */
export function Charts(p: ChartsProps) {
  const [measure, width] = useWidth();
  const colours = usePalette(p.theme);
  const [hover, setHover] = useState<number | null>(null);
  const plots = useRef<Partial<Record<Kind, Plot>>>({});
  const paused = p.service.status.paused;
  const look: Look = {
    c: p.c, now: p.now / 1000, zone: p.zone, palette: colours, min: p.capacity.min, max: p.capacity.max, acting: p.capacity.acting,
    paused: paused && Date.parse(paused.until) > p.now ? { from: p.now / 1000, to: Date.parse(paused.until) / 1000 } : null,
  };
  const pinned = p.pin === undefined ? -1 : indexAt(p.c.x, p.pin);
  const index = pinned >= 0 ? pinned : hover;
  const t = index !== null && index >= 0 ? p.c.x[index] : undefined;

  const state = useRef({ p, pinned });
  state.current = { p, pinned };
  const hooks = useMemo(() => ({
    hover: (i: number | null) => setHover(i),
    pin: (i: number) => {
      const { p, pinned } = state.current;
      p.onPin(pinned === i ? undefined : p.c.x[i]);
    },
    zoom: (from: number, to: number) => state.current.p.onZoom(from, to),
    back: () => state.current.p.onBack(),
  }), []);

  const keys = (e: KeyboardEvent) => {
    const shown = p.c.x.map((x, i) => (x >= p.c.from && x <= p.c.to ? i : -1)).filter((i) => i >= 0);
    if (!shown.length) return;
    const at = index !== null && index >= 0 ? index : indexAt(p.c.x, p.now / 1000);
    const far = e.shiftKey ? 10 : 1;
    const to: Record<string, number> = { ArrowLeft: at - far, ArrowRight: at + far, Home: shown[0]!, End: shown[shown.length - 1]! };
    if (e.key in to) {
      const next = Math.min(Math.max(to[e.key]!, shown[0]!), shown[shown.length - 1]!);
      if (pinned >= 0) p.onPin(p.c.x[next]);
      setHover(next);
      Object.values(plots.current).forEach((q) => q?.point(next));
    } else if (e.key === "Enter" || e.key === " ") p.onPin(pinned >= 0 ? undefined : p.c.x[at]);
    else if (e.key === "Escape") {
      p.onPin(undefined);
      setHover(null);
      Object.values(plots.current).forEach((q) => q?.point(null));
    } else return;
    e.preventDefault();
  };

  const inner = Math.max(0, width - margin.left - margin.right);
  const xPos = (s: number) => margin.left + ((s - p.c.from) / (p.c.to - p.c.from)) * inner;
  const narrow = width < 700;
  const pinAt = t !== undefined && pinned >= 0 && t >= p.c.from && t <= p.c.to ? xPos(t) : null;
  return (
    <div class="charts" ref={measure} tabIndex={0} role="group" onKeyDown={keys} onMouseLeave={() => setHover(null)}
      aria-label="Charts of demand and instances. Arrow keys move, Enter pins, Escape lets go.">
      <section>
        <Legend kind="demand" c={p.c} capacity={p.capacity} />
        {width > 0 && <Canvas kind="demand" look={look} width={width} height={narrow ? 200 : 250} hooks={hooks} plots={plots.current} pin={pinAt}
          label={demandSentence(p.service, p.c, p.capacity, p.now, p.zone)} />}
      </section>
      <section>
        <Legend kind="instances" c={p.c} capacity={p.capacity} />
        {width > 0 && <Canvas kind="instances" look={look} width={width} height={narrow ? 180 : 210} hooks={hooks} plots={plots.current} pin={pinAt}
          label={countsSentence(p.service, p.c, p.capacity, p.now, p.zone)} />}
      </section>
      <Lane decisions={p.capacity.decisions ?? []} c={p.c} now={p.now} zone={p.zone} xPos={xPos} width={width} onOpen={p.onOpen} />
      {t !== undefined && index !== null && (
        <Readout c={p.c} i={index} capacity={p.capacity} service={p.service} now={p.now} zone={p.zone} other={p.other}
          pinned={pinned >= 0} onUnpin={() => p.onPin(undefined)} onOpen={p.onOpen}
          place={narrow ? null : { x: xPos(t), flip: xPos(t) > width / 2 }} />
      )}
    </div>
  );
}

interface CanvasProps {
  kind: Kind;
  look: Look;
  width: number;
  height: number;
  label: string;
  pin: number | null; // pixels from the left
  hooks: ConstructorParameters<typeof Plot>[4];
  plots: Partial<Record<Kind, Plot>>;
}

function Canvas({ kind, look, width, height, label, pin, hooks, plots }: CanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  useLayoutEffect(() => {
    plot.current = plots[kind] = new Plot(host.current!, kind, look, { width, height }, hooks);
    return () => {
      plot.current?.destroy();
      delete plots[kind];
    };
  }, []);
  useLayoutEffect(() => plot.current?.size(width, height), [width, height]);
  // One redraw for each change of what is shown; the line at now moves by whole pixels.
  const nowPixel = Math.floor(((look.now - look.c.from) / (look.c.to - look.c.from)) * width);
  useLayoutEffect(() => plot.current?.show(look), [look.c, look.palette, look.zone, nowPixel, look.paused?.to, look.min, look.max]);
  return (
    <div class="plot">
      <div class="canvas" id={`chart-${kind}`} ref={host} role="img" aria-label={label} />
      {pin !== null && <div class="pin" style={{ left: `${pin}px` }} />}
    </div>
  );
}

/** markLook of a decision or several: shape for the direction, word for the outcome. */
function markLook(ds: Decision[]): { icon: IconName; kind: string; word: string } {
  if (ds.some((d) => d.outcome === "failed")) return { icon: "failed", kind: "bad", word: "failed" };
  if (ds.every((d) => d.to < d.from)) return { icon: "down", kind: "wanted", word: "fewer" };
  return { icon: "up", kind: "wanted", word: "more" };
}

/** Lane holds the decisions as marks that open. */
function Lane({ decisions, c, now, zone, xPos, width, onOpen }: {
  decisions: Decision[]; c: Columns; now: number; zone: string; xPos(s: number): number; width: number; onOpen(d: Decision): void;
}) {
  const [open, setOpen] = useState<number | null>(null);
  const perPixel = (c.to - c.from) / Math.max(1, width);
  const inside = decisions.filter((d) => Date.parse(d.at) / 1000 >= c.from && Date.parse(d.at) / 1000 <= c.to);
  const all = useMemo(() => marks(inside, perPixel * 34), [decisions, c.from, c.to, width]);
  const cluster = open === null ? undefined : all.find((m) => m.at === open);
  const name = (m: Mark) => {
    const d = m.decisions[0]!;
    return m.decisions.length > 1
      ? `${count(m.decisions.length, "decision")} from ${when(zone, m.at * 1000, now)}`
      : `${when(zone, m.at * 1000, now)} ${change(d.from, d.to)} ${d.code}: open`;
  };
  return (
    <div class="lane">
      <div class="laneline" role="group" aria-label="Decisions">
        {all.map((m) => {
          const l = markLook(m.decisions);
          const many = m.decisions.length > 1;
          return (
            <button key={m.at} class={`mark ${l.kind}`} style={{ left: `${xPos(m.at)}px` }} aria-label={name(m)} title={name(m)}
              aria-expanded={many ? open === m.at : undefined}
              onClick={() => (many ? setOpen(open === m.at ? null : m.at) : onOpen(m.decisions[0]!))}>
              <Icon name={l.icon} />{many && <span>{m.decisions.length}</span>}
            </button>
          );
        })}
        {all.length === 0 && <span class="quiet small nomark">no decision acted in this stretch</span>}
      </div>
      {cluster && (
        <ul class="cluster">
          {cluster.decisions.map((d) => (
            <li key={d.id}><button class="link" onClick={() => onOpen(d)}><time>{when(zone, Date.parse(d.at), now)}</time> <b>{change(d.from, d.to)}</b></button> <code>{d.code}</code> {d.message}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
