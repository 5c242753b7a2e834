import { useEffect } from "preact/hooks";
import { Problem } from "../api";
import type { Live } from "../live";
import { format, start, type Route } from "../route";
import type { Instance, List, Node, NodeOrder, NodePlan, NodeType } from "../wire";
import { bytes, count, percent, price } from "../words";
import { when } from "../zone";
import { Chip } from "./chip";
import { useRead } from "./context";
import { Curl } from "./curl";
import { Icon, type IconName } from "./icon";
import { PlanOfNodes } from "./nodeplan";
import { faultWords } from "./pause";
import { ViewSwitch } from "./table";

/** fleetLimit is how many instances are read at most. */
const fleetLimit = 5000;

interface Props {
  live: Live;
  route: Route;
  zone: string;
  go(change: Partial<Route>, replace?: boolean): void;
  onZone(served: string): void;
}

export function Nodes({ live, route, zone, go, onZone }: Props) {
  const nodes = useRead<List<Node>>("nodes");
  const types = useRead<List<NodeType>>("node-types");
  const instances = useRead<List<Instance>>(`instances?limit=${fleetLimit}`);
  // Without node types there is no plan to ask for.
  const planned = (types.data?.items ?? []).length > 0;
  const plan = useRead<NodePlan>(planned ? `nodes/plan?time_zone=${encodeURIComponent(zone)}` : null, { quiet: true });
  useEffect(() => onZone(""), []);
  if (!nodes.data || !types.data || !instances.data) return <p class="quiet pad" role="status">{nodes.error ? "" : "Reading the nodes …"}</p>;
  const now = live.clock.now();
  const running = (instances.data.items ?? []).filter((i) => drawn.has(i.state));
  const groups = byType(nodes.data.items ?? [], types.data.items ?? [], running, planned ? plan.data : null);
  const table = route.view === "table";
  return (
    <section class="nodes" id="nodes">
      <header class="row wrap">
        <h1>Nodes</h1>
        {planned && plan.data && (acting(plan.data)
          ? <Chip kind="plain" icon="fine">active: nodes are ordered and given back</Chip>
          : <Chip kind="outline" icon="would">forecast-only: no node is ordered or stopped</Chip>)}
        <span class="grow" />
        <ViewSwitch route={route} go={go} picture="boxes" />
      </header>
      {planned && (plan.data
        ? <PlanOfNodes plan={plan.data} now={now} zone={zone} table={table} />
        : <p class="quiet" role="status">{plan.error ? faultWords(plan.error) : "Reading the plan …"}</p>)}
      {planned && plan.data && plan.error instanceof Problem && <p class="warn"><Icon name="warn" /> {faultWords(plan.error)}</p>}
      {groups.length > 0 && !table && <Key ahead={groups.some((g) => g.orders.length > 0)} />}
      {table ? <NodeTable groups={groups} /> : groups.map((g) => <Group key={g.name} g={g} acts={acting(plan.data)} now={now} zone={zone} route={route} />)}
      {instances.data.next && <p class="quiet">The first {count(fleetLimit, "instance")} are drawn; there are more.</p>}
      {!planned && <NoType there={groups.length > 0} />}
    </section>
  );
}

/** Box is one node and what runs on it. It need not be known: an instance names its node. */
interface Box {
  name: string;
  node: Node | null;
  runs: Instance[];
  says: { word: string; message: string }[]; // what the plan says of it
}

interface TypeGroup {
  name: string; // "": without a type
  type: NodeType | null;
  boxes: Box[];
  orders: NodeOrder[];
}

/** byType gathers nodes by their type, those without one last. */
function byType(nodes: Node[], types: NodeType[], instances: Instance[], plan: NodePlan | null): TypeGroup[] {
  const groups = new Map<string, TypeGroup>(types.map((t) => [t.name, { name: t.name, type: t, boxes: [], orders: [] }]));
  const group = (name: string) => groups.get(name) ?? groups.set(name, { name, type: null, boxes: [], orders: [] }).get(name)!;
  const boxes = new Map<string, Box>();
  const box = (name: string, node: Node | null) => {
    const b: Box = { name, node, runs: [], says: [] };
    boxes.set(name, b);
    group(node?.type ?? "").boxes.push(b);
    return b;
  };
  for (const n of nodes) box(n.name, n);
  for (const i of instances) (boxes.get(i.node) ?? box(i.node, null)).runs.push(i);
  for (const o of plan?.orders ?? []) group(o.type).orders.push(o);
  const say = (word: string, list: { node: string; message: string }[]) => list.forEach((x) => boxes.get(x.node)?.says.push({ word, message: x.message }));
  const would = acting(plan) ? "" : "would be ";
  say(`${would}emptied`, plan?.drains ?? []);
  say(`${would}stopped`, plan?.stops ?? []);
  say("kept", plan?.kept ?? []);
  return [...groups.values()].sort((a, b) => Number(a.name === "") - Number(b.name === "") || a.name.localeCompare(b.name));
}

/** acting tells whether a plan is carried out, of types that have commands. */
const acting = (plan: NodePlan | null) => plan?.mode === "active";

/** drawn are the states that take a place on a node. */
const drawn = new Set(["ready", "starting", "draining"]);

const states: Record<string, { icon: IconName; kind: "fine" | "warn" | "quiet" | "bad" }> = {
  ready: { icon: "fine", kind: "fine" },
  ordered: { icon: "pending", kind: "quiet" },
  booting: { icon: "pending", kind: "warn" },
  cordoned: { icon: "off", kind: "warn" },
  draining: { icon: "down", kind: "warn" },
  stopped: { icon: "off", kind: "quiet" },
  failed: { icon: "failed", kind: "bad" },
};

function State({ n }: { n: Node | null }) {
  const s = n ? states[n.state] ?? { icon: "none" as const, kind: "quiet" as const } : { icon: "none" as const, kind: "quiet" as const };
  return <span class={`nowrap ${s.kind}`}><Icon name={s.icon} /> {n ? n.state : "not known as a node"}</span>;
}

/** sizes of a machine, as far as they are known. */
const sizes = (x: { cores: number; memory_bytes: number }) => [x.cores > 0 && count(x.cores, "core"), x.memory_bytes > 0 && bytes(x.memory_bytes)].filter(Boolean).join(", ");

/** standing is who decides over a node. */
const standing = (n: Node | null) => (!n ? "" : n.protected ? "protected" : n.managed ? "" : "its owner's");

function Key({ ahead }: { ahead: boolean }) {
  return (
    <p class="facts-line small quiet" aria-label="Key of the squares"><span>one square an instance:</span>
      {["ready", "starting", "draining", ...(ahead ? ["would"] : [])].map((s) => <span key={s} class="nowrap"><span class={`sq ${s}`} /> {s === "would" ? "on an order ahead" : s}</span>)}</p>
  );
}

function Group({ g, acts, now, zone, route }: { g: TypeGroup; acts: boolean; now: number; zone: string; route: Route }) {
  const t = g.type;
  return (
    <article class="nodetype" aria-label={g.name || "nodes without a type"}>
      <header class="row wrap">
        <h2>{g.name || "without a type"}</h2>
        <span class="quiet">
          {t && <>{sizes(t)}, {t.price_per_hour > 0 ? `${price(t.price_per_hour)} an hour` : "no price"} · {g.boxes.length}{t.max_count > 0 && ` of ${t.max_count}`} there</>}
          {!t && g.name && "no longer a type of the config · "}
          {!t && `${count(g.boxes.length, "node")} there`}
        </span>
      </header>
      <div class="boxes">
        {g.boxes.map((b) => <NodeBox key={b.name} b={b} route={route} />)}
        {g.orders.map((o) => <OrderBox key={o.name} o={o} acts={acts} now={now} zone={zone} route={route} />)}
        {!g.boxes.length && !g.orders.length && <p class="quiet">None there, none ordered ahead.</p>}
      </div>
    </article>
  );
}

function NodeBox({ b, route }: { b: Box; route: Route }) {
  const n = b.node;
  const who = standing(n);
  return (
    <div class="nodebox">
      <h3>{b.name || "no node named"} <State n={n} /></h3>
      {n && (
        <p class="small quiet">{[sizes(n), n.cpu !== null && `CPU ${percent(n.cpu)}`, n.memory !== null && `memory ${percent(n.memory)}`, who].filter(Boolean).join(", ")}</p>
      )}
      <Squares runs={b.runs} route={route} />
      {b.says.map((s) => <p key={s.word} class="small"><b>{s.word}</b>: {s.message}</p>)}
    </div>
  );
}

const link = (name: string, route: Route) => format({ ...start, zone: route.zone, place: "service", service: name });

/** most is how many squares of a service are drawn; the number beside them is whole. */
const most = 60;

/** Squares are the instances on a node, service by service, with their states in words. */
function Squares({ runs, route }: { runs: Instance[]; route: Route }) {
  if (!runs.length) return <p class="small quiet">nothing of ours runs here</p>;
  const services = [...new Set(runs.map((i) => i.service))].sort();
  return (
    <ul class="runs">
      {services.map((name) => {
        const of = ["ready", "starting", "draining"].map((state) => ({ state, n: runs.filter((i) => i.service === name && i.state === state).length })).filter((x) => x.n > 0);
        return (
          <li key={name}>
            <a href={link(name, route)}>{name}</a>{" "}
            <span class="squares" aria-hidden="true">{of.flatMap((x) => Array.from({ length: Math.min(most, x.n) }, (_, i) => <span key={x.state + i} class={`sq ${x.state}`} />))}</span>{" "}
            <span class="small quiet">{of.map((x) => `${x.n} ${x.state}`).join(", ")}</span>
          </li>
        );
      })}
    </ul>
  );
}

function OrderBox({ o, acts, now, zone, route }: { o: NodeOrder; acts: boolean; now: number; zone: string; route: Route }) {
  return (
    <div class="nodebox order">
      <h3>+ {o.name} <span class="nowrap quiet"><Icon name={acts ? "pending" : "would"} /> {acts ? "" : "would be "}ordered {when(zone, Date.parse(o.order_at), now)}</span></h3>
      <p class="small quiet">ready by {when(zone, Date.parse(o.ready_by), now)}, {price(o.price_per_hour)} an hour{o.replaces && `, in the place of ${o.replaces}`}</p>
      <ul class="runs">
        {o.holds.map((h) => (
          <li key={h.service}><a href={link(h.service, route)}>{h.service}</a>{" "}
            <span class="squares" aria-hidden="true">{Array.from({ length: Math.min(most, h.count) }, (_, i) => <span key={i} class="sq would" />)}</span> <span class="small quiet">{h.count}</span></li>
        ))}
      </ul>
    </div>
  );
}

/** NodeTable is the same as the boxes, in rows. */
function NodeTable({ groups }: { groups: TypeGroup[] }) {
  const rows = groups.flatMap((g) => g.boxes.map((b) => ({ g, b })));
  if (!rows.length) return null;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Nodes">
      <table class="plain" id="nodetable">
        <caption class="sr">Nodes and what runs on them</caption>
        <thead><tr><th scope="col">Node</th><th scope="col">Type</th><th scope="col">State</th><th scope="col">Whose</th><th scope="col" class="num">Cores</th><th scope="col" class="num">CPU</th><th scope="col" class="num">Memory</th><th scope="col" class="num">Instances</th><th scope="col">Planned</th></tr></thead>
        <tbody>
          {rows.map(({ g, b }) => (
            <tr key={b.name}>
              <th scope="row" class="nowrap">{b.name || "no node named"}</th><td>{g.name || <span class="quiet">none</span>}</td><td><State n={b.node} /></td><td>{standing(b.node)}</td>
              <td class="num">{b.node?.cores || "–"}</td><td class="num nowrap">{percent(b.node?.cpu)}</td><td class="num nowrap">{percent(b.node?.memory)}</td>
              <td class="num">{b.runs.length}</td><td>{b.says.map((s) => s.word).join(", ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** NoType says how to declare what can be ordered, so that nodes are planned. */
function NoType({ there }: { there: boolean }) {
  return (
    <div class={there ? "declare" : "empty"} id="notype">
      <h2>No nodes are planned: there is no node type</h2>
      <p>Declare in the config what can be ordered, and which machines are there. The plan then says which nodes to order and when, which to empty and stop, and what that costs.
        A type with <code>start</code> and <code>stop</code> commands is ordered and given back.</p>
      <Curl command={"node_types:\n  large: {cores: 8, memory: 32GiB, price_per_hour: 0.40, boot_time: 90s, max_count: 10}\nnodes:\n  rack-1: {type: large, protected: true}"} />
    </div>
  );
}
