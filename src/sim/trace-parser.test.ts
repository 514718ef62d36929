import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FileError } from "../lib/file-error.ts";
import { buildTrace, type Trace } from "./trace.ts";
import type { TraceMeta } from "./trace-meta.ts";
import { TraceParser, type TraceParserOptions } from "./trace-parser.ts";

function parse(content: string | Uint8Array, options: TraceParserOptions = {}, chunkBytes = 1 << 20) {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const parser = new TraceParser("t.csv", options);
  for (let at = 0; at < bytes.length; at += chunkBytes) parser.push(bytes.slice(at, at + chunkBytes));
  return parser.finish();
}

function trace(content: string, meta: TraceMeta = {}): Trace {
  return buildTrace("t.csv", parse(content), meta);
}

/** First problem of what must be refused, as `line:column code`. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const problem = error.problems[0];
    return `${problem?.line ?? ""}:${problem?.column ?? ""} ${problem?.code}`;
  }
  return "accepted";
}

describe("a recording is read", () => {
  test.for([
    ["plain", "timestamp,value\n0,1\n60,2\n120,3\n"],
    ["without a last line end", "timestamp,value\n0,1\n60,2\n120,3"],
    ["with CRLF", "timestamp,value\r\n0,1\r\n60,2\r\n120,3\r\n"],
    ["with a byte order mark", "\uFEFFtimestamp,value\n0,1\n60,2\n120,3\n"],
    ["quoted", '"timestamp","value"\n"0","1"\n"60","2"\n"120","3"\n'],
    ["without header", "0,1\n60,2\n120,3\n"],
    ["with a comma in a quoted header", '"Time, UTC",value\n0,1\n60,2\n120,3\n'],
    ["with a comma at each end", "timestamp,value,\n0,1,\n60,2,\n120,3,\n"],
    ["with commas at the ends of rows only", "timestamp,value\n0,1,\n60,2,\r\n120,3,\n"],
    ["with semicolons and decimal commas, without header", "0;1,0\n60;2,0\n120;3,0\n"],
    ["with blanks and an end-of-file mark", "timestamp,value\n0,1\n  \n60,2\n120,3\n\u001a"],
    ["with semicolons", "time;requests\n0;1\n60;2\n120;3\n"],
    ["with decimal commas", "time;requests\n0;1,0\n60;2,0\n120;3,0\n"],
    ["with tabs", "time\trequests\n0\t1\n60\t2\n120\t3\n"],
    ["with comments and blank lines", "# export\ntimestamp,value\n\n0,1\n60,2\n# late\n120,3\n\n"],
    ["with exponents and signs", "timestamp,value\n0,1e0\n60,+2\n120,3.0E0\n"],
    ["with spaces", "timestamp, value\n0, 1\n60, 2 \n120 ,3\n"],
    ["with a further column", "timestamp,host,value\n0,a,1\n60,b,2\n120,c,3\n"],
    ["with the value first", "value,timestamp\n1,0\n2,60\n3,120\n"],
    ["with times since 1970", "timestamp,value\n1700000000,1\n1700000060,2\n1700000120,3\n"],
    ["with milliseconds since 1970", "timestamp,value\n1700000000000,1\n1700000060000,2\n1700000120000,3\n"],
    ["with ISO 8601", "timestamp,value\n2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00Z,2\n2026-01-01T00:02:00Z,3\n"],
    ["with local times", "timestamp,value\n2026-01-01 00:00,1\n2026-01-01 00:01,2\n2026-01-01 00:02,3\n"],
  ] as const)("%s", ([, content]) => {
    const { load, binMs } = trace(content, { semantics: "level" });
    expect([...load]).toEqual([1, 2, 3]);
    expect(binMs).toBe(60_000);
  });

  test("in any chunks with the same result", () => {
    const content = '\uFEFFtimestamp,value,more\r\n0,1.25,"a, b"\r\n60,"2",x\r\n120,,y\r\n180,4e1,z\r\n';
    const whole = parse(content);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), (chunkBytes) => {
        expect(parse(content, {}, chunkBytes)).toEqual(whole);
      }),
    );
  });

  test("with numbers rounded exactly as Number() rounds them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: 0, max: 1e15, noNaN: true }), fc.nat(), fc.double({ min: 0, max: 1, noNaN: true })), {
          minLength: 1,
          maxLength: 50,
        }),
        (values) => {
          const content = values.map((value, i) => `${i},${value}`).join("\n");
          expect([...parse(content).values]).toEqual(values);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("with further columns kept on request", () => {
    const parsed = parse("timestamp,value,queue\n0,1,5\n60,2,\n120,3,7\n", { further: ["queue", "absent"] });
    expect([...(parsed.further.get("queue") ?? [])]).toEqual([5, Number.NaN, 7]);
    expect(parsed.further.has("absent")).toBe(false);
  });

  test("one column alone counts as a bin for each row, and that is said", () => {
    const { load, binMs, guesses } = trace("value\n1\n2\n3\n", { semantics: "level" });
    expect([...load]).toEqual([1, 2, 3]);
    expect(binMs).toBe(60_000);
    expect(guesses.join()).toContain("one column only");
  });
});

describe("what is no recording is refused with its place", () => {
  test.for([
    ["empty", "", "1: trace_empty"],
    ["header only", "timestamp,value\n", "1: trace_empty"],
    ["unsorted", "timestamp,value\n0,1\n120,2\n60,3\n", "4: time_unsorted"],
    ["duplicated", "timestamp,value\n0,1\n60,2\n60,3\n", "4: time_duplicate"],
    ["negative", "timestamp,value\n0,1\n60,-2\n", "3: value_negative"],
    ["gigantic", "timestamp,value\n0,1\n60,1e300\n", "3: value_gigantic"],
    ["beyond doubles", "timestamp,value\n0,1\n60,1e999\n", "3:4 value_gigantic"],
    ["text for a number", "timestamp,value\n0,1\n60,many\n", "3:4 value_unreadable"],
    ["thousands separators", 'timestamp,value\n0,1\n60,"1,000"\n', "3:4 value_unreadable"],
    ["thousands separators without quotes", "timestamp,value\n0,1,234\n60,2,345\n", "2:5 row_wide"],
    ["no such year", "timestamp,value\n0050-01-01,1\n", "2:1 time_unreadable"],
    ["no such day", "timestamp,value\n2026-02-30,1\n", "2:1 time_unreadable"],
    ["times of two forms", "timestamp,value\n0,1\n2026-01-01T00:00:00Z,2\n", "3:1 time_mixed"],
    ["numbers after dates", "timestamp,value\n2026-01-01T00:00:00Z,2\n99999999999999,1\n", "3:1 time_mixed"],
    ["a cut row", "timestamp,value\n0,1\n60\n", "3:3 row_short"],
    ["an open quote", 'timestamp,value\n0,"1\n60,2\n', "2:3 quote_open"],
    ["a stray carriage return", "timestamp,value\n0,1\r2\n", "2:4 stray_return"],
    ["JSON", '{"traces": []}', "1:1 not_csv"],
    ["HTML", "<!DOCTYPE html>\n", "1:1 not_csv"],
    ["binary", "a\u0000b\n", "1: not_csv"],
    ["a zip archive", "PK\u0003\u0004xx\n", "1:1 not_csv"],
  ] as const)("%s", ([, content, place]) => {
    expect(refusal(() => parse(content))).toBe(place);
  });

  test("UTF-16", () => {
    expect(refusal(() => parse(new Uint8Array([0xff, 0xfe, 0x30, 0x00, 0x0a, 0x00])))).toBe("1:1 not_csv");
  });

  test("a line without end", () => {
    expect(refusal(() => parse(`timestamp,value\n0,${"1".repeat(2 << 20)}`))).toBe("2:1 line_too_long");
  });

  test("a column that is not there", () => {
    expect(refusal(() => parse("a,b\n0,1\n", { valueColumn: "c" }))).toBe("1:1 column_missing");
  });

  test("anything at all, without any other error", () => {
    const pieces = fc.constantFrom("0", "60", ",", "\n", "\r", '"', "-", ".", "e", "1e400", "NaN", ";", "\t", "#", "\u0000", "é", "2026-01-01", "value", " ");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (parts, chunkBytes) => {
        try {
          const built = buildTrace("t.csv", parse(parts.join(""), {}, chunkBytes));
          for (const load of built.load) expect(load >= 0 && Number.isFinite(load)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }),
      { numRuns: 5_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parse(bytes);
          parse(gzipSync(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(FileError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a trace", () => {
  test("turns counts into rates", () => {
    expect([...trace("0,60\n60,120\n", { semantics: "count" }).load]).toEqual([1, 2]);
  });

  test("reads utilisation in percent, and marks what is censored", () => {
    const read = trace("0,50\n60,96\n120,100\n", { semantics: "utilisation" });
    expect([...read.load]).toEqual([0.5, 0.96, 1]);
    expect(read.censoredBins).toBe(2);
    expect(read.guesses.join("; ")).toMatch(/utilisation is in percent; 2 of 3 bins show 95 % utilisation or more/);
  });

  test("rebuilds load from utilisation and ready units", () => {
    const parsed = parse("time,cpu,ready\n0,50,10\n60,80,20\n", { valueColumn: "cpu", further: ["ready"] });
    expect([...buildTrace("t.csv", parsed, { semantics: "utilisation", ready: "ready" }).load]).toEqual([5, 16]);
  });

  test("holds the last value over missing rows and empty cells, and masks them", () => {
    const read = trace("0,1\n60,2\n120,\n300,5\n360,6\n", { semantics: "level" });
    expect([...read.load]).toEqual([1, 2, 2, 2, 2, 5, 6]);
    expect(read.masks).toEqual([{ fromMs: 120_000, toMs: 300_000, note: "missing in the recording" }]);
    expect(read.guesses.join()).toContain("1 missing stretch");
  });

  test("puts late rows on the grid, and refuses two rows in one bin", () => {
    expect([...trace("0,1\n61,2\n119,3\n181,4\n240,5\n", { semantics: "level", interval_seconds: 60 }).load]).toEqual([1, 2, 3, 4, 5]);
    expect(refusal(() => trace("0,1\n60,2\n120,3\n130,4\n180,5\n"))).toContain("bin_taken");
  });

  test("masks rows without a number of ready units", () => {
    const parsed = parse("time,cpu,ready\n0,50,10\n60,50,\n120,60,12\n", { valueColumn: "cpu", further: ["ready"] });
    const read = buildTrace("t.csv", parsed, { semantics: "utilisation", unit: "percent", ready: "ready" });
    expect([...read.load].every(Number.isFinite)).toBe(true);
    expect(read.masks).toEqual([{ fromMs: 60_000, toMs: 120_000, note: "missing in the recording" }]);
    expect(
      refusal(() =>
        buildTrace("t.csv", parse("time,cpu,ready\n0,50,-1\n", { valueColumn: "cpu", further: ["ready"] }), { semantics: "utilisation", ready: "ready" }),
      ),
    ).toContain("value_negative");
  });

  test.for([
    ["nothing but missing values", "0,\n60,\n", "trace_empty"],
    ["bins of more than a year", "0,5\n1e12,5\n", "bin_too_long"],
    ["rows lost in a grid", "0,5\n60,6\n120,7\n6000000,8\n", "trace_sparse"],
  ] as const)("refuses %s", ([, content, code]) => {
    expect(refusal(() => trace(content))).toContain(code);
  });

  test("refuses a description whose start is none", () => {
    expect(refusal(() => trace("0,1\n60,2\n", { start: "last week" }))).toContain("start_unreadable");
  });

  test("refuses a grid of absurd length", () => {
    expect(refusal(() => trace("0,1\n1,2\n2,3\n99999999,4\n"))).toContain("trace_too_long");
  });

  test("says what it guessed", () => {
    const { guesses, startMs } = trace("when,hits\n1700000000,3\n1700000300,4\n");
    expect(guesses).toEqual(["times are seconds since 1970", "bins of 5m", "the values are counts in each bin"]);
    expect(startMs).toBe(1_700_000_000_000);
  });

  test("takes masks and start from its description", () => {
    const read = trace("0,1\n60,2\n", {
      semantics: "count",
      interval_seconds: 60,
      start: "2011-01-01T00:00:00 local",
      gaps: [{ from_s: 0, to_s: 60 }],
      imputed: [{ from_s: 60, to_s: 120, note: "guess" }],
    });
    expect(read.masks.map((mask) => mask.note)).toEqual(["gap", "guess"]);
    expect(read.startMs).toBe(1_293_840_000_000);
    expect(read.guesses.join()).toContain("no time zone");
  });
});
