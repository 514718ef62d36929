import { expect, test } from "vitest";
import { checkPolicy } from "../policy/parse.ts";
import { drawSeasons } from "./season.ts";

test("draws lie as the distribution says, and are the same every time", () => {
  const season = { p50: 2.5, p90: 4 };
  const draws = drawSeasons(season, 1_000);
  expect(draws).toEqual(drawSeasons(season, 1_000));
  expect(draws.filter(({ times }) => times < 2.5)).toHaveLength(500);
  expect(draws.filter(({ times }) => times < 4)).toHaveLength(900);
  expect(draws[500]?.times).toBeCloseTo(2.5, 2);
  // Logarithms lie evenly on both sides of the median.
  expect((draws[100]?.times as number) * (draws[899]?.times as number)).toBeCloseTo(2.5 ** 2, 3);
});

test("one draw is the median, and a season without spread is always the same", () => {
  expect(drawSeasons({ p50: 3, p90: 5 }, 1)).toEqual([{ quantile: 0.5, times: expect.closeTo(3, 6) as number }]);
  expect(drawSeasons({ p50: 3, p90: 3 }, 4).every(({ times }) => Math.abs(times - 3) < 1e-9)).toBe(true);
});

test("a season whose p90 is below its p50 is refused", () => {
  const { problems } = checkPolicy(
    "version: 1\nseasons: {sale: {p50: 3, p90: 2}}\nworkloads: {web: {bounds: {min: 2, max: 9}, metrics: {cpu: {measures: utilisation}}, strategies: [{type: targetTracking, metric: cpu, target: 70%}]}}\n",
    "test.yaml",
  );
  expect(problems.map(({ code, path }) => [code, path])).toContainEqual(["season_not_ascending", "seasons.sale.p90"]);
});
