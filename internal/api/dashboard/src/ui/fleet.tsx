import type { Instance, List, Service, Warmup } from "../wire";
import { age, count, duration, goDuration, percent } from "../words";
import { when } from "../zone";
import type { Route } from "../route";
import { AccuracyView } from "./accuracy";
import { useRead } from "./context";
import { Icon, type IconName } from "./icon";
import { Report } from "./report";

const states: Record<Instance["state"], { icon: IconName; kind: string }> = {
  ready: { icon: "fine", kind: "fine" },
  starting: { icon: "pending", kind: "warn" },
  draining: { icon: "down", kind: "quiet" },
  stopped: { icon: "off", kind: "quiet" },
  failed: { icon: "failed", kind: "bad" },
};

interface Props {
  service: Service;
  route: Route;
  now: number;
  zone: string;
  go(change: Partial<Route>, replace?: boolean): void;
}

/** Fleet is what runs, and how long starts took. */
export function Fleet({ service, route, now, zone, go }: Props) {
  const tab = (name: Route["tab"], word: string) => (
    <button role="tab" id={`tab-${name}`} aria-selected={route.tab === name} aria-controls="fleet" onClick={() => go({ tab: name }, true)}>{word}</button>
  );
  return (
    <section class="fleet">
      <div class="row tabs" role="tablist" aria-label="More of this service">
        {tab("instances", "Instances")}
        {tab("warmups", "Warm-up")}
        {tab("accuracy", "Accuracy")}
        {tab("report", "Report")}
      </div>
      <div id="fleet" role="tabpanel" aria-labelledby={`tab-${route.tab}`}>
        {route.tab === "instances" && <Instances service={service} now={now} zone={zone} />}
        {route.tab === "warmups" && <Warmups service={service} now={now} zone={zone} />}
        {route.tab === "accuracy" && <AccuracyView service={service} now={now} zone={zone} />}
        {route.tab === "report" && <Report service={service} now={now} zone={zone} />}
      </div>
    </section>
  );
}

const since = (i: Instance) => ({ starting: i.started_at ?? i.ordered_at, ready: i.ready_at, draining: i.draining_at, stopped: null, failed: i.ordered_at })[i.state];

function Instances({ service, now, zone }: { service: Service; now: number; zone: string }) {
  const read = useRead<List<Instance>>(`instances?service=${encodeURIComponent(service.name)}&sort=name`);
  const items = read.data?.items ?? [];
  if (!read.data) return <p class="quiet">{read.error ? "" : "Reading …"}</p>;
  if (!items.length) return <p class="quiet">No instance of {service.name} is known.</p>;
  return (
    <div class="scroll">
      <table class="plain cards">
        <caption class="sr">Instances of {service.name}</caption>
        <thead><tr><th scope="col">Instance</th><th scope="col">State</th><th scope="col" class="num">Load</th><th scope="col">Address</th><th scope="col" class="num">Since</th></tr></thead>
        <tbody>
          {items.map((i) => {
            const s = states[i.state];
            const t = since(i) ? Date.parse(since(i)!) : NaN;
            return (
              <tr key={i.id}>
                <th scope="row"><code class="id">{i.id}</code>{i.failure && <p class="bad error">{i.failure}</p>}</th>
                <td><span class={`nowrap ${s.kind}`}><Icon name={s.icon} /> {i.state}</span></td>
                <td class="num"><Meter value={i.utilization} limit={service.status.limit} /></td>
                <td><Address text={i.address || "–"} />{i.node && <small class="quiet"> {i.node}</small>}</td>
                <td class="num nowrap">{Number.isNaN(t) ? "–" : <time title={when(zone, t, now)}>{age(now - t)}</time>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** Address is in one line where there is room, else its port is in a second one. */
function Address({ text }: { text: string }) {
  const port = text.lastIndexOf(":");
  return port < 0 ? <span>{text}</span> : <span>{text.slice(0, port)}<wbr />{text.slice(port)}</span>;
}

/** Meter is utilization against its limit, as a bar and as a number. */
function Meter({ value, limit }: { value: number | null; limit: number | null }) {
  if (value == null) return <span class="quiet">no data</span>;
  return (
    <span class="meter">
      <svg viewBox="0 0 60 8" aria-hidden="true">
        <rect class="track" width="60" height="8" />
        <rect class={limit != null && value > limit ? "over" : "fill"} width={0.6 * Math.min(100, value)} height="8" />
        {limit != null && <path class="bound" d={`M${0.6 * limit} 0V8`} />}
      </svg>
      {percent(value)}
    </span>
  );
}

/** quantile of sorted numbers, by the next higher rank. */
export function quantile(sorted: number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}

function Warmups({ service, now, zone }: { service: Service; now: number; zone: string }) {
  const read = useRead<List<Warmup>>(`warmups?service=${encodeURIComponent(service.name)}`);
  const items = read.data?.items ?? [];
  const lengths = items.map((w) => goDuration(w.duration)).filter((ms) => ms > 0).sort((a, b) => a - b);
  const declared = goDuration(service.warmup);
  const longest = Math.max(declared || 0, ...lengths);
  if (!read.data) return <p class="quiet">{read.error ? "" : "Reading …"}</p>;
  return (
    <>
      <p>
        {lengths.length
          ? <>Starting took at most <b>{duration(quantile(lengths, 0.9))}</b> in 9 of 10 starts ({count(lengths.length, "start")} measured, {duration(declared)} declared).</>
          : <>No start measured yet; <b>{duration(declared)}</b> declared.</>}{" "}
        Lead time <b>{duration(goDuration(service.status.lead) || 0)}</b>, planning included.
      </p>
      {items.length > 0 && (
        <div class="scroll">
          <table class="plain">
            <caption class="sr">Measured starts, newest first</caption>
            <thead><tr><th scope="col">Ordered</th><th scope="col">Took</th><th scope="col" class="num">At once</th><th scope="col">Node</th></tr></thead>
            <tbody>
              {items.slice(0, 50).map((w) => {
                const ms = goDuration(w.duration);
                return (
                  <tr key={w.instance}>
                    <th scope="row" title={w.instance}><time>{when(zone, Date.parse(w.at), now)}</time></th>
                    <td><span class="meter"><svg viewBox="0 0 60 8" aria-hidden="true"><rect class="track" width="60" height="8" /><rect class="fill" width={(60 * ms) / longest} height="8" />{declared > 0 && <path class="bound" d={`M${(60 * declared) / longest} 0V8`} />}</svg> {duration(ms)}</span></td>
                    <td class="num">{w.at_once}</td>
                    <td>{w.node || "–"}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
