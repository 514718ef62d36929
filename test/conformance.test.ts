import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { judgeHpaRow } from "./support/conformance/hpa.ts";
import { type ConformanceFile, compare, PASSED, parseLossless } from "./support/conformance/rows.ts";

describe.for(readdirSync("test/conformance").filter((name) => name.endsWith(".json")))("%s", (file) => {
  const { cases } = parseLossless(readFileSync(`test/conformance/${file}`, "utf8")) as ConformanceFile;
  test.for(cases.map((row) => [row.id, row] as const))("%s", ([, row]) => {
    expect(judgeHpaRow(file, row)).toEqual(PASSED);
  });
});

test("rows are read without losing digits", () => {
  expect(parseLossless('{"a": [9223372036854775807, 5], "b": 1.5}')).toEqual({ a: [9_223_372_036_854_775_807n, 5], b: 1.5 });
  expect(parseLossless('{"note": "halves, 4611686018427387904, of it", "c": 1.3333333333333333}')).toEqual({
    note: "halves, 4611686018427387904, of it",
    c: 1.3333333333333333,
  });
});

test("a row that differs says where", () => {
  expect(compare({ replicas: 3, reason: "at_max" }, { replicas: 4, reason: "at_max" })).toEqual({
    outcome: "failed",
    why: 'replicas: expected "3", found "4"',
  });
});
