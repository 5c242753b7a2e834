import type { Decision, Reason } from "../wire";
import { count, digits } from "../words";
import { when } from "../zone";

/**
 * WhyList tells a decision as `forescale why` does, in the server's sentences: what the
 * demand asks for, each limit, the count in the end; why not one fewer and one more.
 */
export function WhyList({ d, now, zone }: { d: Decision; now: number; zone: string }) {
  const [decided, ...limits] = d.reasons ?? [];
  const w = d.weighed;
  const words = d.in_words;
  const would = d.outcome === "would";
  return (
    <dl class="facts whylist">
      {decided && <><dt>why</dt><dd><code>{decided.code}</code> <Facts r={decided} now={now} zone={zone} /></dd></>}
      <dt>required</dt><dd>{words?.required || d.required}{d.metric && <span class="quiet"> by {d.metric}</span>}</dd>
      {limits.map((r, i) => <LimitRow key={i} r={r} now={now} zone={zone} />)}
      <dt>final</dt><dd><b>{words?.final || count(d.to, "instance")}</b></dd>
      {w && (
        <>
          {w.list && <><dt>bounds</dt><dd><Bounds list={w.list} /></dd></>}
          {w.not_fewer && <><dt>not fewer</dt><dd>{w.not_fewer}</dd></>}
          {w.not_more && <><dt>not more</dt><dd>{w.not_more}</dd></>}
          {w.changes.length > 0 && <><dt>changes</dt><dd>{w.changes.map((c) => <div key={c}>{c}</div>)}</dd></>}
        </>
      )}
      {words?.cost && <><dt>cost</dt><dd>{words.cost}</dd></>}
      {words?.lead_time && <><dt>lead time</dt><dd>{words.lead_time}</dd></>}
      {(d.actions ?? []).length > 0 && (
        <><dt>actions</dt><dd>{d.actions!.map((a) => <div key={a.instance} class={would ? "would" : ""}>{would ? "would " : ""}{a.kind} <code class="id">{a.instance}</code></div>)}</dd></>
      )}
      <dt>outcome</dt><dd>{d.outcome}{d.ended_at && ` at ${when(zone, Date.parse(d.ended_at), now)}`}, {d.mode}</dd>
      <dt>id</dt><dd><code>{d.id}</code></dd>
    </dl>
  );
}

function LimitRow({ r, now, zone }: { r: Reason; now: number; zone: string }) {
  return <><dt>limit</dt><dd><code>{r.code}</code> {r.message} <Facts r={r} now={now} zone={zone} /></dd></>;
}

/** Bounds are what each bound wanted; those with an asterisk stand out. */
function Bounds({ list }: { list: string }) {
  const parts = list.split(", ");
  return (
    <>
      {parts.map((p, i) => <span key={p}>{i > 0 && ", "}{p.endsWith("*") ? <b>{p}</b> : p}</span>)}
      {list.includes("*") && <div class="quiet small">* holds: it alone forbids one fewer, or one more</div>}
    </>
  );
}

/** Facts are the numbers that tipped a reason. */
function Facts({ r, now, zone }: { r: Reason; now: number; zone: string }) {
  const rows: [string, string][] = [
    ...Object.entries(r.numbers ?? {}).map(([k, v]): [string, string] => [k, Number.isInteger(v) ? String(v) : digits(v)]),
    ...Object.entries(r.times ?? {}).map(([k, v]): [string, string] => [k, when(zone, Date.parse(v), now)]),
    ...Object.entries(r.words ?? {}),
  ];
  if (!rows.length) return null;
  return (
    <span class="numbers">
      {rows.map(([k, v]) => <span key={k}><span class="quiet">{k.replaceAll("_", " ")}</span> {v}</span>)}
    </span>
  );
}
