import { FileError } from "../../lib/file-error.ts";
import { isRecord } from "../../lib/is-record.ts";
import { oneLine } from "../../lib/one-line.ts";

/** Where the values of an answer belong. */
export interface AnswerGrid {
  /** The instant of the first point, milliseconds. */
  readonly firstMs: number;
  readonly stepMs: number;
  readonly points: number;
}

/** The one series of a range query. */
export interface RangeAnswer {
  /** Length = points of the grid; NaN where there is no finite value. */
  readonly values: Float64Array;
  /** The labels in a fixed order; undefined when no series was found. */
  readonly series: string | undefined;
  /** Points that were NaN or infinite. */
  readonly notFinite: number;
  readonly warnings: readonly string[];
}

/** What an answer says of itself when it is an error. */
export interface AnswerError {
  readonly type: string;
  readonly message: string;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const NOT_FINITE = /^([+-]?Inf|NaN)$/;
const TEXT_MAX = 300;
const WARNINGS_MAX = 20;

/** The error of an answer; undefined when the text holds none, whatever it is. */
export function answerError(text: string): AnswerError | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(answer) || answer["status"] !== "error") return undefined;
  return { type: short(answer["errorType"]) || "unknown", message: short(answer["error"]) || "without a message" };
}

/** The version in an answer of `/api/v1/status/buildinfo`; undefined when it says none. */
export function answerVersion(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    const data = isRecord(answer) ? answer["data"] : undefined;
    const version = isRecord(data) ? data["version"] : undefined;
    return typeof version === "string" && /^[\w.+~-]{1,60}$/.test(version) ? version : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the answer of a range query that should give one series.
 * @param place what to call the answer in messages
 * @throws FileError for anything else
 */
export function parseRangeAnswer(text: string, grid: AnswerGrid, place: string, contentType = ""): RangeAnswer {
  const fail = (code: string, message: string, hint: string): never => {
    throw new FileError(place, [{ severity: "error", code, message, hint }]);
  };
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    const kind = contentType === "" ? "" : ` (${oneLine(contentType).slice(0, 60)})`;
    return fail(
      "answer_not_json",
      `the answer is not JSON${kind}; it begins ${quoted(text)}`,
      "is this the address of Prometheus, or of a page or a login before it?",
    );
  }
  const strange = (what: string): never => fail("answer_strange", what, "is this the address of Prometheus, or of something that speaks its query API?");
  if (!isRecord(answer)) return strange(`the answer is ${kindOf(answer)}, expected an object`);
  if (answer["status"] !== "success") return strange(`the answer has the status ${quoted(answer["status"])}, expected "success"`);
  const data = answer["data"];
  if (!isRecord(data)) return strange(`"data" is ${kindOf(data)}, expected an object`);
  if (data["resultType"] !== "matrix") return strange(`the result is of type ${quoted(data["resultType"])}, expected "matrix"`);
  const result = data["result"];
  if (!Array.isArray(result)) return strange(`"data.result" is ${kindOf(result)}, expected a list`);
  const warnings = [...texts(answer["warnings"]), ...texts(answer["infos"])].slice(0, WARNINGS_MAX);
  const values = new Float64Array(grid.points).fill(Number.NaN);
  if (result.length === 0) return { values, series: undefined, notFinite: 0, warnings };
  if (result.length > 1) {
    const some = result.slice(0, 3).map((one: unknown) => labels(isRecord(one) ? one["metric"] : undefined, 120));
    return fail(
      "many_series",
      `the query gives ${result.length} series, such as ${some.join(", ")}`,
      "one is needed: add them up with sum(…), take their mean with avg(…), or select one by its labels",
    );
  }
  const one: unknown = result[0];
  if (!isRecord(one)) return strange(`the series is ${kindOf(one)}, expected an object`);
  if (!isRecord(one["metric"])) return strange(`the labels of the series are ${kindOf(one["metric"])}, expected an object`);
  if (Array.isArray(one["histograms"]))
    return fail("histograms", "the series holds native histograms, not numbers", "take a number of them: histogram_count(rate(…)), or histogram_quantile(…)");
  const samples = one["values"];
  if (!Array.isArray(samples)) return strange(`the values of the series are ${kindOf(samples)}, expected a list`);
  let previous = -1;
  let notFinite = 0;
  for (const sample of samples as unknown[]) {
    if (!Array.isArray(sample) || sample.length !== 2 || typeof sample[0] !== "number" || typeof sample[1] !== "string")
      return strange(`a sample is ${quoted(sample)}, expected a time and a value in quotes`);
    const point = (sample[0] * 1_000 - grid.firstMs) / grid.stepMs;
    const at = Math.round(point);
    if (!(Math.abs(point - at) * grid.stepMs <= 2) || at < 0 || at >= grid.points) return strange(`a sample at ${sample[0]}, which was not asked for`);
    if (at <= previous) return strange(`a sample at ${sample[0]} comes again or too late`);
    previous = at;
    if (NOT_FINITE.test(sample[1])) {
      notFinite++;
      continue;
    }
    const value = NUMBER.test(sample[1]) ? Number(sample[1]) : Number.NaN;
    if (!Number.isFinite(value)) return strange(`a sample has the value ${quoted(sample[1])}, expected a number`);
    values[at] = value;
  }
  return { values, series: labels(one["metric"]), notFinite, warnings };
}

/** Labels as Prometheus writes them, sorted by name. */
function labels(metric: unknown, most = Number.POSITIVE_INFINITY): string {
  const text = isRecord(metric)
    ? `{${Object.entries(metric)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(",")}}`
    : "{?}";
  return text.length <= most ? text : `${text.slice(0, most)}…}`;
}

function texts(value: unknown): string[] {
  return Array.isArray(value)
    ? value
        .slice(0, WARNINGS_MAX)
        .map(short)
        .filter((text) => text !== "")
    : [];
}

function short(value: unknown): string {
  return typeof value === "string" ? oneLine(value.slice(0, 4 * TEXT_MAX)).slice(0, TEXT_MAX) : "";
}

function quoted(value: unknown): string {
  // A list may be as deep as the answer is long.
  if (typeof value === "object" && value !== null && !(Array.isArray(value) && value.every((item) => typeof item !== "object"))) return kindOf(value);
  const text = typeof value === "string" ? value.slice(0, 200) : value;
  return oneLine((JSON.stringify(text) ?? "nothing").slice(0, 80));
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
