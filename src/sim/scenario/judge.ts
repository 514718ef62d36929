import type { Decision } from "../../engine/model.ts";
import type { Reason, ReasonCode } from "../../engine/reasons.ts";
import { formatDuration, parseDuration } from "../../lib/duration.ts";
import type { Score } from "../score.ts";
import type { Expectation, PolicyTest } from "./schema.ts";

/** One thing that was not as expected. */
export interface TestFailure {
  /** `at 5m`, `always`, `between 10m and 20m`, `score`. */
  readonly where: string;
  /** When it was first seen, for windows. */
  readonly at?: string;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  /** Why the decision was made that is not as expected. */
  readonly because?: readonly Reason[];
}

/** One change of capacity in one line: `5m15s 10 -> 12 target_tracking rate_limited_up`. */
export type DecisionLine = string;

interface OpenWindow {
  readonly where: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly expectation: Expectation;
  /** Codes that must be given and were not yet. */
  readonly missing: Set<ReasonCode>;
  /** What has failed already is not repeated for every tick. */
  readonly failed: Set<string>;
}

/** Watches the decisions of one run and judges them; then its score. */
export class TestJudge {
  readonly failures: TestFailure[] = [];
  readonly lines: DecisionLine[] = [];
  /** Something could not be judged at all: that is no failure anyone may expect. */
  isBroken = false;
  readonly #points: readonly { readonly atMs: number; readonly where: string; readonly expectation: Expectation }[];
  readonly #windows: readonly OpenWindow[];
  readonly #score: PolicyTest["expect"]["score"];
  readonly #intervalMs: number;
  readonly #needsReasons: boolean;

  /** @param judgesReasons false for other autoscalers, which do not speak in our codes and postures */
  constructor(expect: PolicyTest["expect"], intervalMs: number, judgesReasons = true) {
    this.#intervalMs = intervalMs;
    this.#score = expect.score;
    const judged = (expectation: Expectation): Expectation => {
      const { reason: _, never: __, posture: ___, ...numbers } = expectation;
      return judgesReasons ? expectation : numbers;
    };
    this.#points = Object.entries(expect.at).map(([text, expectation]) => ({ atMs: timeOf(text) ?? 0, where: `at ${text}`, expectation: judged(expectation) }));
    const windows = [
      ...(expect.always === undefined ? [] : [{ where: "always", fromMs: 0, toMs: Number.POSITIVE_INFINITY, expectation: expect.always }]),
      ...expect.between.map(({ from, to, ...expectation }) => ({
        where: `between ${formatDuration(from)} and ${formatDuration(to)}`,
        fromMs: from,
        toMs: to,
        expectation,
      })),
    ];
    this.#windows = windows.map(({ expectation, ...window }) => ({
      ...window,
      expectation: judged(expectation),
      missing: new Set(judged(expectation).reason ?? []),
      failed: new Set(),
    }));
    this.#needsReasons = this.#windows.some(({ expectation }) => expectation.reason !== undefined || expectation.never !== undefined);
  }

  /** Takes one decision; the object may be reused afterwards. */
  watch(decision: Decision, startMs: number): void {
    const atMs = decision.atMs - startMs;
    const isChange = decision.requested !== decision.from;
    const points = this.#points.filter((point) => atMs <= point.atMs && atMs + this.#intervalMs > point.atMs);
    const codes = this.#needsReasons || isChange || points.length > 0 ? decision.reasons().map((reason) => reason.code) : [];
    if (isChange) this.lines.push(`${formatDuration(atMs)} ${decision.from} -> ${decision.requested} ${codes.join(" ")}`);
    for (const { where, expectation } of points) {
      for (const failure of compare(expectation, decision, codes)) this.failures.push({ where, ...failure, because: decision.reasons() });
      for (const code of expectation.reason ?? [])
        if (!codes.includes(code))
          this.failures.push({ where, what: "reason", expected: code, found: codes.join(", ") || "none", because: decision.reasons() });
    }
    for (const window of this.#windows) {
      if (atMs < window.fromMs || atMs >= window.toMs) continue;
      for (const code of codes) window.missing.delete(code);
      for (const failure of compare(window.expectation, decision, codes)) {
        if (window.failed.has(failure.what)) continue;
        window.failed.add(failure.what);
        this.failures.push({ where: window.where, at: formatDuration(atMs), ...failure, because: decision.reasons() });
      }
    }
  }

  finish(score: Score): void {
    for (const { where, missing } of this.#windows)
      for (const code of missing) this.failures.push({ where, what: "reason", expected: `${code} at least once`, found: "never" });
    for (const [field, condition] of Object.entries(this.#score)) {
      const value = score[field as keyof Score];
      if (typeof value !== "number") {
        this.isBroken = true;
        this.failures.push({
          where: "score",
          what: field,
          expected: condition.text,
          found: "nothing: the policy does not declare what it takes (a service time, a price)",
        });
      } else if (!condition.matches(value)) this.failures.push({ where: "score", what: field, expected: condition.text, found: shown(field, value) });
    }
  }
}

type Difference = Pick<TestFailure, "what" | "expected" | "found">;

function compare(expectation: Expectation, decision: Decision, codes: readonly ReasonCode[]): Difference[] {
  const differences: Difference[] = [];
  for (const what of ["requested", "ready", "desired"] as const) {
    const condition = expectation[what];
    if (condition !== undefined && !condition.matches(decision[what])) {
      differences.push({
        what,
        expected: condition.text,
        found: `${decision[what]}${what === "requested" && decision.requested !== decision.from ? ` (from ${decision.from})` : ""}`,
      });
    }
  }
  if (expectation.posture !== undefined && decision.posture !== expectation.posture)
    differences.push({ what: "posture", expected: expectation.posture, found: decision.posture });
  for (const code of expectation.never ?? []) if (codes.includes(code)) differences.push({ what: "never", expected: `no ${code}`, found: code });
  return differences;
}

/** A time from the start, as a test writes it. */
export function timeOf(text: string): number | undefined {
  return text === "0" ? 0 : parseDuration(text);
}

function shown(field: string, value: number): string {
  if (field.endsWith("Ratio") || field.startsWith("theta") || field.startsWith("tau") || field === "meanUtilisation")
    return `${Number((100 * value).toPrecision(4))}%`;
  if (field.endsWith("Ms")) return formatDuration(Math.round(value));
  return String(Number(value.toPrecision(6)));
}
