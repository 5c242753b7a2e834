import { describe, expect, test } from "vitest";
import css from "../src/style/tokens.css?raw";
import { ciede2000, contrast, deficiencies, hex, lab, over, simulate } from "./colours";

const tokens = new Map([...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map((m) => [m[1]!, [m[2]!, m[3]!] as const]));
const colour = (name: string, theme: 0 | 1) => hex(tokens.get(name)?.[theme] ?? "missing");

describe("the arithmetic itself", () => {
  test("black on white is 21 to 1", () => expect(contrast([0, 0, 0], [1, 1, 1])).toBeCloseTo(21, 6));
  // Pairs 1, 7 and 17 of the test data of Sharma, Wu, Dalal 2005.
  test.each([
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, 0, 0], [50, -1, 2], 2.3669],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
  ] as const)("CIEDE2000 of %j and %j", (a, b, d) => expect(ciede2000([...a], [...b])).toBeCloseTo(d, 4));
});

describe("contrast of each mark on the page and on a panel, light then dark", () => {
  test.each([
    ["actual", 17.63, 16.45, 16.3, 14.69],
    ["forecast", 5.48, 5.11, 10.75, 9.69],
    ["wanted", 5.12, 4.78, 11.23, 10.12],
    ["required", 10.35, 9.65, 5.19, 4.68],
    ["limit", 4.59, 4.29, 5.84, 5.26],
    ["short", 6.54, 6.1, 7.84, 7.07],
    ["bad", 6.54, 6.1, 7.84, 7.07],
  ] as const)("%s", (name, page, panel, darkPage, darkPanel) => {
    const got = ([0, 1] as const).flatMap((t) => ["bg", "panel"].map((on) => contrast(colour(name, t), colour(on, t))));
    [page, panel, darkPage, darkPanel].forEach((want, i) => expect(got[i]).toBeCloseTo(want, 2));
    // All carry meaning: 4.5, but the light limit line on a panel.
    got.forEach((g, i) => expect(g).toBeGreaterThanOrEqual(name === "limit" && i === 1 ? 4.28 : 4.5));
  });

  test.each([["fine", 6.12, 8.42], ["warn", 6.92, 10.71], ["quiet", 6.39, 7.48]] as const)("%s chips", (name, light, dark) => {
    expect(contrast(colour(name, 0), colour("bg", 0))).toBeCloseTo(light, 2);
    expect(contrast(colour(name, 1), colour("bg", 1))).toBeCloseTo(dark, 2);
    for (const t of [0, 1] as const) expect(contrast(colour(name, t), colour("panel", t))).toBeGreaterThanOrEqual(4.5);
  });

  test("the grid is decoration", () => {
    expect(contrast(colour("grid", 0), colour("bg", 0))).toBeCloseTo(1.25, 2);
    expect(contrast(colour("grid", 1), colour("bg", 1))).toBeCloseTo(1.41, 2);
  });

  test.each([[0, 3.19, 14.34], [1, 5.85, 12.03]] as const)("the interval in theme %i: its edge on the page, actual on its fill", (t, edge, fill) => {
    const page = colour("bg", t);
    expect(contrast(over(colour("forecast", t), 0.7, page), page)).toBeCloseTo(edge, 1);
    expect(contrast(colour("actual", t), over(colour("forecast", t), 0.14, page))).toBeCloseTo(fill, 1);
    expect(contrast(over(colour("forecast", t), 0.7, page), page)).toBeGreaterThanOrEqual(3);
  });
});

describe("no two lines of a chart look alike, to anybody", () => {
  test.each([
    ["demand", ["actual", "forecast", "limit"], 14.5],
    ["instances", ["actual", "wanted", "required", "limit"], 19.0],
  ] as const)("%s", (_, names, least) => {
    const distances = ([0, 1] as const).flatMap((t) => Object.values(deficiencies).flatMap((m) =>
      names.flatMap((a, i) => names.slice(i + 1).map((b) => ciede2000(lab(simulate(colour(a, t), m)), lab(simulate(colour(b, t), m)))))));
    expect(Math.min(...distances)).toBeCloseTo(least, 1);
  });
});
