import { useEffect, useRef } from "preact/hooks";
import type { Columns } from "../columns";
import type { Route } from "../route";
import { cell, heads, shown } from "../rows";
import { digits } from "../words";
import { offsetAt, offsetName, stamp } from "../zone";

/** ViewSwitch chooses between the picture of a place and the same in numbers. */
export function ViewSwitch({ route, go, picture }: { route: Route; go(change: Partial<Route>, replace?: boolean): void; picture: string }) {
  return (
    <div class="row switch" role="group" aria-label="View">
      <button aria-pressed={route.view === "charts"} onClick={() => go({ view: "charts" }, true)}>{picture}</button>
      <button aria-pressed={route.view === "table"} onClick={() => go({ view: "table" }, true)}>table</button>
    </div>
  );
}

/** TableView is the same as the charts, in numbers. It opens at now. */
export function TableView({ c, zone, name, now }: { c: Columns; zone: string; name: string; now: number }) {
  const rows = shown(c);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const first = box.current?.querySelector<HTMLElement>(".ahead");
    if (first) box.current!.scrollTop = first.offsetTop - box.current!.clientHeight / 2;
  }, [name]);
  return (
    <div ref={box} class="scroll tall" tabIndex={0} role="region" aria-label={`Numbers of ${name}`}>
      <table class="plain numbers-table">
        <caption class="sr">Demand and instances of {name}</caption>
        <thead>
          <tr><th scope="col">Time, {zone} ({offsetName(offsetAt(zone, now))})</th>{heads.map((h) => <th key={h.key} scope="col" class="num">{h.name}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((i) => {
            const t = c.x[i]! * 1000;
            return (
              <tr key={t} class={t > now ? "ahead" : ""}>
                <th scope="row">{stamp(zone, t)}</th>
                {heads.map((h) => {
                  const v = cell(c, h, i);
                  return <td key={h.key} class="num">{v === null ? <span class="quiet">–</span> : typeof v === "boolean" ? (v ? "yes" : "") : h.whole ? v : digits(v)}</td>;
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
