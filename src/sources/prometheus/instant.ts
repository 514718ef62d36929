import { isRecord } from "../../lib/is-record.ts";
import { oneLine } from "../../lib/one-line.ts";
import { NUMBER } from "../source.ts";

/** What an instant query says. */
export type InstantAnswer =
  | { readonly kind: "value"; readonly value: number; readonly atMs: number; readonly partial: boolean }
  | { readonly kind: "absent" | "invalid"; readonly reason: string };

/** Reads the answer of an instant query that should give one series or a scalar. What it does not understand is `invalid`. */
export function parseInstantAnswer(text: string): InstantAnswer {
  const invalid = (reason: string): InstantAnswer => ({ kind: "invalid", reason });
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return invalid(`the answer is not JSON: ${oneLine(text).slice(0, 60)}`);
  }
  if (!isRecord(answer)) return invalid("the answer is no object");
  if (answer["status"] === "error") return invalid(`${oneLine(String(answer["errorType"])).slice(0, 40)}: ${oneLine(String(answer["error"])).slice(0, 200)}`);
  const { data } = answer;
  if (answer["status"] !== "success" || !isRecord(data)) return invalid("the answer is not one of the query API");
  const partial = Array.isArray(answer["warnings"]) && answer["warnings"].length > 0;
  if (data["resultType"] === "scalar") return sample(data["result"], partial);
  if (data["resultType"] !== "vector" || !Array.isArray(data["result"]))
    return invalid(`the query gives a ${oneLine(String(data["resultType"])).slice(0, 20)}, expected one series`);
  const series = data["result"] as unknown[];
  if (series.length === 0) return { kind: "absent", reason: "the query gives no series" };
  if (series.length > 1) return invalid(`the query gives ${series.length} series, expected one: add them up with sum(…)`);
  return isRecord(series[0]) ? sample(series[0]["value"], partial) : invalid("the series is no object");
}

function sample(value: unknown, partial: boolean): InstantAnswer {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== "number" || typeof value[1] !== "string")
    return { kind: "invalid", reason: "a sample that is no pair of time and value" };
  // NaN is what 0/0 gives on an idle service: known to be no number.
  if (!NUMBER.test(value[1])) return { kind: "invalid", reason: `the value is ${oneLine(value[1]).slice(0, 20)}` };
  return { kind: "value", value: Number(value[1]), atMs: Math.round(value[0] * 1_000), partial };
}
