import { describe, expect, test } from "vitest";
import { columns, fold, gaps, indexAt, marks, shorts, top, upper } from "../src/columns";
import { csv, shown } from "../src/rows";
import type { Capacity, Decision } from "../src/wire";

const t0 = Date.parse("2026-11-23T07:00:00Z") / 1000;
const iso = (s: number) => new Date(s * 1000).toISOString();

/** Six steps of ten minutes; now falls between the fourth and the fifth. */
function capacity(change: Partial<Capacity> = {}): Capacity {
  return {
    service: "checkout", time_zone: "Europe/Berlin", now: iso(t0 + 2100), from: iso(t0), to: iso(t0 + 3600), step: "10m0s", objective: 0.95, min: 2, max: 12,
    band: [{ from: 1, upper: 60 }, { from: 2, upper: 65 }, { from: 3, upper: 70 }, { from: 5, upper: 75 }, { from: 8, upper: 80 }], lead: "4m40s", acting: true,
    times: [0, 1, 2, 3, 4, 5].map((i) => t0 + i * 600),
    demand: [1, 1.2, null, 1.5, null, null], demand_low: null, demand_high: null, saturated: [false, true, false, false, false, false],
    forecast: [1, 1.1, 1.2, 1.3, 1.4, 1.5], forecast_low: [0, 0, 0, 0, 0, 0], forecast_high: [2, 2, 2, 2, 2, 2],
    ready: [2, 2, 2, 3, null, null], wanted: [2, 2, 3, 3, null, null], planned: [null, null, null, null, 4, 4], required: [2, 3, 3, 3, null, null],
    decisions: [], ...change,
  };
}

describe("a point is added at now", () => {
  const c = columns(capacity(), t0 + 2100, 600);
  const at = c.x.indexOf(t0 + 2100);
  test("it stands in its place", () => expect(at).toBe(4));
  test("measured counts hold until now and the plan begins there", () => {
    expect(c.ready[at]).toBe(3);
    expect(c.planned[at]).toBe(3);
    expect(c.planned[at + 1]).toBe(4);
  });
  test("the forecast runs on unbroken, actual demand ends", () => {
    expect(c.forecast[at]).toBeUndefined();
    expect(c.demand[at]).toBeNull();
  });
  test("the limit follows the band of those that are there", () => {
    expect(c.limit[0]).toBeCloseTo(1.3);
    expect(c.limit[at + 1]).toBeCloseTo(2.8);
  });
  test("it is no row of the table or the CSV", () => {
    expect(shown(c)).toHaveLength(6);
    const lines = csv(c).trim().split("\n");
    expect(lines).toHaveLength(7);
    expect(lines[0]).toBe("time,demand,demand_low,demand_high,saturated,forecast,forecast_low,forecast_high,limit,ready,starting,draining,wanted,planned,required");
    expect(lines[3]).toBe("2026-11-23T07:20:00Z,,,,false,1.2,0,2,1.3,2,,,3,,3");
  });
  test("a now outside the range adds nothing", () => expect(columns(capacity(), t0 + 9999, 600).x).toHaveLength(6));
});

describe("gaps", () => {
  const x = [0, 60, 120, 180, 240, 300];
  test("stay gaps, from the first missing step to the next value", () => expect(gaps(x, [1, null, null, 2, 2, 2], 360, 60)).toEqual([{ from: 60, to: 180 }]));
  test("run on to now when samples stopped", () => expect(gaps(x, [1, 1, null, null, null, null], 330, 60)).toEqual([{ from: 120, to: 330 }]));
  test("are not claimed while the newest steps are on their way", () => expect(gaps(x, [1, 1, 1, 1, 1, null], 330, 60)).toEqual([]));
  test("do not begin before the first value or reach past now", () => {
    expect(gaps(x, [null, null, 1, 1, 1, 1], 330, 60)).toEqual([]);
    expect(gaps(x, [1, 1, 1, null, null, null], 170, 60)).toEqual([]);
  });
  test("need a null: a line that may run on is none", () => expect(gaps(x, [1, undefined, 1, 1, 1, 1], 360, 60)).toEqual([]));
});

test("short is where required is above ready", () => {
  const c = columns(capacity(), t0 + 2100, 600);
  expect(shorts(c)).toEqual([{ from: t0 + 600, to: t0 + 1800, ready: 2, required: 3 }]);
});

test("the top of an axis is 1.1 times the largest and takes in a near bound only", () => {
  expect(top(10, 12)).toBeCloseTo(13.2);
  expect(top(10, 15)).toBeCloseTo(11);
  expect(top(10, 8)).toBeCloseTo(11);
  expect(top(0, null)).toBe(1);
});

test("the band's limit rises with the number", () => {
  const b = capacity().band;
  expect([1, 2, 4, 5, 7, 8, 50].map((n) => upper(b, n))).toEqual([60, 65, 70, 75, 75, 80, 80]);
});

test("the step that covers a time", () => expect([-1, 0, 59, 60, 1000].map((t) => indexAt([0, 60, 120], t))).toEqual([-1, 0, 0, 1, 2]));

const decision = (id: string, at: string, change: Partial<Decision> = {}): Decision => ({
  id, service: "checkout", at, mode: "active", from: 4, to: 4, required: 4, code: "steady", message: "", outcome: "none", repeats: 0, actions: null, ...change,
});

test("marks that are too near become one", () => {
  const ds = [decision("c", iso(t0 + 5000)), decision("b", iso(t0 + 100)), decision("a", iso(t0))];
  expect(marks(ds, 200).map((m) => m.decisions.map((d) => d.id))).toEqual([["a", "b"], ["c"]]);
});

describe("repeats fold", () => {
  test("when they say the same and did nothing", () => {
    const got = fold([decision("b", iso(t0 + 60), { repeats: 2, last_at: iso(t0 + 90) }), decision("a", iso(t0))]);
    expect(got).toHaveLength(1);
    expect(got[0]).toMatchObject({ id: "b", at: iso(t0), last_at: iso(t0 + 90), repeats: 3 });
  });
  test("never when something was started", () => {
    const acts = { actions: [{ kind: "start" as const, instance: "x" }], from: 3 };
    expect(fold([decision("b", iso(t0 + 60), acts), decision("a", iso(t0), acts)])).toHaveLength(2);
  });
  test("never over another decision between them", () => {
    expect(fold([decision("c", iso(t0 + 90)), decision("b", iso(t0 + 60), { code: "paused" }), decision("a", iso(t0))])).toHaveLength(3);
  });
});
