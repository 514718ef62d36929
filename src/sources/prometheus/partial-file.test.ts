import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { PartialFile, type PartialHead } from "./partial-file.ts";
import type { FinishedChunk } from "./read-history.ts";

const folder = mkdtempSync(join(tmpdir(), "vernier-partial-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const head: PartialHead = { format: "vernier-prometheus-partial", version: 1, key: "k", fromMs: 0, stepMs: 1_000, bins: 6, begunAtMs: 5 };
const chunk = (query: number, first: number, values: readonly (number | null)[]): FinishedChunk => ({
  query,
  first,
  values,
  series: "{}",
  notFinite: 0,
  warnings: [],
});
const open = (path: string, accept = true) => PartialFile.open(path, head, () => accept);

describe("finished chunks", () => {
  test("are there again, whatever was cut behind them, and so is what is added after that", () => {
    const path = join(folder, "cut");
    let { file } = open(path);
    file.append(chunk(0, 0, [1, null]));
    file.close();
    for (const cut of ['{"query":0,"first":2,"val', `${JSON.stringify(chunk(0, 2, [3]))}`, "\u0000\u0000\n", `${JSON.stringify(chunk(0, 5, [9]))}\n`]) {
      appendFileSync(path, cut);
      file = open(path).file;
      expect(file.finished).toEqual([chunk(0, 0, [1, null])]);
      file.close();
    }
    appendFileSync(path, '{"query":0,"first":2,"val');
    file = open(path).file;
    file.append(chunk(0, 2, [3, 4]));
    file.append(chunk(1, 0, [0.1]));
    file.close();
    file = open(path).file;
    expect(file.finished).toEqual([chunk(0, 0, [1, null]), chunk(0, 2, [3, 4]), chunk(1, 0, [0.1])]);
    file.close();
  });

  test("count once when two processes wrote them", () => {
    const path = join(folder, "twice");
    const [one, two] = [open(path).file, open(path).file];
    for (const file of [one, two]) file.append(chunk(0, 0, [1, 2]));
    one.append(chunk(0, 2, [3]));
    for (const file of [one, two]) file.close();
    const { file } = open(path);
    expect(file.finished).toEqual([chunk(0, 0, [1, 2]), chunk(0, 2, [3])]);
    file.close();
  });

  test("of another reading, or of one too long ago, are begun anew", () => {
    const path = join(folder, "other");
    writeFileSync(path, `${JSON.stringify({ ...head, key: "another" })}\n${JSON.stringify(chunk(0, 0, [1]))}\n`);
    const first = open(path);
    expect([first.replaced, first.file.finished]).toEqual([true, []]);
    first.file.append(chunk(0, 0, [1]));
    first.file.close();
    const second = open(path, false);
    expect([second.replaced, second.file.finished]).toEqual([true, []]);
    second.file.close();
  });

  test("are believed from no damaged file further than the damage, and it never throws", () => {
    const path = join(folder, "fuzz");
    const whole = `${[head, chunk(0, 0, [1, 2]), chunk(0, 2, [3, null]), chunk(0, 4, [5, 6])].map((line) => JSON.stringify(line)).join("\n")}\n`;
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(20), fc.string({ unit: "binary", maxLength: 8 }), (at, gone, put) => {
        writeFileSync(path, whole.slice(0, at) + put + whole.slice(at + gone));
        const { file } = open(path);
        let next = 0;
        for (const { query, first, values } of file.finished) {
          if (query !== 0) continue;
          expect(first).toBe(next);
          next += values.length;
          expect(next).toBeLessThanOrEqual(file.head.bins);
        }
        file.close();
        expect(readFileSync(path, "utf8").endsWith("\n")).toBe(true);
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });
});
