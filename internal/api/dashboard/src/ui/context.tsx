import { createContext } from "preact";
import { useContext, useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { Live } from "../live";
import { format, parse, type Route } from "../route";
import { validZone } from "../zone";

export const LiveContext = createContext<Live>(null as unknown as Live);

/** useLive renders again on each beat of the live connection. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => live.subscribe(() => again(0)), [live]);
  return live;
}

/** Read is the last good answer, kept while newer ones fail. */
export interface Read<T> {
  data: T | null;
  at: number; // server time of it, ms
  error: unknown;
}

/**
 * useRead asks for `path` now and whenever the server has news. One question is
 * under way at a time. A path that only moved with the clock keeps its `key` and
 * waits for its turn; another key ends the older question and drops its answer.
 * Without a path nothing is asked.
 */
export function useRead<T>(path: string | null, options: { key?: string; quiet?: boolean } = {}): Read<T> {
  const live = useLive();
  const key = options.key ?? path ?? "";
  const [read, set] = useState<Read<T> & { key: string }>({ data: null, at: 0, error: null, key });
  const busy = useRef<{ key: string; stop: AbortController } | null>(null);
  useEffect(() => {
    if (path === null || busy.current?.key === key) return;
    busy.current?.stop.abort();
    const mine = { key, stop: new AbortController() };
    busy.current = mine;
    const asked = performance.now();
    live.api.get<T>(path, mine.stop.signal).then(
      (data) => {
        if (busy.current !== mine) return;
        busy.current = null;
        live.good(performance.now() - asked);
        set({ data, at: live.clock.now(), error: null, key });
      },
      (error) => {
        if (busy.current !== mine) return;
        busy.current = null;
        if (!options.quiet) live.bad(error);
        set((old) => ({ ...old, error, key }));
      },
    );
  }, [path, key, live.version]);
  useEffect(() => () => busy.current?.stop.abort(), []);
  return read.key === key ? read : { data: read.data, at: read.at, error: null };
}

/** useRoute is the place in the address and how to go elsewhere. */
export function useRoute(): [Route, (change: Partial<Route>, replace?: boolean) => void] {
  const [route, set] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = () => set(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const go = (change: Partial<Route>, replace = false) => {
    const hash = format({ ...parse(location.hash), ...change });
    if (replace) {
      history.replaceState(null, "", hash);
      set(parse(hash));
    } else location.hash = hash;
  };
  return [route, go];
}

/** zoneOf is the one zone of the page: the service's, UTC or the browser's. */
export function zoneOf(route: Route, served: string): string {
  if (route.zone === "utc") return "UTC";
  if (route.zone === "browser") return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  return validZone(served || "UTC");
}

/** useWidth measures an element. */
export function useWidth(): [(e: HTMLElement | null) => void, number] {
  const [width, set] = useState(0);
  const seen = useRef<{ e: HTMLElement; o: ResizeObserver } | null>(null);
  const ref = useRef((e: HTMLElement | null) => {
    if (seen.current?.e === e) return;
    seen.current?.o.disconnect();
    seen.current = null;
    if (!e) return;
    const o = new ResizeObserver(() => set(Math.floor(e.clientWidth)));
    o.observe(e);
    seen.current = { e, o };
    set(Math.floor(e.clientWidth));
  });
  return [ref.current, width];
}
