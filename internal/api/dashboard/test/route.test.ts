import { describe, expect, test } from "vitest";
import { format, parse, ranges, span, start, width, type Route } from "../src/route";

describe("the address", () => {
  test("nothing is the overview", () => expect(parse("")).toEqual(start));
  test("every place comes back from its own address", () => {
    const all: Partial<Route>[] = [
      {}, { zone: "utc" }, { place: "money" }, { place: "money", zone: "browser" }, { place: "nodes" }, { place: "nodes", view: "table" }, { place: "service", service: "checkout" },
      { place: "service", service: "checkout", range: "30d", zone: "browser", pin: 1_795_419_600, view: "table", tab: "warmups", all: true, decision: "dec_01jd7k0000000000" },
      { place: "service", service: "reports", tab: "report" },
      { place: "service", service: "checkout", from: 1_795_419_600, to: 1_795_430_000 },
    ];
    for (const r of all) expect(parse(format({ ...start, ...r }))).toEqual({ ...start, ...r });
  });
  test("what is not known stays at its default", () => {
    expect(parse("#/services/checkout?range=1y&zone=Mars&from=soon&to=later&tab=x")).toEqual({ ...start, place: "service", service: "checkout" });
    expect(parse("#/moneys")).toEqual(start);
    expect(parse("#/nodes/n-01")).toEqual(start);
    expect(parse("#/services/%E0%A4%A")).toMatchObject({ place: "service" });
  });
  test("a stretch the wrong way round is no zoom", () => expect(parse("#/services/a?from=2026-11-23T08:00:00Z&to=2026-11-23T07:00:00Z").from).toBeUndefined());
  test("is readable", () => expect(format({ ...start, place: "service", service: "checkout", pin: 1_795_419_600 })).toBe("#/services/checkout?pin=2026-11-23T07:40:00Z"));
});

describe("the stretch that is shown live", () => {
  const now = Date.parse("2026-11-23T07:40:12Z") / 1000;
  test.each(ranges)("%s is as wide as it says and holds now", (range) => {
    const s = span({ ...start, range }, now, now + 86_400);
    expect(s.to - s.from).toBe(width(range));
    expect(s.from).toBeLessThan(now);
    expect(s.to).toBeGreaterThan(now);
    expect(s.to - now).toBeLessThanOrEqual(width(range) / 2 + 3600);
  });
  test("it reaches as far ahead as the forecast", () => expect(span({ ...start, range: "4d" }, now, now + 86_400).to - now).toBeCloseTo(86_400, -3));
  test("without a forecast most of it is past", () => expect(span({ ...start, range: "24h" }, now, null).to - now).toBeLessThan(8000));
  test("it moves by whole steps only", () => {
    const a = span({ ...start, range: "4d" }, now, now + 86_400);
    const b = span({ ...start, range: "4d" }, now + 1, now + 86_401);
    expect(b).toEqual(a);
  });
  test("a zoomed stretch stands still", () => expect(span({ ...start, from: 10, to: 4000 }, now, null)).toEqual({ from: 10, to: 4000, live: false }));
});
