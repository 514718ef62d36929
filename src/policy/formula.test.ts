import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluateFormula, FormulaError, metricsOf, parseFormula } from "./formula.ts";
import type { Measures } from "./schema.ts";

const MEASURED = new Map<string, Measures>([
  ["orders", "rate"],
  ["check-outs", "rate"],
  ["5xx", "rate"],
  ["cpu", "utilisation"],
  ["waiting", "backlog"],
  ["p95", "latency"],
  ["sessions", "gauge"],
]);
const VALUES: Readonly<Record<string, number>> = { orders: 12, "check-outs": 3, "5xx": 1, cpu: 0.5, waiting: 60, p95: 0.2, sessions: 400 };
const value = (text: string, measures: Measures) => evaluateFormula(parseFormula(text, measures, MEASURED), (name) => VALUES[name] as number);

describe("a formula", () => {
  test.for([
    ["orders * 3 + check-outs", "rate", 39],
    ["orders*3-check-outs*2", undefined, 0],
    ["orders - check-outs - 5xx", "rate", 8],
    ["5xx / orders", "errors", 1 / 12],
    ["orders / 2 / 3", "rate", 2],
    ["2 * (orders + 6/min)", "rate", 24.2],
    ["max(orders, check-outs * 5, 10/s)", "rate", 15],
    ["min(cpu, 40%)", "utilisation", 0.4],
    ["waiting / 30s + orders", "rate", 14],
    ["orders * p95", "concurrency", 2.4],
    ["sessions / 4", "rate", 100],
    ["sessions + 10", "gauge", 410],
    ["  ( orders )  ", "rate", 12],
  ] as const)("%s", ([text, measures, expected]) => {
    if (measures === undefined) expect(() => parseFormula(text, "rate", MEASURED)).toThrow("a minus sign has spaces around it");
    else expect(value(text, measures)).toBeCloseTo(expected, 12);
  });

  test.for([
    ["orders + cpu", "rate", '"+" between a rate and a plain number', 7],
    ["orders + 10", "rate", '"+" between a rate and a plain number', 7],
    ["orders * waiting", "rate", "gives count^2 s^-1, but rate is a rate", 0],
    ["orders", "utilisation", "gives a rate, but utilisation is a plain number", 0],
    ["max(orders, waiting)", "rate", '"," between a rate and a count', 10],
    ["oders * 2", "rate", 'no metric "oders"; did you mean "orders"?', 0],
    ["orders +", "rate", "ends where a metric or number should be", 8],
    ["(orders", "rate", 'expected ")" at the end', 7],
    ["orders orders", "rate", 'did not expect "orders" here', 7],
    ["", "rate", "ends where", 0],
    ["10/s", "rate", "names no metric", 0],
    ["orders ^ 2", "rate", 'found "^"', 7],
    ["orders; process.exit()", "rate", 'found ";"', 6],
    ["constructor", "gauge", 'no metric "constructor"', 0],
    [`${"(".repeat(60)}orders${")".repeat(60)}`, "rate", "nested deeper than 32", 33],
    ["orders + ".repeat(100), "rate", "longer than 500 characters", 0],
  ] as const)("%s is none", ([text, measures, message, at]) => {
    const error = (() => {
      try {
        parseFormula(text, measures, MEASURED);
        return undefined;
      } catch (thrown) {
        return thrown as FormulaError;
      }
    })();
    expect(error).toBeInstanceOf(FormulaError);
    expect(error?.message).toContain(message);
    expect(error?.at).toBe(at);
  });

  test("names what it reads, once", () => {
    expect(metricsOf(parseFormula("orders + max(orders, check-outs)", "rate", MEASURED))).toEqual(["orders", "check-outs"]);
  });

  test("is what JavaScript computes of the same text", () => {
    const atoms = fc.oneof(fc.constantFrom("a", "b", "c"), fc.integer({ min: 1, max: 99 }).map(String));
    const { sum } = fc.letrec((tie) => ({
      atom: fc.oneof(
        { maxDepth: 5 },
        atoms,
        tie("sum").map((inner) => `(${inner})`),
      ),
      sum: fc
        .array(fc.tuple(fc.constantFrom("+", "-", "*", "/"), tie("atom")), { minLength: 1, maxLength: 4 })
        .chain((rest) => tie("atom").map((first) => rest.reduce<string>((text, [sign, atom]) => `${text} ${sign} ${atom}`, String(first)))),
    }));
    const names = new Map<string, Measures>([
      ["a", "gauge"],
      ["b", "gauge"],
      ["c", "gauge"],
    ]);
    fc.assert(
      fc.property(sum, (text) => {
        const given = String(text);
        if (given.length > 500 || !/[abc]/.test(given)) return;
        const [a, b, c] = [3, 0.5, 7];
        const expected = new Function("a", "b", "c", `return ${given}`)(a, b, c) as number;
        const found = evaluateFormula(parseFormula(given, "gauge", names), (name) => ({ a, b, c })[name] as number);
        expect(Object.is(found, expected) || Math.abs(found - expected) <= 1e-9 * Math.abs(expected)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("never does worse than say where it is wrong, whatever text comes", () => {
    const piece = fc.constantFrom(
      "orders",
      "check-outs",
      "cpu",
      "+",
      "-",
      "*",
      "/",
      "(",
      ")",
      ",",
      "min",
      "max(",
      "10",
      "50%",
      "3s",
      "10/s",
      " ",
      ".",
      "é",
      "${x}",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 200 }),
          fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")),
        ),
        (text) => {
          try {
            evaluateFormula(parseFormula(text, "rate", MEASURED), () => 1);
          } catch (error) {
            expect(error).toBeInstanceOf(FormulaError);
            expect((error as FormulaError).at).toBeLessThanOrEqual(text.length);
          }
        },
      ),
      { numRuns: 5_000 },
    );
  });
});
