import type uPlot from "uplot";
import type { Run, Short } from "../columns";

// What uPlot has no word for: hatching, shades, labelled lines. All in canvas pixels.

const px = (n: number) => n * devicePixelRatio;
const face = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

export function font(size: number, weight = 400): string {
  return `${weight} ${px(size)}px ${face}`;
}

/** clipped draws inside the plot only. */
export function clipped(u: uPlot, draw: (c: CanvasRenderingContext2D) => void): void {
  const c = u.ctx;
  c.save();
  c.beginPath();
  c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  c.clip();
  draw(c);
  c.restore();
}

const xOf = (u: uPlot, t: number) => u.valToPos(t, "x", true);
const yOf = (u: uPlot, v: number) => u.valToPos(v, "y", true);

/** shade fills a stretch over the whole height. */
export function shade(u: uPlot, r: Run, colour: string): void {
  clipped(u, (c) => {
    c.fillStyle = colour;
    c.fillRect(xOf(u, r.from), u.bbox.top, xOf(u, r.to) - xOf(u, r.from), u.bbox.height);
  });
}

function hatch(c: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colour: string, apart: number, width: number): void {
  if (w <= 0 || h <= 0) return;
  c.save();
  c.beginPath();
  c.rect(x, y, w, h);
  c.clip();
  c.strokeStyle = colour;
  c.lineWidth = px(width);
  c.setLineDash([]); // uPlot leaves the last series' dash behind
  c.beginPath();
  // Lines start on one grid of the whole canvas, so that neighbours join.
  const step = px(apart);
  for (let k = Math.floor((x + y) / step) * step; k < x + w + y + h; k += step) {
    c.moveTo(k - y, y);
    c.lineTo(k - (y + h), y + h);
  }
  c.stroke();
  c.restore();
}

/** hatchGap marks a stretch without data over the whole height. */
export function hatchGap(u: uPlot, r: Run, colour: string): void {
  clipped(u, (c) => {
    const x = xOf(u, r.from);
    hatch(c, x, u.bbox.top, xOf(u, r.to) - x, u.bbox.height, colour, 7, 1);
  });
}

/** hatchShort marks what was missing: from ready up to required. */
export function hatchShort(u: uPlot, s: Short, colour: string): void {
  clipped(u, (c) => {
    const x = xOf(u, s.from);
    const y = yOf(u, s.required);
    // Never thinner than a pixel and a half, so that no shortage hides.
    hatch(c, x, y, Math.max(px(1.5), xOf(u, s.to) - x), yOf(u, s.ready) - y, colour, 4, 1.4);
  });
}

/** level draws a labelled horizontal line; the label sits at the right end. */
export function level(u: uPlot, v: number, label: string, colour: string, halo: string, below = false): void {
  const y = Math.round(yOf(u, v)) + 0.5;
  if (y < u.bbox.top - 1 || y > u.bbox.top + u.bbox.height) return;
  clipped(u, (c) => {
    c.strokeStyle = colour;
    c.lineWidth = px(1);
    c.setLineDash([px(2), px(4)]);
    c.beginPath();
    c.moveTo(u.bbox.left, y);
    c.lineTo(u.bbox.left + u.bbox.width, y);
    c.stroke();
  });
  text(u, label, u.bbox.left + u.bbox.width - px(4), below ? y + px(3) : y - px(3), colour, "right", below ? "top" : "bottom", halo);
}

/** text writes a word with a halo of the background, so that it reads on any line. */
export function text(u: uPlot, words: string, x: number, y: number, colour: string, align: CanvasTextAlign, base: CanvasTextBaseline, halo?: string): void {
  const c = u.ctx;
  c.save();
  c.font = font(11, 500);
  c.textAlign = align;
  c.textBaseline = base;
  if (halo) {
    c.strokeStyle = halo;
    c.lineWidth = px(4);
    c.lineJoin = "round";
    c.strokeText(words, x, y);
  }
  c.fillStyle = colour;
  c.fillText(words, x, y);
  c.restore();
}

/** nowLine is the border between past and future. */
export function nowLine(u: uPlot, now: number, colour: string, halo: string, label: boolean): void {
  const x = Math.round(xOf(u, now)) + 0.5;
  if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
  const c = u.ctx;
  c.save();
  c.strokeStyle = colour;
  c.lineWidth = px(1);
  c.setLineDash([]);
  c.beginPath();
  c.moveTo(x, u.bbox.top);
  c.lineTo(x, u.bbox.top + u.bbox.height);
  c.stroke();
  c.restore();
  if (label) text(u, "now", x + px(4), u.bbox.top + px(3), colour, "left", "top", halo);
}

/** atLeast marks saturated steps: the truth is this or more. */
export function atLeast(u: uPlot, t: number, v: number, colour: string): void {
  const x = xOf(u, t);
  const y = Math.max(yOf(u, v), u.bbox.top + px(6));
  const c = u.ctx;
  c.save();
  c.fillStyle = colour;
  c.beginPath();
  c.moveTo(x, y - px(9));
  c.lineTo(x + px(4.5), y - px(2));
  c.lineTo(x - px(4.5), y - px(2));
  c.closePath();
  c.fill();
  c.restore();
}

export { px, xOf };
