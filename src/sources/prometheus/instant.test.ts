import { describe, expect, test } from "vitest";
import { InstantSamples, parseInstantAnswer } from "./instant.ts";

const vector = (...series: [Record<string, string>, string][]): string =>
  JSON.stringify({ status: "success", data: { resultType: "vector", result: series.map(([metric, value]) => ({ metric, value: [1_700_000_000.5, value] })) } });
const find = (text: string, select?: Record<string, string>) => new InstantSamples(parseInstantAnswer(text)).find(select);

describe("one answer for many", () => {
  const answer = vector([{ app: "web", zone: "a" }, "1"], [{ app: "web", zone: "b" }, "2"], [{ app: "db" }, "NaN"]);

  test.each([
    [
      { app: "web", zone: "b" },
      { kind: "value", value: 2, atMs: 1_700_000_000_500, partial: false },
    ],
    [
      { zone: "b", app: "web" },
      { kind: "value", value: 2, atMs: 1_700_000_000_500, partial: false },
    ],
    [{ app: "web" }, { kind: "invalid", reason: '2 series have {app="web"}, expected one' }],
    [
      { app: "db", zone: "" },
      { kind: "invalid", reason: "the value is NaN" },
    ],
    [{ app: "cache" }, { kind: "absent", reason: 'none of the 3 series has {app="cache"}' }],
    [{ constructor: "web" }, { kind: "absent", reason: 'none of the 3 series has {constructor="web"}' }],
    [undefined, { kind: "invalid", reason: "the query gives 3 series, expected one: add them up with sum(…), or say which with select" }],
  ])("%j", (select, expected) => {
    expect(find(answer, select as Record<string, string> | undefined)).toEqual(expected);
  });

  test("has nothing in it when there is no series, and is the scalar when it is one", () => {
    expect(find(vector(), { app: "web" })).toEqual({ kind: "absent", reason: "the query gives no series" });
    const scalar = JSON.stringify({ status: "success", data: { resultType: "scalar", result: [1, "7"] } });
    expect(find(scalar)).toEqual({ kind: "value", value: 7, atMs: 1_000, partial: false });
  });

  test("values that look alike together are told apart by themselves", () => {
    const tricky = vector([{ a: 'x","y', b: "z" }, "1"], [{ a: "x", b: 'y","z' }, "2"]);
    expect(find(tricky, { a: "x", b: 'y","z' })).toMatchObject({ value: 2 });
  });
});
