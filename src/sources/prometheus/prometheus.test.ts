import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakePrometheus, json, matrix, type Script, type Series, valuesOf } from "../../../test/support/fake-prometheus.ts";
import { FileError } from "../../lib/file-error.ts";
import { createRng } from "../../lib/rng.ts";
import { SourceError } from "../source-error.ts";
import { answerError, answerVersion, parseRangeAnswer } from "./answer.ts";
import { type BinRange, chunkAt, chunkInstants, POINTS_MAX, wholeBins } from "./chunks.ts";
import { PrometheusClient } from "./client.ts";
import { type FinishedChunk, type HistoryQuery, readHistory } from "./read-history.ts";

const QUERY: HistoryQuery = { column: "load", text: "sum(rate(x[1m]))", isAmount: true };
const DAY: BinRange = { fromMs: 1_700_000_040_000, stepMs: 60_000, bins: 1_440 };
const LONG: BinRange = { ...DAY, bins: 25_000 };
const wave: Series = (at) => String(100 + Math.round(50 * Math.sin(at / 7_000)));

interface Reading {
  readonly columns: readonly (readonly number[])[];
  readonly warnings: readonly string[];
  readonly fake: FakePrometheus;
  readonly waits: readonly number[];
  readonly chunks: readonly FinishedChunk[];
}

/** Reads from a fake server with a clock that only counts. */
async function read(
  range: BinRange,
  series: Series,
  script?: Script,
  given: { queries?: readonly HistoryQuery[]; finished?: readonly FinishedChunk[]; headers?: Record<string, string> } = {},
): Promise<Reading> {
  const fake = new FakePrometheus(series, script);
  const address = await fake.listen();
  const waits: number[] = [];
  const chunks: FinishedChunk[] = [];
  try {
    const client = new PrometheusClient(
      { url: new URL(`http://${address}`), credentials: { headers: given.headers ?? {} }, tls: {}, deadlineMs: 5_000 },
      {
        nowMs: () => Date.UTC(2026, 10, 23),
        backoff: {
          attempts: 4,
          baseMs: 500,
          mostMs: 20_000,
          askedMostMs: 120_000,
          random: createRng(1).next,
          sleep: async (ms) => {
            waits.push(ms);
          },
        },
      },
    );
    const checkpoint = { finished: given.finished ?? [], append: (chunk: FinishedChunk) => chunks.push(chunk) };
    const { columns, warnings } = await readHistory(client, given.queries ?? [QUERY], range, checkpoint);
    return { columns: columns.map(({ values }) => [...values]), warnings, fake, waits, chunks };
  } catch (error) {
    throw Object.assign(error as Error, { fake, waits, chunks });
  } finally {
    await fake.close();
  }
}

const expected = ({ fromMs, stepMs, bins }: BinRange, series: Series): number[] =>
  Array.from({ length: bins }, (_, bin) => Number(series((fromMs + (bin + 1) * stepMs) / 1_000) ?? Number.NaN));

describe("chunks", () => {
  test("cover every bin of any range once, in order, within the limit", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000_000_000 }),
        fc.integer({ min: 0, max: 400 * 86_400_000 }),
        fc.integer({ min: 1_000, max: 4_000_000 }),
        fc.integer({ min: -5, max: 20_000 }),
        (fromMs, spanMs, stepMs, pointsMax) => {
          fc.pre(spanMs / stepMs / Math.max(1, pointsMax) < 500);
          const range = wholeBins(fromMs, fromMs + spanMs, stepMs);
          expect(range.fromMs).toBeGreaterThanOrEqual(fromMs);
          expect(range.fromMs - fromMs).toBeLessThan(stepMs);
          const endMs = range.fromMs + range.bins * stepMs;
          if (range.bins > 0) expect(endMs).toBeLessThanOrEqual(fromMs + spanMs);
          expect(fromMs + spanMs - endMs).toBeLessThan(stepMs);
          let next = 0;
          let dueMs = range.fromMs + stepMs;
          while (next < range.bins) {
            const chunk = chunkAt(range.bins, next, pointsMax);
            const { firstMs, lastMs } = chunkInstants(range, chunk);
            expect(chunk.first).toBe(next);
            expect(firstMs).toBe(dueMs);
            expect((lastMs - firstMs) / stepMs + 1).toBe(chunk.count);
            expect(chunk.count).toBeGreaterThan(0);
            expect(chunk.count).toBeLessThanOrEqual(POINTS_MAX);
            next += chunk.count;
            dueMs = lastMs + stepMs;
          }
          expect(next).toBe(range.bins);
          if (range.bins > 0) expect(dueMs - stepMs).toBe(endMs);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("an answer", () => {
  const grid = { firstMs: 1_000_000, stepMs: 60_000, points: 3 };
  const parse = (answer: unknown) => parseRangeAnswer(typeof answer === "string" ? answer : JSON.stringify(answer), grid, "there", "text/plain");

  test("keeps holes, NaN and infinities apart from zero", () => {
    expect([
      ...parse(
        matrix([
          [1_000, "0"],
          [1_120, "7.5e-1"],
        ]),
      ).values,
    ]).toEqual([0, Number.NaN, 0.75]);
    const { values, notFinite } = parse(
      matrix([
        [1_000, "NaN"],
        [1_060, "+Inf"],
        [1_120, "-Inf"],
      ]),
    );
    expect([...values]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(notFinite).toBe(3);
    expect(parse(matrix([]))).toMatchObject({ series: undefined });
  });

  test("keeps warnings and notices", () => {
    expect(parse(matrix([[1_000, "1"]], {}, { warnings: ["one store is away"], infos: ["is it a counter?"] })).warnings).toEqual([
      "one store is away",
      "is it a counter?",
    ]);
  });

  const twice = { status: "success", data: { resultType: "matrix", result: ["a", "b", "c", "d"].map((pod) => ({ metric: { pod }, values: [] })) } };
  test.for([
    ["<html>\u001b[31m", "answer_not_json"],
    ["", "answer_not_json"],
    ["[]", "answer_strange"],
    [{ status: "partial" }, "answer_strange"],
    [{ status: "success" }, "answer_strange"],
    [{ status: "success", data: { resultType: "vector", result: [] } }, "answer_strange"],
    [{ status: "success", data: { resultType: "matrix", result: {} } }, "answer_strange"],
    [twice, "many_series"],
    [{ status: "success", data: { resultType: "matrix", result: [{ metric: {}, histograms: [] }] } }, "histograms"],
    [matrix([[1_000, 5]]), "answer_strange"],
    [matrix([[1_000, "five"]]), "answer_strange"],
    [matrix([[1_000, "1e999"]]), "answer_strange"],
    [matrix([["1000", "5"]]), "answer_strange"],
    [matrix([[940, "5"]]), "answer_strange"],
    [matrix([[1_180, "5"]]), "answer_strange"],
    [matrix([[1_030, "5"]]), "answer_strange"],
    [
      matrix([
        [1_060, "5"],
        [1_060, "5"],
      ]),
      "answer_strange",
    ],
    [
      matrix([
        [1_060, "5"],
        [1_000, "5"],
      ]),
      "answer_strange",
    ],
    [matrix([null]), "answer_strange"],
    [`${'{"status":"success","data":'}${"[".repeat(100_000)}`, "answer_not_json"],
  ] as const)("is refused: %j", ([answer, code]) => {
    let refused: unknown;
    try {
      parse(answer);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(FileError);
    expect((refused as FileError).problems[0]?.code).toBe(code);
    expect((refused as FileError).message).not.toContain("\u001b");
  });

  test("names a few of several series and what to do", () => {
    expect(() => parse(twice)).toThrow(/gives 4 series, such as \{pod="a"\}, \{pod="b"\}, \{pod="c"\} [\s\S]*sum\(/);
  });

  test("never does worse than a FileError, whatever bytes come", () => {
    const good = JSON.stringify(
      matrix(
        [
          [1_000, "1"],
          [1_060, "NaN"],
          [1_120, "3"],
        ],
        { pod: "a" },
        { warnings: ["w"] },
      ),
    );
    const mutated = fc
      .array(
        fc.tuple(fc.nat(good.length), fc.nat(12), fc.constantFrom("", "[", "]", "{", "}", '"', ",", ":", "null", "-1", "1e400", "NaN", "\u0000", '"values"')),
        {
          minLength: 1,
          maxLength: 4,
        },
      )
      .map((edits) => edits.reduce((text, [at, gone, put]) => text.slice(0, at) + put + text.slice(at + gone), good));
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.string(),
          fc.json(),
          fc.jsonValue({ depthSize: "large" }).map((result) => JSON.stringify({ status: "success", data: { resultType: "matrix", result } })),
        ),
        (text) => {
          answerError(text);
          answerVersion(text);
          try {
            for (const value of parseRangeAnswer(text, grid, "there").values) expect(Math.abs(value)).not.toBe(Number.POSITIVE_INFINITY);
          } catch (error) {
            if (!(error instanceof FileError)) throw error;
          }
        },
      ),
      { seed: 1, numRuns: 5_000 },
    );
  });
});

describe("reading", () => {
  test("takes a long range in chunks under the limit, and gives each bin what stood at its end", async () => {
    const { columns, fake } = await read(LONG, wave);
    expect(fake.asked.map(({ points }) => points)).toEqual([11_000, 11_000, 3_000]);
    expect(fake.asked[0]?.start).toBe(DAY.fromMs / 1_000 + 60);
    expect(columns[0]).toEqual(expected(LONG, wave));
  });

  test("reads several queries into columns, long ones by POST", async () => {
    const long = { column: "b", text: `sum(x{pod=~"${"a|".repeat(3_000)}"})`, isAmount: false };
    const { columns, fake } = await read(DAY, wave, undefined, { queries: [QUERY, long] });
    expect(columns).toHaveLength(2);
    expect(fake.asked.map(({ method, query }) => [method, query])).toEqual([
      ["GET", QUERY.text],
      ["POST", long.text],
    ]);
  });

  test("keeps a chunk without the series as a hole", async () => {
    const from = LONG.fromMs / 1_000;
    const late: Series = (at) => (at > from + 60 * 11_000 ? wave(at) : undefined);
    const { columns } = await read(LONG, late);
    expect(columns[0]?.[10_999]).toBe(Number.NaN);
    expect(columns[0]?.[11_000]).toBe(expected(LONG, wave)[11_000]);
  });

  test("comes again after 503 and a cut connection, later each time", async () => {
    const { columns, waits, fake } = await read(DAY, wave, (_, response, times) => {
      if (times === 1) response.writeHead(503).end("Service Unavailable");
      else if (times === 2) response.destroy();
      return times <= 2;
    });
    expect(columns[0]).toEqual(expected(DAY, wave));
    expect(fake.asked).toHaveLength(3);
    expect(waits[0]).toBeGreaterThanOrEqual(250);
    expect(waits[0]).toBeLessThanOrEqual(500);
    expect(waits[1]).toBeGreaterThanOrEqual(500);
    expect(waits[1]).toBeLessThanOrEqual(1_000);
  });

  test.for([
    ["7", 7_000],
    ["Mon, 23 Nov 2026 00:00:09 GMT", 9_000],
  ] as const)("waits as long as Retry-After asks: %s", async ([header, ms]) => {
    const { waits } = await read(DAY, wave, (_, response, times) => {
      if (times === 1) response.writeHead(429, { "retry-after": header }).end();
      return times === 1;
    });
    expect(waits).toEqual([ms]);
  });

  test("gives up at once when asked to wait for an hour, and says so", async () => {
    await expect(
      read(DAY, wave, (_, response) => {
        response.writeHead(429, { "retry-after": "3600" }).end();
        return true;
      }),
    ).rejects.toMatchObject({ code: "unavailable", waits: [], message: expect.stringContaining("asks to wait 3600 s") });
  });

  test("gives up after a bounded number of attempts", async () => {
    await expect(
      read(DAY, wave, (_, response) => {
        response.writeHead(500).end();
        return true;
      }),
    ).rejects.toMatchObject({ code: "unavailable", waits: [expect.any(Number), expect.any(Number), expect.any(Number)] });
  });

  test.for([
    [401, "denied"],
    [403, "denied"],
    [404, "not_found"],
    [400, "query_refused"],
    [422, "query_refused"],
  ] as const)("does not repeat what %i refuses", async ([status, code]) => {
    const error = await read(DAY, wave, (_, response) => {
      json(response, status, { status: "error", errorType: "execution", error: "no\u001b[31m" });
      return true;
    }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SourceError);
    expect(error).toMatchObject({ code, waits: [] });
    expect((error as Error).message).not.toContain("\u001b");
  });

  test("halves a stretch that is too much for the server", async () => {
    const { columns, fake } = await read(LONG, wave, ({ points }, response) => {
      if (points > 3_000) json(response, 422, { status: "error", errorType: "execution", error: "query processing would load too many samples into memory" });
      return points > 3_000;
    });
    expect(columns[0]).toEqual(expected(LONG, wave));
    expect(fake.asked.map(({ points }) => points).slice(0, 4)).toEqual([11_000, 5_500, 2_750, 2_750]);
  });

  test("halves an answer that is too large, down to naming the series", async () => {
    const error = await read(LONG, wave, ({ points }, response) => {
      if (points > 300) response.writeHead(200, { "content-length": String(1 << 30) }).write("{");
      else json(response, 200, { status: "success", data: { resultType: "matrix", result: [1, 2].map((pod) => ({ metric: { pod: `${pod}` }, values: [] })) } });
      return true;
    }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ problems: [{ code: "many_series" }] });
  });

  test("refuses a body without end, and without a stated length", async () => {
    await expect(
      read({ ...DAY, bins: 10 }, wave, (_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const block = Buffer.alloc(1 << 20, 0x20);
        const more = (): void => {
          while (!response.destroyed && response.write(block));
          if (!response.destroyed) response.once("drain", more);
        };
        more();
        return true;
      }),
    ).rejects.toMatchObject({ code: "query_limited", message: expect.stringContaining("more than 32 MiB") });
  });

  test("follows a redirect on the same origin, and no other", async () => {
    const { columns } = await read(DAY, wave, (asked, response, times) => {
      if (times === 1) response.writeHead(307, { location: `/api/v1/query_range?query=x&start=${asked.start}&end=${asked.end}&step=${asked.step}` }).end();
      return times === 1;
    });
    expect(columns[0]).toEqual(expected(DAY, wave));
    await expect(
      read(DAY, wave, (_, response) => {
        response.writeHead(302, { location: "https://login.example/start?ticket=abc" }).end();
        return true;
      }),
    ).rejects.toMatchObject({ code: "redirected", message: expect.stringMatching(/302, pointing to https:\/\/login\.example\/start\n/) });
  });

  test("says what a page in the way is", async () => {
    await expect(
      read(DAY, wave, (_, response) => {
        response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>");
        return true;
      }),
    ).rejects.toThrow(/not JSON \(text\/html\); it begins "<html>Sign in[\s\S]*a login before it/);
  });

  test("refuses a load below zero, a query without data, and a series that becomes another", async () => {
    await expect(read(DAY, () => "-1")).rejects.toMatchObject({ problems: [{ code: "value_negative" }] });
    await expect(read(DAY, () => undefined)).rejects.toMatchObject({ problems: [{ code: "no_series" }] });
    await expect(
      read(LONG, wave, (asked, response, times) => {
        json(response, 200, matrix(valuesOf(wave, asked), { pod: `web-${times}` }));
        return true;
      }),
    ).rejects.toMatchObject({ problems: [{ code: "series_changed", message: expect.stringContaining('{pod="web-2"}') }] });
  });

  test("goes on from finished chunks without asking for them again", async () => {
    const whole = await read(LONG, wave);
    const rest = await read(LONG, wave, undefined, { finished: whole.chunks.slice(0, 2) });
    expect(rest.fake.asked.map(({ points }) => points)).toEqual([3_000]);
    expect(rest.columns).toEqual(whole.columns);
  });

  test("repeats no secret that a server sends back", async () => {
    const error = await read(
      DAY,
      wave,
      ({ headers }, response) => {
        json(response, 400, { status: "error", errorType: "bad_data", error: `who is ${headers["x-api-key"]}?` });
        return true;
      },
      { headers: { "x-api-key": "swordfish-1" } },
    ).catch((caught: unknown) => caught);
    expect((error as Error).message).toContain("who is ***?");
    expect((error as Error).message).not.toContain("swordfish");
  });
});
