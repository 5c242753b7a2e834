import uPlot from "uplot";
import { gaps, largest, shorts, top, type Cells, type Columns, type Run } from "../columns";
import { faded, type Palette } from "../theme";
import { digits } from "../words";
import { hm, tickLabel, ticks } from "../zone";
import { atLeast, hatchGap, hatchShort, level, nowLine, px, shade, text, xOf } from "./draw";

/** Look is all that a chart shows. */
export interface Look {
  c: Columns;
  now: number; // seconds; the line, which moves on while the columns stay
  zone: string;
  palette: Palette;
  min: number;
  max: number;
  paused: Run | null;
  acting: boolean;
}

export type Kind = "demand" | "instances";

/** The plots of both charts begin and end at the same places. */
export const margin = { left: 46, right: 14 };

export interface Hooks {
  hover(index: number | null): void;
  pin(index: number): void;
  zoom(from: number, to: number): void;
  back(): void;
}

const order: Record<Kind, (keyof Columns)[]> = {
  demand: ["demandHigh", "demandLow", "forecastHigh", "forecastLow", "limit", "forecast", "demand"],
  instances: ["wanted", "ready", "required", "planned", "planned"],
};

/** topOf is the top of a chart's y axis. */
export function topOf(kind: Kind, l: Look): number {
  const c = l.c;
  if (kind === "instances") return Math.max(2, top(Math.max(largest(c.ready, c.wanted, c.planned, c.required), l.min), l.max));
  return top(largest(c.demand, c.demandHigh, c.forecast, c.forecastHigh), largest(c.limit));
}

function data(kind: Kind, c: Columns): uPlot.AlignedData {
  return [c.x, ...order[kind].map((k) => c[k] as Cells)] as uPlot.AlignedData;
}

/** Plot is one of the two charts of a service. */
export class Plot {
  private readonly u: uPlot;
  private pressed = -1;

  constructor(host: HTMLElement, readonly kind: Kind, private look: Look, size: { width: number; height: number }, hooks: Hooks) {
    this.u = new uPlot(this.options(size, hooks), data(kind, look.c), host);
    this.hollow();
    const over = this.u.over;
    over.addEventListener("mousedown", (e) => (this.pressed = e.clientX));
    over.addEventListener("click", (e) => {
      if (Math.abs(e.clientX - this.pressed) < 4 && this.u.cursor.idx != null) hooks.pin(this.u.cursor.idx);
    });
  }

  show(look: Look): void {
    this.look = look;
    this.hollow();
    this.u.batch(() => {
      this.u.setData(data(this.kind, look.c), false);
      this.u.setScale("x", { min: look.c.from, max: look.c.to });
    });
  }

  /** hollow draws a plan that is not acted on as an outline. */
  private hollow(): void {
    if (this.kind !== "instances") return;
    this.u.series[4]!.width = this.look.acting ? 2 : 5;
    this.u.series[5]!.width = this.look.acting ? 0 : 2.5;
    this.u.series[5]!.show = !this.look.acting;
  }

  size(width: number, height: number): void {
    if (this.u.width !== width || this.u.height !== height) this.u.setSize({ width, height });
  }

  /** point moves the cursor to a step, or away. */
  point(index: number | null): void {
    const t = index === null ? undefined : this.look.c.x[index];
    this.u.setCursor(t === undefined ? { left: -10, top: -10 } : { left: this.u.valToPos(t, "x"), top: 10 }, false);
  }

  destroy(): void {
    this.u.destroy();
  }

  private options(size: { width: number; height: number }, hooks: Hooks): uPlot.Options {
    const quiet = () => this.look.palette.quiet;
    const grid = { stroke: () => this.look.palette.grid, width: 1 };
    const tick = { stroke: () => this.look.palette.grid, width: 1, size: 4 };
    return {
      ...size,
      padding: [8, margin.right, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "capacity", setSeries: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        points: { size: 6 },
        y: false,
        bind: {
          dblclick: () => () => {
            hooks.back();
            return null;
          },
        },
      },
      scales: {
        x: { time: true, range: () => [this.look.c.from, this.look.c.to] },
        y: { range: () => [0, topOf(this.kind, this.look)] },
      },
      axes: [
        {
          stroke: quiet, grid, ticks: tick, size: 30, gap: 4, font: "11px system-ui, sans-serif",
          splits: (u, _axis, min, max) => ticks(this.look.zone, min * 1000, max * 1000, Math.max(2, u.bbox.width / px(1) / 84)).map((t) => t / 1000),
          values: (_u, splits) => splits.map((t) => tickLabel(this.look.zone, t * 1000)),
        },
        {
          stroke: quiet, grid, ticks: tick, size: margin.left, gap: 4, font: "11px system-ui, sans-serif", space: 34,
          incrs: this.kind === "instances" ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] : undefined,
          values: (_u, splits) => splits.map((v) => (v === 0 ? "0" : this.kind === "instances" ? String(v) : axisNumber(v))),
        },
      ],
      series: [{}, ...(this.kind === "demand" ? this.demandSeries() : this.countSeries())],
      bands: this.kind === "demand"
        ? [
            { series: [1, 2], fill: () => faded(this.look.palette.actual, 0.16) },
            { series: [3, 4], fill: () => faded(this.look.palette.forecast, 0.14) },
          ]
        : [],
      hooks: {
        drawClear: [() => this.beneath()],
        draw: [() => this.above()],
        setCursor: [(u) => hooks.hover(u.cursor.left != null && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null)],
        setSelect: [() => this.selected(hooks)],
      },
    };
  }

  private selected(hooks: Hooks): void {
    const { left, width } = this.u.select;
    if (width < 8) return;
    const from = this.u.posToVal(left, "x");
    const to = this.u.posToVal(left + width, "x");
    this.u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    hooks.zoom(from, to);
  }

  private line(label: string, colour: keyof Palette, width: number, dash?: number[], alpha = 1): uPlot.Series {
    return {
      label, width, dash, spanGaps: false, points: { show: false },
      stroke: () => (alpha < 1 ? faded(this.look.palette[colour], alpha) : this.look.palette[colour]),
    };
  }

  private steps(label: string, colour: keyof Palette, width: number, dash?: number[]): uPlot.Series {
    return { ...this.line(label, colour, width, dash), paths: uPlot.paths.stepped!({ align: 1 }) };
  }

  private demandSeries(): uPlot.Series[] {
    const bare: uPlot.Series = { width: 0, stroke: "transparent", spanGaps: false, points: { show: false } };
    return [
      { ...bare, label: "highest" },
      { ...bare, label: "lowest" },
      this.line("interval, high", "forecast", 1, undefined, 0.7),
      this.line("interval, low", "forecast", 1, undefined, 0.7),
      this.steps("limit", "limit", 1, [2, 4]),
      this.line("forecast", "forecast", 2, [6, 4]),
      this.line("actual", "actual", 2),
    ];
  }

  private countSeries(): uPlot.Series[] {
    return [
      this.steps("wanted", "wanted", 1), // shows where it differs from ready
      this.steps("ready", "actual", 2),
      this.steps("required", "required", 2, [2, 3]),
      // What it would do is drawn hollow: a wide line with one of the background in it.
      this.steps("planned", "wanted", 2, [6, 4]),
      this.steps("hollow", "bg", 2, [6, 4]),
    ];
  }

  /** beneath draws what lies under the lines: the future, a pause, gaps. */
  private beneath(): void {
    const { c, now, palette: p, paused } = this.look;
    if (now < c.to) shade(this.u, { from: Math.max(c.from, now), to: c.to }, faded(p.quiet, 0.07));
    if (paused) shade(this.u, { from: Math.max(c.from, paused.from), to: Math.min(c.to, paused.to) }, faded(p.quiet, 0.14));
    for (const g of gaps(c.x, c.demand, now, c.step)) hatchGap(this.u, g, faded(p.quiet, 0.35));
  }

  /** above draws what lies over them: shortages, limits, names, now. */
  private above(): void {
    const { c, now, palette: p, min, max, zone, paused } = this.look;
    const u = this.u;
    if (this.kind === "instances") {
      for (const s of shorts(c)) hatchShort(u, s, p.short);
      level(u, max, `max ${max}`, p.limit, p.bg);
      level(u, min, `min ${min}`, p.limit, p.bg, true);
    } else {
      c.saturated.forEach((s, i) => {
        const v = c.demandHigh[i] ?? c.demand[i];
        if (s && v != null) atLeast(u, c.x[i]!, v, p.actual);
      });
      this.gapNames(zone);
      const end = c.limit[c.limit.length - 1];
      if (end != null && end <= topOf("demand", this.look)) {
        text(u, "limit", u.bbox.left + u.bbox.width - px(4), Math.max(u.valToPos(end, "y", true) - px(3), u.bbox.top + px(14)), p.limit, "right", "bottom", p.bg);
      }
      if (paused && paused.to > now) text(u, `paused until ${hm(zone, paused.to * 1000)}`, xOf(u, Math.max(c.from, now)) + px(4), u.bbox.top + px(18), p.quiet, "left", "top", p.bg);
    }
    nowLine(u, now, p.quiet, p.bg, this.kind === "demand");
  }

  private gapNames(zone: string): void {
    const { c, now, palette: p } = this.look;
    let free = -Infinity; // right end of the last name, canvas px
    for (const g of gaps(c.x, c.demand, now, c.step)) {
      const open = g.to >= now;
      const name = `no data ${open ? "since " + hm(zone, g.from * 1000) : hm(zone, g.from * 1000) + "–" + hm(zone, g.to * 1000)}`;
      const u = this.u;
      u.ctx.save();
      u.ctx.font = `500 ${px(11)}px system-ui, sans-serif`;
      const w = u.ctx.measureText(name).width + px(8);
      u.ctx.restore();
      const mid = (xOf(u, Math.max(g.from, c.from)) + xOf(u, g.to)) / 2;
      const left = Math.min(Math.max(mid - w / 2, u.bbox.left + px(2)), u.bbox.left + u.bbox.width - w);
      if (left < free) continue;
      free = left + w;
      text(u, name, left + px(4), u.bbox.top + u.bbox.height - px(5), p.quiet, "left", "bottom", p.bg);
    }
  }
}

function axisNumber(v: number): string {
  return v >= 10 || Number.isInteger(v) ? digits(v).replace(/\.0$/, "") : String(Number(v.toPrecision(2)));
}
