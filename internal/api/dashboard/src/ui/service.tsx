import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { columns } from "../columns";
import type { Live } from "../live";
import { ranges, span, type Route } from "../route";
import { csv } from "../rows";
import type { Theme } from "../theme";
import type { Capacity, Decision, Service } from "../wire";
import { age, change, digits, goDuration, lead, share } from "../words";
import { full, offsetAt, offsetName, rfc3339, when } from "../zone";
import { Charts } from "./charts";
import { Chip, ModeChip, stateIcon } from "./chip";
import { useRead } from "./context";
import { Curl, request } from "./curl";
import { Decisions } from "./decisions";
import { Fleet } from "./fleet";
import { Icon } from "./icon";
import { faultWords, PauseDialog, ResumeDialog } from "./pause";
import { holdRule, nowParts, staleAfter } from "./sentence";
import { TableView, ViewSwitch } from "./table";

interface Props {
  live: Live;
  route: Route;
  theme: Theme;
  zone(served: string): string;
  go(change: Partial<Route>, replace?: boolean): void;
  onZone(served: string): void;
}

export function ServiceView({ live, route, theme, zone: zoneFor, go, onZone }: Props) {
  const path = `services/${encodeURIComponent(route.service)}`;
  const read = useRead<Service>(path);
  const service = read.data?.name === route.service ? read.data : null;
  useEffect(() => {
    if (service) onZone(service.time_zone);
  }, [service?.time_zone]);
  useEffect(() => {
    live.hold("pin", route.pin !== undefined);
    return () => live.hold("pin", false);
  }, [route.pin]);
  if (!service) {
    if (!read.error) return <p class="quiet pad" role="status">Reading {route.service} …</p>;
    return <p class="pad">{faultWords(read.error)} <a href="#/">All services</a></p>;
  }
  return <Page service={service} asOf={read.at} live={live} route={route} theme={theme} zone={zoneFor(service.time_zone)} go={go} />;
}

function Page({ service, asOf, live, route, theme, zone, go }: { service: Service; asOf: number; live: Live; route: Route; theme: Theme; zone: string; go: Props["go"] }) {
  const [asking, ask] = useState<"pause" | "resume" | null>(null);
  const frozen = useRef(0);
  const running = live.clock.now();
  if (route.pin === undefined || !frozen.current) frozen.current = running;
  const now = frozen.current; // stands still while a time is pinned
  const until = service.status.forecast ? Date.parse(service.status.forecast.until) / 1000 : null;
  const window_ = span(route, now / 1000, until);
  const key = `${service.name} ${route.range} ${route.from ?? ""} ${route.to ?? ""}`;
  const capacity = useRead<Capacity>(
    `services/${encodeURIComponent(service.name)}/capacity?from=${rfc3339(Math.round(window_.from) * 1000)}&to=${rfc3339(Math.round(window_.to) * 1000)}`, { key });
  const data = capacity.data?.service === service.name ? capacity.data : null;
  const c = useMemo(() => (data ? columns(data, Date.parse(data.now) / 1000, (goDuration(data.step) || 60_000) / 1000) : null), [data]);
  // The picture is as of its answer; only when answers stay away does the line at now move on alone.
  const late = data ? (now - Date.parse(data.now)) / live.clock.speed > 35_000 || live.trouble !== null : false;
  const line = data && !late ? Date.parse(data.now) : now;
  const open = (d: Decision) => go({ decision: d.id }, true);
  const paused = service.status.paused && Date.parse(service.status.paused.until) > running;
  return (
    <>
      <Head service={service} asOf={asOf} now={running} zone={zone} paused={Boolean(paused)} onAsk={ask} />
      <Lines service={service} asOf={asOf} live={live} now={running} zone={zone} go={go} />
      <Tools route={route} go={go} c={c} name={service.name} step={data?.step} live={window_.live} />
      {c && data ? (
        <div class="stage">
          {route.view === "table"
            ? <TableView c={c} zone={zone} name={service.name} now={line} />
            : <Charts service={service} capacity={data} c={c} now={line} zone={zone} other={zone === "UTC" ? service.time_zone : "UTC"} theme={theme} pin={route.pin}
                onPin={(pin) => go({ pin }, true)} onZoom={(from, to) => go(zoomed(from, to))} onBack={() => go({ from: undefined, to: undefined })} onOpen={open} />}
          {service.status.last_sample === null && <NoSample service={service} live={live} />}
        </div>
      ) : <div class="stage waiting"><p class="quiet" role="status">{capacity.error ? faultWords(capacity.error) : "Reading the history …"}</p></div>}
      <div class="columns">
        <Decisions service={service} route={route} live={live} now={running} zone={zone} go={go} />
        <Fleet service={service} route={route} now={running} zone={zone} go={go} />
      </div>
      {asking === "pause" && <PauseDialog service={service} live={live} zone={zone} onClose={() => ask(null)} />}
      {asking === "resume" && <ResumeDialog service={service} live={live} onClose={() => ask(null)} />}
    </>
  );
}

/** zoomed is a stretch of at least ten minutes, on whole minutes. */
export function zoomed(from: number, to: number): { from: number; to: number } {
  const mid = (from + to) / 2;
  const half = Math.max((to - from) / 2, 300);
  return { from: Math.floor((mid - half) / 60) * 60, to: Math.ceil((mid + half) / 60) * 60 };
}

function Head({ service, asOf, now, zone, paused, onAsk }: { service: Service; asOf: number; now: number; zone: string; paused: boolean; onAsk(what: "pause" | "resume"): void }) {
  const icon = stateIcon(service);
  return (
    <header class="servicehead">
      <h1><span class={`state ${icon.kind}`} title={icon.word}><Icon name={icon.name} /><span class="sr">{icon.word}: </span></span>{service.name}</h1>
      <ModeChip service={service} now={now} zone={zone} />
      <Stale service={service} asOf={asOf} />
      <ul class="facts-line">
        <li>objective <b>{share(service.objective)}</b></li>
        <li>min <b>{service.min_instances}</b></li>
        <li>max <b>{service.max_instances}</b></li>
        <li><b>{zone}</b> ({offsetName(offsetAt(zone, now))})</li>
      </ul>
      <div class="row end">
        {paused ? <button class="primary" onClick={() => onAsk("resume")}>Resume</button> : <button onClick={() => onAsk("pause")} disabled={service.mode === "off"}>Pause…</button>}
      </div>
    </header>
  );
}

/** Stale tells the age of the newest sample when the server was last read; the age of that read is told elsewhere. */
function Stale({ service, asOf }: { service: Service; asOf: number }) {
  const last = service.status.last_sample;
  if (last === null) return <Chip kind="warn" icon="warn">no sample yet</Chip>;
  const old = asOf - Date.parse(last);
  return old > staleAfter(service) ? <Chip kind="warn" icon="warn">data {age(old)} old</Chip> : null;
}

/** Lines say what is, what comes, and what is wrong. */
function Lines({ service, asOf, live, now, zone, go }: { service: Service; asOf: number; live: Live; now: number; zone: string; go: Props["go"] }) {
  const st = service.status;
  const parts = nowParts(service);
  const f = st.forecast;
  const would = service.mode !== "active" || Boolean(st.paused);
  const d = st.decision;
  const stale = st.last_sample !== null && asOf - Date.parse(st.last_sample) > staleAfter(service);
  return (
    <dl class="lines" id="lines">
      {st.state !== "fine" && st.state_reason && (
        <><dt class={st.state}><Icon name={st.state === "bad" ? "bad" : "warn"} /> Needs you</dt><dd>{ended(st.state_reason)}{stale && <> {holdRule(service, now, zone)}</>}</dd></>
      )}
      <dt>Now</dt>
      <dd id="now">
        <b>{parts[0]}</b> · <b>{parts[1]}</b>
        {d && <> · <span class="quiet">{d.message}</span> <button class="link" onClick={() => go({ decision: d.id, all: true }, true)}>why</button></>}
      </dd>
      <dt>Next</dt>
      <dd id="next" class={would ? "would" : ""}>
        {st.next
          ? <><b>{would ? "would go " : ""}{change(st.next.from, st.next.to)} at <time>{when(zone, Date.parse(st.next.at), now)}</time></b> · {lead(st.next.message)[1]}</>
          : f ? <>no change until {when(zone, Date.parse(f.until), now)}</> : <>no forecast yet: reactive scaling works now</>}
      </dd>
      {f && (
        <>
          <dt>Forecast</dt>
          <dd class="quiet">
            {f.model}, issued <time title={full(zone, Date.parse(f.issued))}>{age(now - Date.parse(f.issued))}</time> ago
            {f.score && f.score.tested > 0 && <> · error {digits(f.score.pinball)}, last week's value {digits(f.score.naive)} (pinball loss over {f.score.tested.toLocaleString("en-GB")} steps, smaller is better) · the interval held {share(Math.round(f.score.coverage * 1000) / 1000)}</>}
            {(f.warnings ?? []).map((w) => <span key={w} class="warn"> · <Icon name="warn" /> {w}</span>)}
          </dd>
        </>
      )}
      {!live.connected && !live.trouble && <><dt class="warn">Live</dt><dd>the stream is down; the page reads every 30 s meanwhile</dd></>}
    </dl>
  );
}

/** ended is a sentence with its full stop. */
const ended = (s: string) => (/[.!?…]$/.test(s) ? s : s + ".");
const rangeWord = (r: string) => r.replace(/(\d+)/, "$1 ");

function Tools({ route, go, c, name, step, live }: { route: Route; go: Props["go"]; c: ReturnType<typeof columns> | null; name: string; step: string | undefined; live: boolean }) {
  const save = () => {
    if (!c) return;
    const url = URL.createObjectURL(new Blob([csv(c)], { type: "text/csv" }));
    const a = document.createElement("a");
    a.href = url;
    a.download = `${name}-${rfc3339(c.from * 1000).replaceAll(":", "")}.csv`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  return (
    <div class="tools row wrap">
      <div class="row switch" role="group" aria-label="Range">
        {ranges.map((r) => (
          <button key={r} aria-pressed={live && route.range === r} onClick={() => go({ range: r, from: undefined, to: undefined, pin: undefined })}>{rangeWord(r)}</button>
        ))}
      </div>
      {!live && <button onClick={() => go({ from: undefined, to: undefined })}>Back to live</button>}
      {route.pin !== undefined && <button class="pinnedchip" onClick={() => go({ pin: undefined }, true)}><Icon name="pause" /> pinned, page stands still: let go</button>}
      <span class="grow" />
      <span class="quiet small gestures">drag zooms, double-click goes back, click pins</span>
      <ViewSwitch route={route} go={go} picture="charts" />
      <button onClick={save} disabled={!c} title={step ? `what is shown, in steps of ${step}` : undefined}>CSV</button>
    </div>
  );
}

function NoSample({ service, live }: { service: Service; live: Live }) {
  return (
    <div class="empty over" id="nosample">
      <h2>No sample received yet</h2>
      <p>Send one; reactive scaling works from the first, the forecast once there is enough history.</p>
      <Curl command={request(live.api, "POST", "samples", `[{"service": "${service.name}", "instance": "${service.name}-1", "utilization": 42}]`)} />
    </div>
  );
}
