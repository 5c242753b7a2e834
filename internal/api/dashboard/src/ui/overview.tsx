import { useEffect, useState } from "preact/hooks";
import type { Live } from "../live";
import { format, start, type Route } from "../route";
import type { List, Plan, Service } from "../wire";
import { change, count, digits, lead, percent } from "../words";
import { when } from "../zone";
import { ModeChip, stateIcon } from "./chip";
import { useRead } from "./context";
import { Curl, request } from "./curl";
import { Icon } from "./icon";
import { MonthLine } from "./money";
import { Spark } from "./spark";

const rank = { bad: 0, warn: 1, fine: 2 };

/** byTrouble sorts what needs somebody first, then by name. */
export function byTrouble(a: Service, b: Service): number {
  return rank[a.status.state] - rank[b.status.state] || a.name.localeCompare(b.name);
}

const link = (name: string, route: Route) => format({ ...start, zone: route.zone, place: "service", service: name });

/** some is how many rows are shown before a person asks for more. */
const some = 200;

export function Overview({ live, route, zone, onZone }: { live: Live; route: Route; zone: string; onZone(served: string): void }) {
  const services = useRead<List<Service>>("services?limit=1000");
  const plans = useRead<List<Plan>>("plans", { quiet: true });
  const [filter, setFilter] = useState("");
  const [most, setMost] = useState(some);
  const now = live.clock.now();
  // One zone a page: that of the services if they share it, else the server's.
  const shared = new Set((services.data?.items ?? []).map((s) => s.time_zone));
  const common = shared.size === 1 ? [...shared][0]! : "";
  useEffect(() => onZone(common), [common]);
  const all = (services.data?.items ?? []).slice().sort(byTrouble);
  if (!services.data) return <p class="quiet pad" role="status">{services.error ? "" : "Reading the services …"}</p>;
  if (all.length === 0) return <NoService live={live} />;
  const found = all.filter((s) => s.name.includes(filter.trim().toLowerCase()));
  return (
    <>
      <Needs services={all} route={route} />
      <Soon plans={plans.data?.items ?? []} services={all} now={now} zone={zone} route={route} />
      <MonthLine services={all} now={now} route={route} />
      {all.length > 12 && (
        <label class="filter">Find a service <input type="search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /> <span class="quiet">{count(found.length, "service")}</span></label>
      )}
      <table class="services" role="table">
        <caption class="sr">Services, those that need somebody first</caption>
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">Service</th>
            <th role="columnheader" scope="col">Mode</th>
            <th role="columnheader" scope="col" class="num">Ready</th>
            <th role="columnheader" scope="col" class="num">Wanted</th>
            <th role="columnheader" scope="col" class="num" title="Demand, in busy instances">Busy</th>
            <th role="columnheader" scope="col" class="num" title="Utilization of the ready instances, and its limit">Load</th>
            <th role="columnheader" scope="col" class="sparkhead"><span>24 h back</span><span>24 h ahead</span></th>
            <th role="columnheader" scope="col">Next</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {found.slice(0, most).map((s) => <Row key={s.name} s={s} now={now} zone={zone} route={route} live={live} />)}
        </tbody>
      </table>
      {found.length > most && <p class="pad"><button onClick={() => setMost(most + some)}>Show {Math.min(some, found.length - most)} more of {found.length}</button></p>}
    </>
  );
}

/** Needs is the first line: is anyone short, and why. */
function Needs({ services, route }: { services: Service[]; route: Route }) {
  const needy = services.filter((s) => s.status.state !== "fine");
  const bad = needy.some((s) => s.status.state === "bad");
  if (needy.length === 0) {
    return (
      <p class="needs fine" id="needs"><Icon name="fine" /> <b>Nobody needs you.</b> <span class="quiet">{count(services.length, "service")} as wanted.</span></p>
    );
  }
  return (
    <div class={`needs ${bad ? "bad" : "warn"}`} id="needs">
      <Icon name={bad ? "bad" : "warn"} />
      <b>{needy.length} {needy.length === 1 ? "needs" : "need"} you</b>
      <ul>
        {needy.slice(0, 6).map((s) => (
          <li key={s.name}><a href={link(s.name, route)}>{s.name}</a>: {s.status.state_reason || s.status.decision?.message || s.status.state}</li>
        ))}
        {needy.length > 6 && <li>and {needy.length - 6} more below</li>}
      </ul>
    </div>
  );
}

/** Soon lists the changes planned within three hours. */
function Soon({ plans, services, now, zone, route }: { plans: Plan[]; services: Service[]; now: number; zone: string; route: Route }) {
  const known = new Map(services.map((s) => [s.name, s]));
  const soon = plans.flatMap((p) => {
    let from = known.get(p.service)?.status.wanted ?? p.changes?.[0]?.wanted ?? 0;
    return (p.changes ?? []).flatMap((c) => {
      const row = { service: p.service, acting: p.acting, at: Date.parse(c.at), from, to: c.wanted };
      from = c.wanted;
      return row.from !== row.to && row.at >= now && row.at < now + 3 * 3_600_000 ? [row] : [];
    });
  }).sort((a, b) => a.at - b.at);
  return (
    <p class="soon" id="soon">
      <b>Next 3 h</b>{" "}
      {soon.length === 0 ? <span class="quiet">no change planned</span> : soon.slice(0, 8).map((r, i) => (
        <span key={`${r.service}${r.at}`} class={r.acting ? "" : "would"}>
          {i > 0 && <span class="quiet"> · </span>}
          <time>{when(zone, r.at, now)}</time> <a href={link(r.service, route)}>{r.service}</a> {r.acting ? "" : "would "}<b>{change(r.from, r.to)}</b>
        </span>
      ))}
      {soon.length > 8 && <span class="quiet"> · {soon.length - 8} more</span>}
    </p>
  );
}

function Row({ s, now, zone, route, live }: { s: Service; now: number; zone: string; route: Route; live: Live }) {
  const st = s.status;
  const icon = stateIcon(s);
  const over = st.utilization != null && st.limit != null && st.utilization > st.limit;
  return (
    <tr role="row" data-state={st.state}>
      <th role="rowheader" scope="row">
        <span class={`state ${icon.kind}`} title={icon.word}><Icon name={icon.name} /><span class="sr">{icon.word}: </span></span>
        <a href={link(s.name, route)}>{s.name}</a>
      </th>
      <td role="cell" class="mode"><ModeChip service={s} now={now} zone={zone} brief /></td>
      <td role="cell" class="num" data-label="ready">{st.ready}{st.starting > 0 && <small class="quiet"> +{st.starting}</small>}</td>
      <td role="cell" class="num" data-label="wanted">{st.wanted}</td>
      <td role="cell" class="num" data-label="busy">{st.busy == null ? <span class="quiet" title="no data">none</span> : digits(st.busy)}</td>
      <td role="cell" class="num load" data-label="load">
        {st.utilization == null ? <span class="quiet">–</span> : <span class={over ? "bad strong" : ""} title={over ? "above the limit" : undefined}>{over && <><Icon name="up" /><span class="sr">above the limit: </span></>}{percent(st.utilization)}</span>}
        {st.limit != null && <small class="quiet"> of {percent(st.limit)}</small>}
      </td>
      <td role="cell" class="sparkcell"><Spark live={live} name={s.name} now={now} /></td>
      <td role="cell" class="next"><Next s={s} now={now} zone={zone} /></td>
    </tr>
  );
}

/** Next says what comes, or why nothing does. */
export function Next({ s, now, zone }: { s: Service; now: number; zone: string }) {
  const n = s.status.next;
  if (s.status.state === "fine" && n) {
    return (
      <>
        <b>{s.mode !== "active" || s.status.paused ? "would " : ""}<time>{when(zone, Date.parse(n.at), now)}</time> {change(n.from, n.to)}</b>
        <span class="why">{lead(n.message)[1]}</span>
      </>
    );
  }
  const d = s.status.decision;
  if (d && s.status.state !== "fine") {
    return (
      <>
        <b>{change(d.from, d.to)}</b>
        <span class="why">{lead(d.message)[1]}</span>
      </>
    );
  }
  return <span class="quiet">no change ahead</span>;
}

function NoService({ live }: { live: Live }) {
  return (
    <section class="empty">
      <h2>No service registered yet</h2>
      <p>Register one with labels on a container, with a request, or in the config file. A new service is forecast-only: it is watched, nothing is started or stopped.</p>
      <Curl command={`docker run -d --label forescale.enable=true --label forescale.service=checkout \\\n  --label forescale.min=1 --label forescale.max=10 my/checkout`} />
      <Curl command={request(live.api, "PUT", "services/checkout", '{"min_instances": 1, "max_instances": 10, "time_zone": "Europe/Berlin"}')} />
    </section>
  );
}
