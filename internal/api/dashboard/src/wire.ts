// What the server sends, as it sends it: snake_case, times as RFC 3339 in UTC,
// durations as Go writes them ("4m40s"), absent numbers as null.

export type Mode = "off" | "forecast-only" | "active";

export interface About {
  version: string;
  clock: { now: string; speed: number };
  zone?: string;
  world: string;
  mode?: string;
  server?: string;
  leader?: boolean;
  leads?: { server: string; fence: number; since: string | null }; // fence 0: there is but one server
}

export interface Reason {
  code: string;
  message: string;
  numbers?: Record<string, number> | null;
  times?: Record<string, string> | null;
  words?: Record<string, string> | null;
}

export type Outcome = "none" | "would" | "pending" | "done" | "failed" | "superseded";

export interface Decision {
  id: string;
  service: string;
  at: string;
  mode: Mode;
  from: number;
  to: number;
  required: number;
  metric?: string | null;
  code: string;
  message: string;
  reasons?: Reason[] | null;
  actions?: { kind: "start" | "stop"; instance: string }[] | null;
  outcome: Outcome;
  error?: string | null;
  ended_at?: string | null;
  repeats: number;
  last_at?: string | null;
  in_words?: { required: string; final: string; lead_time: string; cost: string }; // of one decision, and in the list of one service
  weighed?: Weighed; // absent where nothing was weighed
}

/** Weighed is what a decision was weighed by, in the server's sentences. */
export interface Weighed {
  list: string; // what each bound wanted; an asterisk marks those that hold
  not_fewer: string;
  not_more: string;
  changes: string[];
}

export interface Score {
  pinball: number;
  naive: number;
  coverage: number;
  tested: number;
}

/** Ahead is how forecasts did that were issued up to `lead` before. */
export interface Ahead {
  lead: string;
  steps: number;
  coverage: number | null;
  error: number | null;
  last_week_error: number | null;
}

/** Accuracy is how good a service's forecasts are. */
export interface Accuracy {
  service: string;
  live: { from: string; until: string | null; leads: Ahead[] };
  drift: { alarm: "none" | "coverage" | "error"; message: string };
}

/** Elasticity is how well instances followed the need: shares, as fractions. */
export interface Elasticity {
  time_under: number;
  not_served: number;
  over: number;
  instance_hours: number;
}

export interface ElasticityDay extends Elasticity {
  day: string; // in the service's time zone
  minutes: number; // that are measured
}

/** Evaluation sets what happened against what would have. */
export interface Evaluation {
  service: string;
  mode: Mode;
  verdict: "switch-on" | "leave" | "wait" | "keep-it-on";
  why: string[];
  from: string;
  to: string;
  learned: string;
  known: number;
  warmup: string;
  outcomes: (Elasticity & { name: string; starts: number })[];
}

export interface NextChange {
  at: string;
  from: number;
  to: number;
  code: string;
  message: string;
}

export interface Status {
  state: "fine" | "warn" | "bad";
  state_reason: string;
  ready: number;
  starting: number;
  draining: number;
  wanted: number;
  required: number;
  busy: number | null;
  utilization: number | null;
  limit: number | null;
  last_sample: string | null;
  paused: { by: string; until: string; note?: string } | null;
  lead: string;
  next: NextChange | null;
  decision: Decision | null;
  forecast: { model: string; issued: string; until: string; warnings?: string[] | null; score?: Score | null } | null;
}

export interface Service {
  name: string;
  mode: Mode;
  min_instances: number;
  max_instances: number;
  objective: number;
  band: string;
  time_zone: string;
  warmup: string;
  price_per_hour?: number; // 0: free, or not known
  cooldown: string;
  missing?: { hold: string; stand_in: string; follow_forecast?: boolean };
  status: Status;
}

export type Column = (number | null)[];

/** Capacity is planned against actual: columns on one x. */
export interface Capacity {
  service: string;
  time_zone: string;
  now: string;
  from: string;
  to: string;
  step: string;
  objective: number;
  min: number;
  max: number;
  band: { from: number; upper: number }[];
  lead: string;
  acting: boolean;
  times: number[];
  demand: Column;
  demand_low?: Column | null;
  demand_high?: Column | null;
  saturated?: (boolean | null)[] | null;
  forecast: Column;
  forecast_low: Column;
  forecast_high: Column;
  ready: Column;
  starting?: Column | null;
  draining?: Column | null;
  wanted: Column;
  planned: Column;
  required: Column;
  decisions: Decision[] | null;
}

export interface Instance {
  id: string;
  service: string;
  node: string;
  state: "starting" | "ready" | "draining" | "stopped" | "failed";
  origin?: string;
  address?: string | null;
  utilization: number | null;
  load: number | null;
  ordered_at?: string | null;
  started_at?: string | null;
  ready_at?: string | null;
  draining_at?: string | null;
  failure?: string | null;
}

export interface Warmup {
  service: string;
  instance: string;
  node: string;
  image?: string;
  at: string;
  duration: string;
  at_once: number;
}

export interface Plan {
  service: string;
  made_at: string;
  lead: string;
  until: string;
  acting: boolean;
  changes: { at: string; wanted: number; required: number; demand: number; code: string; message?: string }[] | null;
}

/** Budget is money of a calendar month, and how it stands. Amounts are in the currency of the prices. */
export interface Budget {
  name: string;
  scope: "all" | "service" | "node_type";
  of: string;
  limit: number;
  time_zone: string;
  status: {
    from: string;
    until: string;
    spent: number;
    reserved: number; // bound on top
    left: number;
    projected: number; // with no objective lowered
    projected_low: number;
    projected_high: number;
    paced: number; // as objectives are lowered now
    met_at: string | null;
    lowered: Lowered[];
  };
}

export interface Lowered {
  service: string;
  stated: number;
  objective: number;
  quantile: number;
  given_up: number;
}

/** Node is a machine with its newest utilization in %. */
export interface Node {
  name: string;
  type: string; // "": none
  state: string; // booting, ready, draining, stopped; there may be others
  protected: boolean;
  managed: boolean; // else it is its owner's
  cores: number;
  memory_bytes: number;
  cpu: number | null;
  memory: number | null;
}

/** NodeType is what can be ordered. */
export interface NodeType {
  name: string;
  cores: number;
  memory_bytes: number;
  price_per_hour: number;
  boot_time: string;
  max_count: number;
}

/** Told is a reason with its sentence. */
export interface Told {
  reason: Reason;
  message: string;
}

export interface NodeOrder extends Told {
  name: string;
  type: string;
  order_at: string;
  need_at: string;
  ready_by: string;
  due: boolean;
  price_per_hour: number;
  holds: { service: string; count: number }[];
  replaces?: string;
  beside?: string; // the next best type
}

/** NodePlan is what is wanted of the machines; its mode tells whether it is carried out. */
export interface NodePlan {
  made_at: string;
  horizon: string;
  mode: Mode;
  nodes: number;
  unmet_instances: number;
  cost: { now: number; planned: number; peak: number; least: number };
  orders: NodeOrder[];
  starts: { service: string; node: string; count: number; ready_by: string | null }[];
  drains: (Told & { node: string; moves: { service: string; to: string; count: number }[]; saves: number })[];
  stops: (Told & { node: string })[];
  kept: (Told & { node: string })[];
  unmet: (Told & { service: string; count: number; at: string })[];
  notes: (Told & { subject: string })[];
  steps: { at: string; nodes: { type: string; count: number }[]; per_hour: number }[];
}

export interface Pause {
  service: string;
  by: string;
  note?: string;
  since: string;
  until: string;
}

export interface List<T> {
  items: T[] | null;
  next?: string | null;
}

/** Step is one planning round, as the stream tells it. */
export interface Step {
  at: string;
  decisions?: Decision[] | null;
  failed?: Record<string, string> | null;
}

/** ProblemBody is an RFC 9457 problem with our code and help. */
export interface ProblemBody {
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  help?: string;
  errors?: { location?: string; message?: string; code?: string; help?: string }[];
}
