import { describe, expect, test } from "vitest";
import { age, askedDuration, bytes, change, digits, duration, goDuration, lead, money, percent, price, share, toGo } from "../src/words";

const nb = " ";

test.each([[4.68, "4.7"], [0.421, "0.42"], [12.4, "12"], [9.96, "10"], [1131, "1,131"], [0, "0"], [0.001, "0"], [100, "100"], [-2.34, "-2.3"]])(
  "%d reads %s: two digits that matter", (x, s) => expect(digits(x)).toBe(s));

test.each([[842.3, "842.30"], [0, "0.00"], [999.994, "999.99"], [999.996, "1,000"], [1131.4, "1,131"], [-12.5, "-12.50"]])("%d of money reads %s", (x, s) => expect(money(x)).toBe(s));

test.each([[34_359_738_368, "32 GiB"], [1_610_612_736, "1.5 GiB"], [0, "0 B"], [512, "512 B"]])("%d bytes read %s", (x, s) => expect(bytes(x).replaceAll(nb, " ")).toBe(s));
test.each([[0.4, "0.4"], [1.23456, "1.235"], [0, "0"]])("a price of %d reads %s", (x, s) => expect(price(x)).toBe(s));

test("percent and share", () => {
  expect(percent(64.9)).toBe(`65${nb}%`);
  expect(percent(null)).toBe("no data");
  expect(share(0.995)).toBe(`99.5${nb}%`);
});

describe("durations", () => {
  test.each([[250_000, "4 min 10 s"], [60_000, "1 min"], [4_800_000, "1 h 20 min"], [0, "0 s"], [3 * 86_400_000, "3 d"]])(
    "%d ms reads %s", (ms, s) => expect(duration(ms).replaceAll(nb, " ")).toBe(s));
  test.each([[4200, "4 s"], [431_000, "7 min"], [7_500_000, "2 h 5 min"]])("an age of %d ms reads %s", (ms, s) => expect(age(ms).replaceAll(nb, " ")).toBe(s));
  test.each([["4m40s", 280_000], ["1h0m0s", 3_600_000], ["1.5s", 1500], ["0s", 0], ["250ms", 250], ["-5m0s", -300_000]])(
    "the server's %s is %d ms", (s, ms) => expect(goDuration(s)).toBe(ms));
  test.each(["", "5", "m", "4m40", "soon", null])("%s is no duration", (s) => expect(goDuration(s)).toBeNaN());
  test.each([["2h", 7_200_000], ["90 min", 5_400_000], ["1 h 30 min", 5_400_000], ["1.5 h", 5_400_000], ["1,5h", 5_400_000], ["2 d", 172_800_000]])(
    "a person's %s is %d ms", (s, ms) => expect(askedDuration(s)).toBe(ms));
  test.each(["", "2", "h2", "for ever", "-2h"])("a person's %s is refused", (s) => expect(askedDuration(s)).toBeNaN());
  test("what is sent can be read back", () => expect(goDuration(toGo(5_461_000))).toBe(5_461_000));
});

test("a sentence is cut into what and why", () => {
  expect(lead("4 → 7 instances at 08:47: at 08:52 the demand rises.")).toEqual(["4 → 7 instances at 08:47", "At 08:52 the demand rises."]);
  expect(lead("Nothing to do.")).toEqual(["", "Nothing to do."]);
  expect(change(4, 4)).toBe("stays at 4");
});
