// Where the page is, kept behind the # of the address, so that a link shows the
// same to somebody else and any server of plain files will do.

export const ranges = ["3h", "12h", "24h", "4d", "7d", "30d"] as const;
export type Range = (typeof ranges)[number];
export type Tab = "instances" | "warmups" | "accuracy" | "report";

export interface Route {
  place: "overview" | "service" | "nodes" | "money";
  service: string;
  range: Range;
  from?: number; // seconds; with to: a zoomed stretch
  to?: number;
  zone: "service" | "utc" | "browser";
  pin?: number; // seconds; a pinned time
  decision?: string; // an opened decision
  view: "charts" | "table";
  tab: Tab;
  all: boolean; // decisions: holds too
}

const hours: Record<Range, number> = { "3h": 3, "12h": 12, "24h": 24, "4d": 96, "7d": 168, "30d": 720 };

/** width of a range in seconds. */
export function width(r: Range): number {
  return hours[r] * 3600;
}

export const start: Route = { place: "overview", service: "", range: "4d", zone: "service", view: "charts", tab: "instances", all: false };

/** parse reads the part behind the #. What it does not know, it leaves at its default. */
export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const q = new URLSearchParams(query);
  const r: Route = { ...start };
  const parts = path.split("/").filter(Boolean);
  if (parts[0] === "services" && parts[1]) {
    r.place = "service";
    try {
      r.service = decodeURIComponent(parts[1]);
    } catch {
      r.service = parts[1];
    }
  }
  if (parts.length === 1 && (parts[0] === "nodes" || parts[0] === "money")) r.place = parts[0];
  const range = q.get("range");
  if (ranges.includes(range as Range)) r.range = range as Range;
  const from = seconds(q.get("from"));
  const to = seconds(q.get("to"));
  if (from !== undefined && to !== undefined && to - from >= 60) Object.assign(r, { from, to });
  const zone = q.get("zone");
  if (zone === "utc" || zone === "browser") r.zone = zone;
  r.pin = seconds(q.get("pin"));
  r.decision = q.get("decision") || undefined;
  if (q.get("view") === "table") r.view = "table";
  const tab = q.get("tab");
  if (tab === "warmups" || tab === "accuracy" || tab === "report") r.tab = tab;
  r.all = q.get("all") === "1";
  return r;
}

function seconds(text: string | null): number | undefined {
  const t = text ? Date.parse(text) : NaN;
  return Number.isNaN(t) ? undefined : t / 1000;
}

/** format is the inverse of parse; defaults are left out. */
export function format(r: Route): string {
  const q = new URLSearchParams();
  const time = (s: number) => new Date(s * 1000).toISOString().replace(/\.000Z$/, "Z");
  if (r.place === "service") {
    if (r.range !== start.range) q.set("range", r.range);
    if (r.from !== undefined && r.to !== undefined) {
      q.set("from", time(r.from));
      q.set("to", time(r.to));
    }
    if (r.pin !== undefined) q.set("pin", time(r.pin));
    if (r.decision) q.set("decision", r.decision);
    if (r.tab !== start.tab) q.set("tab", r.tab);
    if (r.all) q.set("all", "1");
  }
  if (r.view !== "charts" && (r.place === "service" || r.place === "nodes")) q.set("view", r.view);
  if (r.zone !== "service") q.set("zone", r.zone);
  const path = r.place === "service" ? `/services/${encodeURIComponent(r.service)}` : r.place === "overview" ? "/" : `/${r.place}`;
  const query = q.toString().replaceAll("%3A", ":");
  return "#" + path + (query ? "?" + query : "");
}

/**
 * span is the stretch to ask for, in seconds. Live it is `range` wide, reaches as
 * far ahead as the forecast does but never past the middle, and moves by whole
 * steps only, so that the picture does not tremble.
 */
export function span(r: Route, now: number, until: number | null): { from: number; to: number; live: boolean } {
  if (r.from !== undefined && r.to !== undefined) return { from: r.from, to: r.to, live: false };
  const w = width(r.range);
  const known = until === null ? w / 12 : Math.max(until - now, w / 12);
  const ahead = Math.min(w / 2, known);
  const grain = r.range === "30d" ? 3600 : r.range === "7d" ? 900 : r.range === "4d" ? 300 : 60;
  const to = Math.ceil((now + ahead) / grain) * grain;
  return { from: to - w, to, live: true };
}
