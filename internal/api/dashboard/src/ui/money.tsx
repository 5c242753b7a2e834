import { useEffect } from "preact/hooks";
import type { Live } from "../live";
import { format, start, type Route } from "../route";
import type { Budget, List, Lowered, Reason, Service } from "../wire";
import { duration, money, share } from "../words";
import { dayOf, monthOf, validZone } from "../zone";
import { Chip } from "./chip";
import { useRead } from "./context";
import { Curl, request } from "./curl";
import { Icon } from "./icon";

/** Refusal is a start that a budget does not pay for. */
interface Refusal {
  service: string;
  reason: Reason;
}

const refusing = new Set(["budget_capped", "budget_reserved"]);

/** refusals are what the newest decisions of services say that money does not pay for. */
function refusals(services: Service[]): Refusal[] {
  return services.flatMap((s) => (s.status.decision?.reasons ?? []).filter((r) => refusing.has(r.code)).map((reason) => ({ service: s.name, reason })));
}

const ofBudget = (r: Refusal, name: string) => r.reason.words?.budget === name;

type Standing = { kind: "fine" | "warn" | "bad"; icon: "fine" | "warn" | "bad"; word: string };

/** standing is how a budget is, in a word; refused says whether starts are. */
export function standing(b: Budget, refused: boolean): Standing {
  const s = b.status;
  if (refused) return { kind: "bad", icon: "bad", word: "starts refused" };
  if (s.left < 0) return { kind: "bad", icon: "bad", word: "more is bound than the limit" };
  if (s.lowered.length) return { kind: "warn", icon: "warn", word: "objectives lowered" };
  if (s.met_at) return { kind: "warn", icon: "warn", word: `limit met on ${dayOf(validZone(b.time_zone), Date.parse(s.met_at))}` };
  return { kind: "fine", icon: "fine", word: "fits" };
}

const rank = { bad: 0, warn: 1, fine: 2 };
const byTrouble = (refused: Refusal[]) => (a: Budget, b: Budget) =>
  rank[standing(a, refused.some((r) => ofBudget(r, a.name))).kind] - rank[standing(b, refused.some((r) => ofBudget(r, b.name))).kind] || a.name.localeCompare(b.name);

/** scope is what a budget is for: "all", "service checkout". */
const scope = (b: Budget) => (b.of ? `${b.scope.replace("_", " ")} ${b.of}` : b.scope);

export function Money({ live, route, zone, onZone }: { live: Live; route: Route; zone: string; onZone(served: string): void }) {
  const read = useRead<List<Budget>>("budgets");
  const services = useRead<List<Service>>("services?limit=1000", { quiet: true });
  const items = read.data?.items ?? [];
  // Months are those of the budgets' own zones; the header's is theirs if they share one.
  const shared = new Set(items.map((b) => b.time_zone));
  const common = shared.size === 1 ? [...shared][0]! : "";
  useEffect(() => onZone(common), [common]);
  if (!read.data) return <p class="quiet pad" role="status">{read.error ? "" : "Reading the budgets …"}</p>;
  if (!items.length) return <NoBudget live={live} zone={zone} />;
  const refused = refusals(services.data?.items ?? []);
  const others = refused.filter((r) => !items.some((b) => ofBudget(r, b.name)));
  return (
    <section class="money" id="money">
      <header class="row wrap"><h1>Money</h1><Key /></header>
      {items.slice().sort(byTrouble(refused)).map((b) => <One key={b.name} b={b} refused={refused.filter((r) => ofBudget(r, b.name))} now={live.clock.now()} route={route} />)}
      {others.length > 0 && <ul class="said">{others.map((r) => <Refused key={r.service + r.reason.code} r={r} route={route} />)}</ul>}
    </section>
  );
}

function Key() {
  const entry = (kind: string, word: string) => <li><span class={`swatch part ${kind}`} />{word}</li>;
  return (
    <ul class="facts-line small key" aria-label="Key of the bars">
      {entry("spent", "spent")}{entry("reserved", "reserved")}{entry("planned", "planned")}{entry("range", "low to high demand")}{entry("over", "would be above the limit")}{entry("limitline", "limit")}
    </ul>
  );
}

function One({ b, refused, now, route }: { b: Budget; refused: Refusal[]; now: number; route: Route }) {
  const s = b.status;
  const zone = validZone(b.time_zone);
  const month = monthOf(zone, now);
  const st = standing(b, refused.length > 0);
  const spread = s.projected_low !== s.projected_high;
  return (
    <article class="budget" data-state={st.kind} aria-labelledby={`budget-${b.name}`}>
      <header class="row wrap">
        <h2 id={`budget-${b.name}`}>{b.name}</h2>
        <Chip kind={st.kind} icon={st.icon}>{st.word}</Chip>
        <span class="quiet">for {scope(b)}</span>
        <span class="quiet small month">{month.name}, day {month.day} of {month.days}, {duration(Math.floor((Date.parse(s.until) - now) / 3_600_000) * 3_600_000)} left, months of {zone}</span>
      </header>
      <Bar b={b} />
      <dl class="sums">
        <div><dt>spent</dt><dd>{money(s.spent)}</dd></div>
        <div><dt>reserved</dt><dd>{money(s.reserved)}</dd></div>
        <div><dt>left</dt><dd class={s.left < 0 ? "bad" : ""}>{money(s.left)}</dd></div>
        <div><dt>will cost</dt><dd class={s.paced > b.limit ? "bad" : ""}>{money(s.paced)}</dd></div>
        <div><dt>limit</dt><dd>{money(b.limit)}</dd></div>
      </dl>
      <ul class="said">
        <li>Projected: {money(s.projected)} at all objectives as they are{spread && <>; {money(s.projected_low)} when demand stays low, {money(s.projected_high)} when it stays high</>}.
          {s.met_at && <> The limit would be met on {dayOf(zone, Date.parse(s.met_at))}.</>}</li>
        {s.lowered.map((l) => <LoweredRow key={l.service} l={l} route={route} />)}
        {refused.map((r) => <Refused key={r.service + r.reason.code} r={r} route={route} />)}
      </ul>
    </article>
  );
}

const link = (name: string, route: Route) => format({ ...start, zone: route.zone, place: "service", service: name });

function LoweredRow({ l, route }: { l: Lowered; route: Route }) {
  return (
    <li><span class="warn nowrap"><Icon name="down" /> lowered</span> <a href={link(l.service, route)}>{l.service}</a> from {share(l.stated)} to {share(l.objective)}:
      {" "}with room for the {share(l.quantile)} quantile of demand in the mean, and {share(l.given_up)} of the time, the dearest hours, given up</li>
  );
}

function Refused({ r, route }: { r: Refusal; route: Route }) {
  return <li><span class="bad nowrap"><Icon name="failed" /> refused</span> <a href={link(r.service, route)}>{r.service}</a>: {r.reason.message} <code class="quiet">{r.reason.code}</code></li>;
}

/** Bar is what is spent, bound and planned against the limit, on one scale. */
function Bar({ b }: { b: Budget }) {
  const s = b.status;
  const bound = s.spent + s.reserved;
  const end = Math.max(bound, s.paced);
  const most = 1.04 * Math.max(b.limit, end, s.projected, s.projected_high);
  const at = (x: number) => `${(100 * Math.max(0, x)) / most}%`;
  const part = (kind: string, from: number, to: number) => to > from && <span class={`part ${kind}`} style={{ left: at(from), width: at(to - from) }} />;
  const words = `${b.name}: ${money(s.spent)} spent, ${money(s.reserved)} reserved, ${money(s.paced)} at the month's end, of ${money(b.limit)}`;
  return (
    <div class="bar" role="img" aria-label={words}>
      {part("spent", 0, s.spent)}
      {part("reserved", s.spent, bound)}
      {part("planned", bound, Math.min(end, Math.max(b.limit, bound)))}
      {part("over", Math.max(b.limit, bound), Math.max(end, s.projected))}
      {part("range", s.projected_low, s.projected_high)}
      <span class="part limitline" style={{ left: at(b.limit) }} />
    </div>
  );
}

/** MonthLine is the month's money in a line; nothing without budgets. */
export function MonthLine({ services, now, route }: { services: Service[]; now: number; route: Route }) {
  const read = useRead<List<Budget>>("budgets", { quiet: true });
  const items = read.data?.items ?? [];
  if (!items.length) return null;
  const refused = refusals(services);
  const sorted = items.slice().sort(byTrouble(refused));
  return (
    <p class="soon" id="month">
      <b>{monthOf(validZone(sorted[0]!.time_zone), now).name}</b>{" "}
      {sorted.slice(0, 3).map((b, i) => {
        const st = standing(b, refused.some((r) => ofBudget(r, b.name)));
        return (
          <span key={b.name}>{i > 0 && <span class="quiet"> · </span>}<a href={format({ ...start, zone: route.zone, place: "money" })}>{b.name}</a> {money(b.status.spent)} → <b>{money(b.status.paced)}</b> of {money(b.limit)}{" "}
            <span class={`${st.kind} nowrap`}><Icon name={st.icon} /> {st.word}</span></span>
        );
      })}
      {items.length > 3 && <span class="quiet"> · {items.length - 3} more</span>}
    </p>
  );
}

function NoBudget({ live, zone }: { live: Live; zone: string }) {
  return (
    <section class="empty" id="nobudget">
      <h2>There is no budget</h2>
      <p>Set one: money of a calendar month, for all services or for one. Its limit is hard from the next planning step on, and objectives are lowered before it would be met.</p>
      <Curl command="forescale budgets set all 500" />
      <Curl command={request(live.api, "PUT", "budgets/all", `{"limit": 500, "time_zone": "${zone}"}`)} />
      <p class="quiet">What costs is what has a price: <code>price_per_hour</code> of a service, in the currency that the limit is in.</p>
    </section>
  );
}
