import type { Columns } from "./columns";
import { rfc3339 } from "./zone";

/** Head names a column of the table and of the CSV, which are the same. */
export interface Head {
  key: keyof Columns;
  name: string; // in the table
  csv: string;
  whole: boolean;
}

export const heads: Head[] = [
  { key: "demand", name: "Actual", csv: "demand", whole: false },
  { key: "demandLow", name: "Lowest", csv: "demand_low", whole: false },
  { key: "demandHigh", name: "Highest", csv: "demand_high", whole: false },
  { key: "saturated", name: "At least", csv: "saturated", whole: true },
  { key: "forecast", name: "Forecast", csv: "forecast", whole: false },
  { key: "forecastLow", name: "Low", csv: "forecast_low", whole: false },
  { key: "forecastHigh", name: "High", csv: "forecast_high", whole: false },
  { key: "limit", name: "Limit", csv: "limit", whole: false },
  { key: "ready", name: "Ready", csv: "ready", whole: true },
  { key: "starting", name: "Starting", csv: "starting", whole: true },
  { key: "draining", name: "Draining", csv: "draining", whole: true },
  { key: "wanted", name: "Wanted", csv: "wanted", whole: true },
  { key: "planned", name: "Planned", csv: "planned", whole: true },
  { key: "required", name: "Required", csv: "required", whole: true },
];

/** shown are the indexes of the columns' rows: the point added at now is no row. */
export function shown(c: Columns): number[] {
  return c.x.map((_, i) => i).filter((i) => c.x[i] !== c.now || Math.abs((c.x[i]! - c.from) % c.step) < 1e-6);
}

export function cell(c: Columns, h: Head, i: number): number | boolean | null {
  const v = (c[h.key] as (number | boolean | null | undefined)[])[i];
  return v ?? null;
}

/** csv is exactly what the table shows, at full precision, times in UTC. */
export function csv(c: Columns): string {
  const lines = [["time", ...heads.map((h) => h.csv)].join(",")];
  for (const i of shown(c)) {
    const cells = heads.map((h) => {
      const v = cell(c, h, i);
      return v === null ? "" : String(v);
    });
    lines.push([rfc3339(c.x[i]! * 1000), ...cells].join(","));
  }
  return lines.join("\n") + "\n";
}
