import { isRecord } from "../../lib/is-record.ts";
import { oneLine } from "../../lib/one-line.ts";
import { NUMBER } from "../source.ts";

/** One number of an answer. */
export type InstantSample =
  | { readonly kind: "value"; readonly value: number; readonly atMs: number; readonly partial: boolean }
  | { readonly kind: "absent" | "invalid"; readonly reason: string };

/** What an instant query says. */
export type InstantAnswer =
  | { readonly kind: "scalar"; readonly value: unknown; readonly partial: boolean }
  | { readonly kind: "vector"; readonly series: readonly unknown[]; readonly partial: boolean }
  | { readonly kind: "invalid"; readonly reason: string };

/** Reads the answer of an instant query. What it does not understand is `invalid`. */
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
  if (data["resultType"] === "scalar") return { kind: "scalar", value: data["result"], partial };
  if (data["resultType"] !== "vector" || !Array.isArray(data["result"]))
    return invalid(`the query gives a ${oneLine(String(data["resultType"])).slice(0, 20)}, expected one series`);
  return { kind: "vector", series: data["result"] as unknown[], partial };
}

/** Finds numbers in an answer: the only one there is, or that of the series with certain labels. Indexed by label names, so that thousands may ask. */
export class InstantSamples {
  readonly #answer: InstantAnswer;
  /** By the names of labels: series by the values of those labels. */
  readonly #indexes = new Map<string, ReadonlyMap<string, readonly unknown[]>>();

  constructor(answer: InstantAnswer) {
    this.#answer = answer;
  }

  /** @param select labels that tell the series; the answer has to have one alone when absent */
  find(select: Readonly<Record<string, string>> | undefined): InstantSample {
    const answer = this.#answer;
    if (answer.kind === "invalid") return answer;
    if (answer.kind === "scalar") return sample(answer.value, answer.partial);
    const { series, partial } = answer;
    const found = select === undefined ? series : this.#matching(series, select);
    const [first] = found;
    if (first === undefined)
      return {
        kind: "absent",
        reason: series.length === 0 ? "the query gives no series" : `none of the ${series.length} series has ${labelsText(select ?? {})}`,
      };
    if (found.length > 1)
      return {
        kind: "invalid",
        reason:
          select === undefined
            ? `the query gives ${found.length} series, expected one: add them up with sum(…), or say which with select`
            : `${found.length} series have ${labelsText(select)}, expected one`,
      };
    return isRecord(first) ? sample(first["value"], partial) : { kind: "invalid", reason: "the series is no object" };
  }

  #matching(series: readonly unknown[], select: Readonly<Record<string, string>>): readonly unknown[] {
    const names = Object.keys(select).sort();
    const key = JSON.stringify(names);
    let index = this.#indexes.get(key);
    if (index === undefined) {
      const made = new Map<string, unknown[]>();
      for (const one of series) {
        const metric = isRecord(one) ? one["metric"] : undefined;
        const values = JSON.stringify(names.map((name) => (isRecord(metric) ? (metric[name] ?? "") : "")));
        const same = made.get(values);
        if (same === undefined) made.set(values, [one]);
        else same.push(one);
      }
      index = made;
      this.#indexes.set(key, index);
    }
    return index.get(JSON.stringify(names.map((name) => select[name]))) ?? [];
  }
}

function labelsText(select: Readonly<Record<string, string>>): string {
  return `{${Object.entries(select)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ")}}`;
}

function sample(value: unknown, partial: boolean): InstantSample {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== "number" || typeof value[1] !== "string")
    return { kind: "invalid", reason: "a sample that is no pair of time and value" };
  // NaN is what 0/0 gives on an idle service: known to be no number.
  if (!NUMBER.test(value[1])) return { kind: "invalid", reason: `the value is ${oneLine(value[1]).slice(0, 20)}` };
  return { kind: "value", value: Number(value[1]), atMs: Math.round(value[0] * 1_000), partial };
}
