import { describe, expect, test } from "vitest";
import { ServerClock } from "../src/clock";
import { backoff, EventParser } from "../src/stream";
import { linePath } from "../src/ui/spark";

describe("server-sent events", () => {
  const text = ': hello\n\nevent: step\ndata: {"at":"x"}\n\n: beat\n\ndata: a\ndata: b\n\nevent: empty\n\n';
  const want = [{ name: "step", data: '{"at":"x"}' }, { name: "message", data: "a\nb" }];
  test("are found, heartbeats are not", () => expect(new EventParser().push(text)).toEqual(want));
  test("however the text is chopped, with any line ends", () => {
    for (const ends of ["\n", "\r\n", "\r"]) {
      const whole = text.replaceAll("\n", ends) + "data: tail";
      for (let size = 1; size < 20; size++) {
        const p = new EventParser();
        const got = [];
        for (let i = 0; i < whole.length; i += size) got.push(...p.push(whole.slice(i, i + size)));
        expect(got).toEqual(want);
      }
    }
  });
});

test("tries come later and later, with a bound and some jitter", () => {
  expect([0, 1, 2, 3, 4, 5, 50].map((n) => backoff(n, () => 0))).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(backoff(5, () => 1)).toBe(24_000);
});

describe("the server's clock", () => {
  test("runs as fast as the server says, from what it said, half-way through the question", () => {
    let steady = 1000;
    const c = new ServerClock(() => steady);
    steady = 1200; // the answer took 200 ms
    c.set({ now: "2026-11-23T07:40:00Z", speed: 480 }, 1000);
    expect(c.now()).toBe(Date.parse("2026-11-23T07:40:00Z") + 100 * 480);
    steady = 2100;
    expect(c.now()).toBe(Date.parse("2026-11-23T07:48:00Z"));
  });
  test("does not believe nonsense", () => {
    const c = new ServerClock(() => 0);
    c.set({ now: "soon", speed: 1 });
    expect(c.known).toBe(false);
    c.set({ now: "2026-11-23T07:40:00Z", speed: 0 });
    expect(c.speed).toBe(1);
  });
});

test("a sparkline keeps its gaps", () => expect(linePath([0, 1, 2, 3, 4], [1, 2, null, 3, null])).toBe("M0.0 1.0L1.0 2.0M3.0 3.0h1.5"));
