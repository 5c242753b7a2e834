import { describe, expect, test } from "vitest";
import { dayOf, doubled, full, hm, monthOf, offsetAt, offsetName, segments, tickLabel, ticks, validZone, when } from "../src/zone";

const berlin = "Europe/Berlin";
const at = (s: string) => Date.parse(s);
const hour = 3_600_000;

describe("offsets", () => {
  test.each([
    [berlin, "2026-11-23T07:40:00Z", "UTC+1"],
    [berlin, "2026-07-01T07:40:00Z", "UTC+2"],
    ["Asia/Kolkata", "2026-07-01T00:00:00Z", "UTC+5:30"],
    ["America/St_Johns", "2026-01-01T00:00:00Z", "UTC-3:30"],
    ["UTC", "2026-01-01T00:00:00Z", "UTC"],
  ])("%s at %s is %s", (zone, t, name) => expect(offsetName(offsetAt(zone, at(t)))).toBe(name));
  test("a zone the browser does not know becomes UTC", () => expect(validZone("Mars/Olympus")).toBe("UTC"));
});

describe("the clock change in autumn", () => {
  const first = at("2026-10-25T00:30:00Z");
  test("the doubled hour is named with its offset, twice", () => {
    expect(hm(berlin, first)).toBe("02:30 (+2)");
    expect(hm(berlin, first + hour)).toBe("02:30 (+1)");
  });
  test("the hours around it are not", () => {
    expect(hm(berlin, at("2026-10-24T23:59:00Z"))).toBe("01:59");
    expect(hm(berlin, at("2026-10-25T02:00:00Z"))).toBe("03:00");
    expect(doubled(berlin, at("2026-10-25T01:59:59Z"))).toBe(true);
  });
  test("its day has 25 hourly ticks", () => {
    const labels = ticks(berlin, at("2026-10-24T22:00:00Z"), at("2026-10-25T22:59:00Z"), 30).map((t) => tickLabel(berlin, t));
    expect(labels).toHaveLength(25);
    expect(labels.slice(0, 5)).toEqual(["Sun 25 Oct", "01:00", "02:00 (+2)", "02:00 (+1)", "03:00"]);
  });
  test("segments meet at the change", () => {
    expect(segments(berlin, at("2026-10-24T12:00:00Z"), at("2026-10-26T12:00:00Z"))).toEqual([
      { from: at("2026-10-24T12:00:00Z"), to: at("2026-10-25T01:00:00Z"), offset: 2 * hour },
      { from: at("2026-10-25T01:00:00Z"), to: at("2026-10-26T12:00:00Z"), offset: hour },
    ]);
  });
});

describe("the clock change in spring", () => {
  test("the missing hour has no tick and no width", () => {
    const got = ticks(berlin, at("2026-03-28T23:00:00Z"), at("2026-03-29T04:00:00Z"), 5);
    expect(got.map((t) => tickLabel(berlin, t))).toEqual(["Sun 29 Mar", "01:00", "03:00", "04:00", "05:00", "06:00"]);
    expect(got[2]! - got[1]!).toBe(hour);
  });
  test("days stay at midnight over the change", () => {
    const got = ticks(berlin, at("2026-03-26T23:00:00Z"), at("2026-03-31T22:00:00Z"), 6);
    expect(new Set(got.map((t) => hm(berlin, t)))).toEqual(new Set(["00:00"]));
    expect(got).toHaveLength(6);
  });
});

test("ticks are never more than asked for, in any zone and range", () => {
  for (const zone of [berlin, "UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"]) {
    for (const hours of [0.2, 1, 3, 12, 24, 96, 168, 720]) {
      const from = at("2026-10-20T13:37:11Z");
      const got = ticks(zone, from, from + hours * hour, 8);
      expect(got.length).toBeLessThanOrEqual(9);
      expect(got.length).toBeGreaterThan(0);
      expect(got.every((t, i) => t >= from && t <= from + hours * hour && (i === 0 || t > got[i - 1]!))).toBe(true);
    }
  }
});

test("a time is as short as it can be clear", () => {
  const now = at("2026-11-23T07:40:00Z");
  expect(when(berlin, at("2026-11-23T07:47:00Z"), now)).toBe("08:47");
  expect(when(berlin, at("2026-11-23T23:10:00Z"), now)).toBe("Tue 00:10");
  expect(when(berlin, at("2026-11-10T07:00:00Z"), now)).toBe("10 Nov 08:00");
  expect(full(berlin, now)).toBe("Mon 23 Nov 08:40");
  expect(dayOf("America/Los_Angeles", now)).toBe("Sun 22 Nov");
});

test("a month is that of the zone", () => {
  expect(monthOf(berlin, at("2026-11-23T07:40:00Z"))).toEqual({ name: "November", day: 23, days: 30 });
  expect(monthOf(berlin, at("2026-11-30T23:30:00Z"))).toEqual({ name: "December", day: 1, days: 31 });
  expect(monthOf("UTC", at("2028-02-29T12:00:00Z"))).toEqual({ name: "February", day: 29, days: 29 });
});
