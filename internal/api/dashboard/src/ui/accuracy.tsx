import type { Accuracy, Ahead, Service } from "../wire";
import { duration, goDuration, part } from "../words";
import { when } from "../zone";
import { useRead } from "./context";
import { Icon } from "./icon";

/** promised is the share of truths that the interval is to hold; below `seldom` it is marked. */
const promised = "90 %";
const seldom = 0.85;

/** AccuracyView is how the forecasts that were issued did, beside last week's value. */
export function AccuracyView({ service, now, zone }: { service: Service; now: number; zone: string }) {
  const read = useRead<Accuracy>(`services/${encodeURIComponent(service.name)}/accuracy`);
  const data = read.data?.service === service.name ? read.data : null;
  if (!data) return <p class="quiet">{read.error ? "" : "Reading …"}</p>;
  const { live, drift } = data;
  return (
    <>
      {drift.message && <p class={drift.alarm === "none" ? "quiet" : "warn"}>{drift.alarm !== "none" && <Icon name="warn" />} {drift.message}</p>}
      {!live.leads.length
        ? <p class="quiet">No forecast was scored yet: that takes an hour of samples after the first forecast.</p>
        : (
          <div class="scroll">
            <table class="plain">
              <caption class="quiet">Forecasts as issued against what came, 7 days{live.until && <>, up to {when(zone, Date.parse(live.until), now)}</>}. Errors are shares of demand.</caption>
              <thead><tr><th scope="col">Ahead</th><th scope="col" class="num">Steps</th><th scope="col" class="num">Error</th><th scope="col" class="num">Last week's</th><th scope="col" class="num">In the {promised} interval</th></tr></thead>
              <tbody>{live.leads.map((l) => <Row key={l.lead} l={l} />)}</tbody>
            </table>
          </div>
        )}
    </>
  );
}

function Row({ l }: { l: Ahead }) {
  const worse = l.error !== null && l.last_week_error !== null && l.error > l.last_week_error;
  const loose = l.coverage !== null && l.coverage < seldom;
  return (
    <tr>
      <th scope="row">{duration(goDuration(l.lead))}</th>
      <td class="num">{l.steps.toLocaleString("en-GB")}</td>
      <td class="num">{part(l.error)}{worse && <small class="warn"> <Icon name="warn" /> worse than last week</small>}</td>
      <td class="num">{part(l.last_week_error)}</td>
      <td class="num">{part(l.coverage)}{loose && <small class="warn"> <Icon name="warn" /> {promised} promised</small>}</td>
    </tr>
  );
}
