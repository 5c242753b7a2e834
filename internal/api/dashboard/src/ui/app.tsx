import { useEffect, useReducer, useState } from "preact/hooks";
import type { Live } from "../live";
import { format, start, type Route } from "../route";
import { choose, stored, type Theme } from "../theme";
import type { About } from "../wire";
import { age } from "../words";
import { dayOf, hms, offsetAt, offsetName } from "../zone";
import { Banner } from "./banner";
import { Chip } from "./chip";
import { LiveContext, useRoute, zoneOf } from "./context";
import { KeyDialog } from "./key";
import { Money } from "./money";
import { Nodes } from "./nodes";
import { Overview } from "./overview";
import { ServiceView } from "./service";

/** The places of the shell. */
const places: { place: Route["place"]; name: string }[] = [
  { place: "overview", name: "Overview" },
  { place: "nodes", name: "Nodes" },
  { place: "money", name: "Money" },
];

export function App({ live }: { live: Live }) {
  const [route, go] = useRoute();
  const [, beat] = useReducer((n: number) => n + 1, 0);
  const [theme, setTheme] = useState<Theme>(stored);
  const [wanted, setWanted] = useState<{ refused: boolean } | null>(null);
  const [served, setServed] = useState("");
  useEffect(() => live.subscribe(() => beat(0)), [live]);
  useEffect(() => {
    live.api.onKeyWanted = (refused) => setWanted((old) => old ?? { refused });
    return live.start();
  }, [live]);
  const home = live.about?.zone ?? "UTC";
  const zone = zoneOf(route, served || home);
  useEffect(() => {
    const name = route.place === "service" ? route.service : route.place === "overview" ? "" : places.find((p) => p.place === route.place)?.name;
    document.title = name ? `${name} · forescale` : "forescale";
    scrollTo(0, 0);
  }, [route.place, route.service]);
  return (
    <LiveContext.Provider value={live}>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.querySelector<HTMLElement>("#main")?.focus(); }}>To the content</a>
      <Shell live={live} route={route} zone={zone} theme={theme} go={go} onTheme={(t) => { choose(t); setTheme(t); }} />
      <Banner live={live} zone={zone} />
      <main id="main" tabIndex={-1}>
        {!live.clock.known
          ? <p class="quiet pad" role="status">{live.trouble || wanted ? "" : "Asking the server for the time …"}</p>
          : <Place live={live} route={route} zone={zone} theme={theme} go={go} onZone={setServed} />}
      </main>
      {wanted && (
        <KeyDialog refused={wanted.refused} onClose={() => setWanted(null)}
          onKey={(key) => {
            live.api.key = key;
            setWanted(null);
            live.again();
          }} />
      )}
    </LiveContext.Provider>
  );
}

/** Place is what the address asks for. */
function Place({ live, route, zone, theme, go, onZone }: { live: Live; route: Route; zone: string; theme: Theme; go(change: Partial<Route>, replace?: boolean): void; onZone(served: string): void }) {
  switch (route.place) {
    case "overview":
      return <Overview live={live} route={route} zone={zone} onZone={onZone} />;
    case "nodes":
      return <Nodes live={live} route={route} zone={zone} go={go} onZone={onZone} />;
    case "money":
      return <Money live={live} route={route} zone={zone} onZone={onZone} />;
    case "service":
      return <ServiceView key={route.service} live={live} route={route} theme={theme} zone={(s) => zoneOf(route, s)} go={go} onZone={onZone} />;
  }
}

const zones: { value: Route["zone"]; word: string }[] = [
  { value: "service", word: "service zone" },
  { value: "utc", word: "UTC" },
  { value: "browser", word: "my zone" },
];
const themes: { value: Theme; word: string }[] = [
  { value: "auto", word: "auto colours" },
  { value: "light", word: "light" },
  { value: "dark", word: "dark" },
];

function Shell({ live, route, zone, theme, go, onTheme }: {
  live: Live; route: Route; zone: string; theme: Theme; go(change: Partial<Route>, replace?: boolean): void; onTheme(t: Theme): void;
}) {
  const now = live.clock.now();
  const about = live.about;
  const home = format({ ...start, zone: route.zone });
  return (
    <header class="shell">
      <a class="brand" href={home}>forescale</a>
      <nav aria-label="Places">
        {places.map((p) => <a key={p.place} href={format({ ...start, zone: route.zone, place: p.place })} aria-current={route.place === p.place ? "page" : undefined}>{p.name}</a>)}
        {route.place === "service" && <a class="here" aria-current="page" href={format({ ...start, zone: route.zone, place: "service", service: route.service })}>{route.service}</a>}
      </nav>
      <span class="grow" />
      {about && /simulat/i.test(about.world) && <Chip kind="outline" icon="would" title="No real machine is touched">{about.world}</Chip>}
      {about && live.clock.speed !== 1 && <Chip kind="outline" title="The served time runs faster than yours">{Math.round(live.clock.speed).toLocaleString("en-GB")}× time</Chip>}
      <LeadChip about={about} />
      {live.clock.known && (
        <span class="clock"><time id="clock" title={`${dayOf(zone, now)} in ${zone}`}><span class="day">{dayOf(zone, now)} </span>{hms(zone, now)}</time> <span class="quiet" title={zone}><span class="zonename">{zone === "UTC" ? "" : zone + " "}</span>{offsetName(offsetAt(zone, now))}</span></span>
      )}
      <LiveChip live={live} pinned={route.pin !== undefined} />
      <label><span class="sr">Time zone</span>
        <select value={route.zone} onChange={(e) => go({ zone: e.currentTarget.value as Route["zone"] }, true)}>{zones.map((z) => <option key={z.value} value={z.value}>{z.word}</option>)}</select></label>
      <label><span class="sr">Colours</span>
        <select id="theme" value={theme} onChange={(e) => onTheme(e.currentTarget.value as Theme)}>{themes.map((t) => <option key={t.value} value={t.value}>{t.word}</option>)}</select></label>
    </header>
  );
}

/** LeadChip says which part this server has among several, and the number of the term. */
function LeadChip({ about }: { about: About | null }) {
  const leads = about?.leads;
  if (!about || !leads?.fence) return null;
  const title = `${about.server}: fence ${leads.fence}, the number of take-overs so far`;
  if (about.leader) return <span id="lead"><Chip kind="outline" icon="fine" title={title}>leads, fence {leads.fence}</Chip></span>;
  return <span id="lead"><Chip kind="warn" icon="warn" title={title}>follows, fence {leads.fence}</Chip></span>;
}

/** LiveChip says whether the page follows, and how old its data is in served time. */
function LiveChip({ live, pinned }: { live: Live; pinned: boolean }) {
  const old = live.lastRead ? age(live.clock.now() - Math.max(live.lastRead, live.lastStep)) : "";
  if (pinned) return <span id="live"><Chip kind="quiet" icon="pause">pinned</Chip></span>;
  if (live.trouble) return <span id="live"><Chip kind="bad" icon="failed">{old ? `${old} old` : "no answer"}</Chip></span>;
  if (!live.connected) return <span id="live"><Chip kind="warn" icon="warn">connecting</Chip></span>;
  return <span id="live"><Chip kind="fine" icon="fine">live {old}</Chip></span>;
}
