import { useEffect, useRef, useState } from "preact/hooks";
import { fold } from "../columns";
import type { Live } from "../live";
import type { Route } from "../route";
import type { Decision, List, Outcome, Service } from "../wire";
import { change } from "../words";
import { full, when } from "../zone";
import { useRead } from "./context";
import { Icon, type IconName } from "./icon";
import { faultWords } from "./pause";
import { Sentence } from "./sentence-view";
import { WhyList } from "./why";

const outcomes: Record<Outcome, { icon: IconName; kind: string; word: string }> = {
  none: { icon: "none", kind: "quiet", word: "nothing to do" },
  would: { icon: "would", kind: "quiet", word: "would" },
  pending: { icon: "pending", kind: "warn", word: "under way" },
  done: { icon: "done", kind: "fine", word: "done" },
  failed: { icon: "failed", kind: "bad", word: "failed" },
  superseded: { icon: "again", kind: "quiet", word: "superseded" },
};

interface Props {
  service: Service;
  route: Route;
  live: Live;
  now: number;
  zone: string;
  go(change: Partial<Route>, replace?: boolean): void;
}

/** Decisions is the list of what was done and why, newest first. */
export function Decisions({ service, route, live, now, zone, go }: Props) {
  const base = `services/${encodeURIComponent(service.name)}/decisions?limit=12${route.all ? "" : "&acted=true"}`;
  const read = useRead<List<Decision>>(base);
  const [older, setOlder] = useState<{ base: string; items: Decision[]; next: string } | null>(null);
  const [fault, setFault] = useState("");
  const [asked, setAsked] = useState<Decision | null>(null); // opened, but not in the list
  const more = older?.base === base ? older : null;
  const fresh = read.data?.items ?? [];
  const seen = new Set(fresh.map((d) => d.id));
  const all = [...fresh, ...(more?.items ?? []).filter((d) => !seen.has(d.id))];
  const folded = fold(all);
  const known = folded.some((d) => d.id === route.decision);
  const next = more ? more.next : (read.data?.next ?? "");

  useEffect(() => {
    if (!route.decision || known || !read.data || asked?.id === route.decision) return;
    live.api.get<Decision>(`decisions/${encodeURIComponent(route.decision)}`).then(setAsked, (e) => setFault(faultWords(e)));
  }, [route.decision, known, read.data === null]);

  const loadOlder = async () => {
    try {
      const page = await live.api.get<List<Decision>>(`${base}&cursor=${encodeURIComponent(next)}`);
      setOlder({ base, items: [...(more?.items ?? fresh.filter((d) => d)), ...(page.items ?? [])], next: page.next ?? "" });
      setFault("");
    } catch (e) {
      setFault(faultWords(e));
    }
  };
  const list = asked && asked.id === route.decision && !known ? [asked, ...folded] : folded;
  return (
    <section class="why" id="decisions" aria-labelledby="why-title">
      <header class="row">
        <h2 id="why-title">Why</h2>
        <div class="row switch" role="group" aria-label="Which decisions">
          <button aria-pressed={!route.all} onClick={() => go({ all: false }, true)}>changes</button>
          <button aria-pressed={route.all} onClick={() => go({ all: true }, true)}>all, holds too</button>
        </div>
      </header>
      {fault && <p class="bad" role="alert">{fault}</p>}
      {read.data && list.length === 0 && (
        <p class="quiet">{route.all ? "No decision yet: the first comes with the next planning round." : "No change yet."}
          {!route.all && service.status.decision && <> The newest decision: {service.status.decision.message}</>}</p>
      )}
      <ol class="decisions">
        {list.map((d) => (
          <Item key={d.id} d={d} now={now} zone={zone} open={route.decision === d.id}
            onToggle={(open) => go({ decision: open ? d.id : route.decision === d.id ? undefined : route.decision }, true)} />
        ))}
      </ol>
      {next && <p><button onClick={() => void loadOlder()}>Older</button></p>}
    </section>
  );
}

function Item({ d, now, zone, open, onToggle }: { d: Decision; now: number; zone: string; open: boolean; onToggle(open: boolean): void }) {
  const ref = useRef<HTMLLIElement>(null);
  const o = outcomes[d.outcome] ?? outcomes.none;
  useEffect(() => {
    if (open) ref.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  return (
    <li ref={ref} id={d.id} class={open ? "open" : ""}>
      <button class="head" aria-expanded={open} onClick={() => onToggle(!open)}>
        <time dateTime={d.at} title={full(zone, Date.parse(d.at))}>{when(zone, Date.parse(d.at), now)}</time>
        <code>{d.code}</code>
        <span class="sr">{change(d.from, d.to)}</span>
        {d.repeats > 0 && <span class="quiet small">×{d.repeats + 1}{d.last_at ? ` until ${when(zone, Date.parse(d.last_at), now)}` : ""}</span>}
        <span class={`outcome ${o.kind}`}><Icon name={o.icon} /> {o.word}</span>
      </button>
      <p class="sentence"><Sentence text={d.message} /></p>
      {d.error && <p class="bad error"><Icon name="failed" /> {d.error}</p>}
      {open && <div class="detail"><WhyList d={d} now={now} zone={zone} /></div>}
    </li>
  );
}
