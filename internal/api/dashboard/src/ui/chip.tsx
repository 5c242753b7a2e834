import type { Mode, Service } from "../wire";
import { duration } from "../words";
import { when } from "../zone";
import { Icon, type IconName } from "./icon";

/** Chip is an icon, a word and a colour together. */
export function Chip(p: { kind: "plain" | "fine" | "warn" | "bad" | "quiet" | "outline"; icon?: IconName; children: preact.ComponentChildren; title?: string }) {
  return (
    <span class={`chip ${p.kind}`} title={p.title}>
      {p.icon && <Icon name={p.icon} />}
      <span>{p.children}</span>
    </span>
  );
}

/** ModeChip says whether forescale acts; a pause outweighs the mode. */
export function ModeChip({ service, now, zone, brief }: { service: Service; now: number; zone: string; brief?: boolean }) {
  const p = service.status.paused;
  if (p && Date.parse(p.until) > now) {
    const until = Date.parse(p.until);
    return (
      <Chip kind="quiet" icon="pause" title={p.note || undefined}>
        {brief ? `paused until ${when(zone, until, now)}` : `paused by ${p.by || "somebody"} until ${when(zone, until, now)} (in ${duration(Math.ceil((until - now) / 60_000) * 60_000)})`}
      </Chip>
    );
  }
  return <ModeWord mode={service.mode} />;
}

function ModeWord({ mode }: { mode: Mode }) {
  switch (mode) {
    case "active":
      return <Chip kind="plain" icon="fine">active</Chip>;
    case "forecast-only":
      return <Chip kind="outline" icon="would" title="Forecasts and plans, but does nothing">forecast-only</Chip>;
    default:
      return <Chip kind="quiet" icon="off">off</Chip>;
  }
}

/** stateIcon of a service: the worst of its parts, by shape as well as colour. */
export function stateIcon(s: Service): { name: IconName; kind: string; word: string } {
  if (s.status.state === "bad") return { name: "bad", kind: "bad", word: "needs you" };
  if (s.status.state === "warn") return { name: "warn", kind: "warn", word: "needs a look" };
  if (s.mode === "off") return { name: "off", kind: "quiet", word: "off" };
  if (s.mode === "forecast-only") return { name: "would", kind: "quiet", word: "fine, forecast-only" };
  return { name: "fine", kind: "fine", word: "fine" };
}
