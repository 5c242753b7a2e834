import { upper, type Columns } from "../columns";
import type { Capacity, Decision, Service } from "../wire";
import { change, digits, duration, goDuration, percent } from "../words";
import { dayOf, hm, when } from "../zone";
import { Icon } from "./icon";

interface Props {
  c: Columns;
  i: number;
  capacity: Capacity;
  service: Service;
  now: number;
  zone: string;
  other: string;
  pinned: boolean;
  place: { x: number; flip: boolean } | null; // null: below the charts
  onUnpin(): void;
  onOpen(d: Decision): void;
}

const num = (v: number | null | undefined) => (v == null ? <span class="quiet">no data</span> : digits(v));
const whole = (v: number | null | undefined) => (v == null ? <span class="quiet">no data</span> : String(v));

/** Readout is all that is known of one moment. */
export function Readout({ c, i, capacity, service, now, zone, other, pinned, place, onUnpin, onOpen }: Props) {
  const t = c.x[i]! * 1000;
  const past = t <= now;
  const demand = c.demand[i];
  const have = c.ready[i] ?? c.planned[i];
  const f = service.status.forecast;
  const near = (capacity.decisions ?? []).filter((d) => {
    const at = Date.parse(d.at) / 1000;
    return at >= c.x[i]! && at < (c.x[i + 1] ?? c.x[i]! + c.step);
  });
  const ranged = c.step > 60 && c.demandLow[i] != null && c.demandHigh[i] != null;
  return (
    <div class={`readout ${place ? "float" : "flow"} ${pinned ? "pinned" : ""}`} role="status" id="readout"
      style={place ? { left: place.flip ? undefined : `${place.x + 14}px`, right: place.flip ? `calc(100% - ${place.x - 14}px)` : undefined } : undefined}>
      <div class="row">
        <b>{dayOf(zone, t)} {hm(zone, t)}</b> <span class="quiet">{other === "UTC" ? "UTC" : other} {when(other, t, t)}</span>
        {pinned && <button class="link" onClick={onUnpin} aria-label="Let go of the pinned time">unpin</button>}
      </div>
      <dl>
        {past && <><dt><span class="dot actual" />actual</dt><dd>{c.saturated[i] ? "at least " : ""}{num(demand)}{ranged && <span class="quiet"> ({digits(c.demandLow[i]!)}–{digits(c.demandHigh[i]!)})</span>}</dd></>}
        <dt><span class="dot forecast" />forecast</dt>
        <dd>{c.forecast[i] == null ? <span class="quiet">{c.forecast[i] === undefined ? "see beside" : "none"}</span> : <>{digits(c.forecast[i]!)}{c.forecastLow[i] != null && c.forecastHigh[i] != null && <span class="quiet"> ({digits(c.forecastLow[i]!)}–{digits(c.forecastHigh[i]!)})</span>}</>}</dd>
        {c.forecast[i] != null && <><dt class="quiet">issued</dt><dd class="quiet">{past ? `${duration(goDuration(capacity.lead) || 0)} before` : f ? `${when(zone, Date.parse(f.issued), now)}, ${f.model}` : "unknown"}</dd></>}
        {past && <><dt><span class="dot actual" />ready</dt><dd>{whole(c.ready[i])}{(c.starting[i] ?? 0) > 0 && <span class="quiet"> +{c.starting[i]} starting</span>}{(c.draining[i] ?? 0) > 0 && <span class="quiet"> {c.draining[i]} draining</span>}</dd></>}
        {past
          ? <><dt><span class="dot wanted" />wanted</dt><dd>{whole(c.wanted[i])}</dd><dt><span class="dot required" />required</dt><dd>{whole(c.required[i])}</dd></>
          : <><dt><span class="dot wanted" />{capacity.acting ? "planned" : "would plan"}</dt><dd>{whole(c.planned[i])}</dd></>}
        {past && demand != null && have ? <><dt>utilization</dt><dd>{percent((100 * demand) / have)} <span class="quiet">limit {percent(upper(capacity.band, have))}</span></dd></> : null}
      </dl>
      {near.slice(0, 3).map((d) => (
        <p key={d.id} class="small"><Icon name={d.to < d.from ? "down" : "up"} /> <b>{change(d.from, d.to)}</b> {d.message} {pinned && <button class="link" onClick={() => onOpen(d)}>open</button>}</p>
      ))}
      {near.length > 3 && <p class="small quiet">and {near.length - 3} more decisions</p>}
      {!pinned && <p class="small quiet hint">click or Enter pins</p>}
    </div>
  );
}
