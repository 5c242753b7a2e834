import type { NodePlan } from "../wire";
import { count, price } from "../words";
import { when } from "../zone";
import { Icon, type IconName } from "./icon";

interface Line {
  at: number;
  what: "unmet" | "order" | "drain" | "stop" | "keep" | "note";
  of: string;
  code: string;
  message: string;
  more: string; // what else there is to say
}

const icons: Record<Line["what"], { icon: IconName; kind: string }> = {
  unmet: { icon: "bad", kind: "bad" },
  order: { icon: "up", kind: "" },
  drain: { icon: "down", kind: "" },
  stop: { icon: "off", kind: "" },
  keep: { icon: "pause", kind: "quiet" },
  note: { icon: "warn", kind: "warn" },
};

/** lines are those of `forescale plan --nodes`, by time. */
export function lines(p: NodePlan, zone: string, now: number): Line[] {
  const made = Date.parse(p.made_at);
  const out: Line[] = [
    ...p.unmet.map((u): Line => ({ at: Date.parse(u.at), what: "unmet", of: `${u.service} × ${u.count}`, code: u.reason.code, message: u.message, more: "" })),
    ...p.orders.map((o): Line => ({
      at: Date.parse(o.order_at), what: "order", of: o.type, code: o.reason.code, message: o.message,
      more: [`ready by ${when(zone, Date.parse(o.ready_by), now)}, ${price(o.price_per_hour)} an hour`, o.replaces && `in the place of ${o.replaces}`, o.beside].filter(Boolean).join("; "),
    })),
    ...p.drains.map((d): Line => ({ at: made, what: "drain", of: d.node, code: d.reason.code, message: d.message, more: d.moves.map((m) => `${m.service} × ${m.count} to ${m.to}`).join(", ") })),
    ...p.stops.map((s): Line => ({ at: made, what: "stop", of: s.node, code: s.reason.code, message: s.message, more: "" })),
    ...p.kept.map((k): Line => ({ at: made, what: "keep", of: k.node, code: k.reason.code, message: k.message, more: "" })),
    ...p.notes.map((n): Line => ({ at: made, what: "note", of: n.subject, code: n.reason.code, message: n.message, more: "" })),
  ];
  return out.sort((a, b) => a.at - b.at);
}

/** PlanOfNodes is what the plan would do and what it costs. */
export function PlanOfNodes({ plan, now, zone, table }: { plan: NodePlan; now: number; zone: string; table: boolean }) {
  const all = lines(plan, zone, now);
  const c = plan.cost;
  return (
    <section class="nodeplan" id="nodeplan" aria-label="Plan of nodes">
      <p class={plan.unmet_instances > 0 ? "bad strong" : "strong"}>
        {plan.unmet_instances > 0 && <Icon name="bad" />} {count(plan.nodes, "node")} planned, {count(plan.unmet_instances, "instance")} without a place.
      </p>
      <dl class="sums" aria-label="What an hour costs">
        <div><dt>an hour costs now</dt><dd>{price(c.now)}</dd></div>
        <div><dt>planned</dt><dd>{price(c.planned)}</dd></div>
        <div><dt>at most ahead</dt><dd>{price(c.peak)}</dd></div>
        <div><dt>at least</dt><dd>{price(c.least)}</dd></div>
      </dl>
      {all.length === 0
        ? <p class="quiet">Nothing to order, to empty or to stop until {when(zone, Date.parse(plan.horizon), now)}.</p>
        : (
          <table class="plain cards ahead">
            <caption class="sr">What the plan would do</caption>
            <thead><tr><th scope="col">At</th><th scope="col">What</th><th scope="col">Of</th><th scope="col">Why</th></tr></thead>
            <tbody>
              {all.map((l, i) => (
                <tr key={i} data-what={l.what}>
                  <th scope="row" class="nowrap"><time>{when(zone, l.at, now)}</time></th>
                  <td class={`nowrap ${icons[l.what].kind}`}><Icon name={icons[l.what].icon} /> {l.what}</td>
                  <td class="strong">{l.of}</td>
                  <td class="because">{l.message} <code class="quiet">{l.code}</code>{l.more && <div class="small quiet">{l.more}</div>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      {table && <Steps plan={plan} now={now} zone={zone} />}
    </section>
  );
}

/** Steps are the nodes by type from now on. */
function Steps({ plan, now, zone }: { plan: NodePlan; now: number; zone: string }) {
  const types = [...new Set(plan.steps.flatMap((s) => s.nodes.map((n) => n.type)))].sort();
  return (
    <div class="scroll">
      <table class="plain" id="nodesteps">
        <caption class="quiet">Nodes by type from now on, until {when(zone, Date.parse(plan.horizon), now)}</caption>
        <thead><tr><th scope="col">From</th>{types.map((t) => <th key={t} scope="col" class="num">{t || "without a type"}</th>)}<th scope="col" class="num">An hour</th></tr></thead>
        <tbody>
          {plan.steps.map((s) => (
            <tr key={s.at}><th scope="row"><time>{when(zone, Date.parse(s.at), now)}</time></th>{types.map((t) => <td key={t} class="num">{s.nodes.find((n) => n.type === t)?.count ?? 0}</td>)}<td class="num">{price(s.per_hour)}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
