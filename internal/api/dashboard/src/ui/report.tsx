import { useEffect, useState } from "preact/hooks";
import type { Elasticity, ElasticityDay, Evaluation, List, Service } from "../wire";
import { digits, duration, goDuration, money, part, share } from "../words";
import { dayOf, when } from "../zone";
import { useLive, useRead } from "./context";
import { Curl, request } from "./curl";
import { Icon, type IconName } from "./icon";
import { faultWords } from "./pause";

/** patience is how long a replay may take, ms. */
const patience = 120_000;
const spans = [7, 14, 28];

/** Report is what happened, what would have, and how each day went. */
export function Report({ service, now, zone }: { service: Service; now: number; zone: string }) {
  return (
    <div class="stack report">
      <Replay service={service} now={now} zone={zone} />
      <Days service={service} />
    </div>
  );
}

/** Replay asks once for what forescale would have done: it takes seconds, so it is not read again with each step. */
function Replay({ service, now, zone }: { service: Service; now: number; zone: string }) {
  const live = useLive();
  const [days, setDays] = useState(spans[0]!);
  const [tries, setTries] = useState(0);
  const [answer, setAnswer] = useState<{ data: Evaluation | null; fault: string }>({ data: null, fault: "" });
  useEffect(() => {
    const stop = new AbortController();
    setAnswer({ data: null, fault: "" });
    live.api.get<Evaluation>(`services/${encodeURIComponent(service.name)}/evaluation?days=${days}`, stop.signal, patience).then(
      (data) => setAnswer({ data, fault: "" }),
      (e) => stop.signal.aborted || setAnswer({ data: null, fault: faultWords(e) }),
    );
    return () => stop.abort();
  }, [service.name, days, tries]);
  const { data, fault } = answer;
  return (
    <section class="stack" id="replay" aria-label="What would have been">
      <div class="row wrap">
        <div class="row switch" role="group" aria-label="Days to measure">
          {spans.map((d) => <button key={d} aria-pressed={d === days} onClick={() => setDays(d)}>{d} d</button>)}
        </div>
        <button onClick={() => setTries(tries + 1)} disabled={!data && !fault}>Ask again</button>
      </div>
      {fault && <p class="warn" role="alert"><Icon name="warn" /> {fault}</p>}
      {!data && !fault && <p class="quiet" role="status">Replaying the last {days} days of {service.name}: this takes seconds …</p>}
      {data && (
        <>
          <Verdict v={data} />
          {data.outcomes.length > 0 && <Outcomes v={data} price={service.price_per_hour ?? 0} />}
          <p class="quiet small">
            Measured from {when(zone, Date.parse(data.from), now)} to {when(zone, Date.parse(data.to), now)}, after {duration(goDuration(data.learned))} of history; demand is known in {share(Math.round(data.known * 1000) / 1000)} of it.
            A start is taken to need {duration(goDuration(data.warmup))}.
          </p>
          {data.verdict === "switch-on" && (
            <Curl command={request(live.api, "PATCH", `services/${service.name}`, '{"mode": "active"}')} />
          )}
        </>
      )}
    </section>
  );
}

const advice: Record<Evaluation["verdict"], { icon: IconName; kind: string; word: string }> = {
  "switch-on": { icon: "up", kind: "fine", word: "Advice: switch it on, with mode: active." },
  leave: { icon: "off", kind: "quiet", word: "Advice: leave it as it is." },
  wait: { icon: "pending", kind: "warn", word: "Advice: wait, and ask again when there is more history." },
  "keep-it-on": { icon: "fine", kind: "fine", word: "Advice: keep it on." },
};

function Verdict({ v }: { v: Evaluation }) {
  const a = advice[v.verdict] ?? advice.wait;
  return (
    <div id="verdict">
      <p class={`strong ${a.kind}`}><Icon name={a.icon} /> {a.word}</p>
      {v.why.map((w) => <p key={w}>{w}</p>)}
    </div>
  );
}

const names: Record<string, string> = { happened: "what happened", predictive: "forescale", hpa: "HPA at 70 %", "last-week": "HPA + last week" };

/** fine is a share as "0.35 %". */
const fine = (x: number) => `${(100 * x).toFixed(2)} %`;

/** Measures are the cells of one way of scaling, or of one day. */
function Measures({ e, price }: { e: Elasticity; price: number }) {
  return (
    <>
      <td class="num nowrap">{fine(e.time_under)}</td>
      <td class="num nowrap">{fine(e.not_served)}</td>
      <td class="num nowrap">{part(e.over)}</td>
      <td class="num">{digits(e.instance_hours)}</td>
      {price > 0 && <td class="num">{money(e.instance_hours * price)}</td>}
    </>
  );
}

const heads = (first: string, price: number, last?: string) => (
  <tr>
    <th scope="col">{first}</th><th scope="col" class="num">Below need</th><th scope="col" class="num">Not served</th><th scope="col" class="num">Too many</th><th scope="col" class="num">Hours</th>
    {price > 0 && <th scope="col" class="num">Cost</th>}
    {last && <th scope="col" class="num">{last}</th>}
  </tr>
);

function Outcomes({ v, price }: { v: Evaluation; price: number }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Ways of scaling">
      <table class="plain">
        <caption class="sr">What happened, and what would have</caption>
        <thead>{heads("", price, "Starts")}</thead>
        <tbody>
          {v.outcomes.map((o) => (
            <tr key={o.name} class={o.name === "predictive" ? "strong" : ""}>
              <th scope="row" class="nowrap">{names[o.name] ?? o.name}</th><Measures e={o} price={price} /><td class="num">{o.starts.toLocaleString("en-GB")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Days are how each of the last days went, as it was. */
function Days({ service }: { service: Service }) {
  const read = useRead<List<ElasticityDay>>(`services/${encodeURIComponent(service.name)}/elasticity?days=14`, { quiet: true });
  const items = (read.data?.items ?? []).slice().reverse();
  const price = service.price_per_hour ?? 0;
  return (
    <section id="days" aria-labelledby="days-title">
      <h3 id="days-title">Day by day <span class="quiet">as it was, days of {service.time_zone}</span></h3>
      {!read.data
        ? <p class="quiet">{read.error ? faultWords(read.error) : "Reading …"}</p>
        : items.length === 0
          ? <p class="quiet">No day was measured yet: that begins within the hour after the first samples.</p>
          : (
            <div class="scroll" tabIndex={0} role="region" aria-label="Day by day">
              <table class="plain">
                <caption class="sr">How well the instances of {service.name} followed the need, day by day</caption>
                <thead>{heads("Day", price)}</thead>
                <tbody>
                  {items.map((d) => (
                    <tr key={d.day}><th scope="row" class="nowrap">{dayOf("UTC", Date.parse(d.day))}{d.minutes < 1380 && <small class="quiet"> {duration(d.minutes * 60_000)}</small>}</th><Measures e={d} price={price} /></tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
    </section>
  );
}
