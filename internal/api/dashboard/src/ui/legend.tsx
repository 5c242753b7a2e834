import type { Kind } from "../chart/plot";
import type { Columns } from "../columns";
import type { Capacity } from "../wire";
import { duration, goDuration, share } from "../words";

/** Swatch shows a line as it is drawn: colour, width and dash. */
function Swatch({ kind }: { kind: string }) {
  return (
    <svg class={`swatch ${kind}`} viewBox="0 0 26 10" aria-hidden="true">
      {kind === "interval" && <rect x="0" y="1" width="26" height="8" />}
      {kind === "range" && <rect x="0" y="1" width="26" height="8" />}
      {kind === "short" ? <path d="M0 10 10 0M6 10 16 0M12 10 22 0M18 10 26 2" /> : <path d="M0 5H26" />}
      {kind === "would" && <path d="M0 5H26" />}
    </svg>
  );
}

const entry = (kind: string, name: string) => (
  <li key={name}><Swatch kind={kind} />{name}</li>
);

/** Legend names every line and says what a step stands for. */
export function Legend({ kind, c, capacity }: { kind: Kind; c: Columns; capacity: Capacity }) {
  const step = duration(goDuration(capacity.step) || c.step * 1000);
  if (kind === "demand") {
    return (
      <header class="legend">
        <h3>Demand <span class="quiet">busy instances</span></h3>
        <ul>
          {entry("actual", "actual")}
          {c.step > 60 && entry("range", "its range")}
          {entry("forecast", "forecast, past ones as issued")}
          {entry("interval", `${share(capacity.objective)} interval`)}
          {entry("limit", "limit of those there")}
        </ul>
        <span class="quiet small step">step {step}</span>
      </header>
    );
  }
  return (
    <header class="legend">
      <h3>Instances</h3>
      <ul>
        {entry("actual", "ready")}
        {entry("wanted", "wanted")}
        {entry(capacity.acting ? "planned" : "would", capacity.acting ? "planned" : "would be planned")}
        {entry("required", "required")}
        {entry("short", "short")}
        {entry("limit", "min, max")}
      </ul>
      <span class="quiet small step">{c.step > 60 ? `step ${step}: ready lowest, required highest` : `step ${step}`}</span>
    </header>
  );
}
