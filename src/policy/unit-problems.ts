import { uslBestConcurrency, uslConcurrency, uslPeak, uslThroughput } from "../capacity/usl.ts";
import { isRecord, asRecord as record } from "../lib/is-record.ts";
import { Duration, Rate, Share } from "./quantities.ts";

interface UnitProblem {
  readonly code: string;
  /** Inside the unit. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint: string;
}

/** What a schema cannot say of `unit.latency`. Works on values as written; parts of the wrong type are passed over. */
export function unitProblems(unit: Record<string, unknown>): UnitProblem[] {
  const { curve, usl } = record(unit["latency"]);
  if (Array.isArray(curve)) return curveProblems(curve);
  return isRecord(usl) ? uslProblems(unit, usl) : [];
}

function curveProblems(curve: readonly unknown[]): UnitProblem[] {
  const problems: UnitProblem[] = [];
  const seen = new Set<number>();
  for (const [index, point] of curve.entries()) {
    const path = ["latency", "curve", index];
    const { at, p50, p95, p99 } = record(point);
    const share = Share.safeParse(at);
    if (share.success && seen.has(share.data))
      problems.push({ code: "curve_ambiguous", path: [...path, "at"], message: `a second measurement at ${at}`, hint: "keep one of them" });
    if (share.success) seen.add(share.data);
    const times = [p50, p95, p99].flatMap((time) => {
      const ms = Duration.safeParse(time);
      return ms.success ? [ms.data] : [];
    });
    if (times.some((ms, i) => i > 0 && ms <= (times[i - 1] as number)))
      problems.push({
        code: "curve_not_ascending",
        path,
        message: `found p50, p95, p99 of ${[p50, p95, p99].filter((time) => time !== undefined).join(", ")}`,
        hint: "each must be longer than the one before",
      });
  }
  return problems;
}

function uslProblems(unit: Record<string, unknown>, usl: Record<string, unknown>): UnitProblem[] {
  const path = ["latency", "usl"];
  const missing = ["serves", "serviceTime"].filter((key) => unit[key] === undefined);
  if (missing.length > 0)
    return [
      {
        code: "usl_incomplete",
        path,
        message: `the law begins with one request alone, and ${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not said`,
        hint: "add unit.serviceTime, and unit.serves",
      },
    ];
  const contention = Share.safeParse(usl["contention"]);
  const coherency = Share.safeParse(usl["coherency"]);
  const serviceTime = Duration.safeParse(unit["serviceTime"]);
  const rate = Rate.safeParse(record(unit["serves"])["rate"]);
  if (!contention.success || !coherency.success || !serviceTime.success || !rate.success) return [];
  const law = { serviceTime: serviceTime.data / 1_000, contention: contention.data, coherency: coherency.data };
  const peak = uslPeak(law);
  const { concurrency } = usl;
  // Without coherency the peak is only approached, by ever more at a time.
  if (coherency.data > 0 ? rate.data <= peak * (1 + 1e-9) : rate.data < peak * (1 - 1e-6)) {
    const needed = uslConcurrency(law, rate.data);
    if (typeof concurrency !== "number" || concurrency >= needed * (1 - 1e-9)) return [];
    return [
      {
        code: "serves_above_usl",
        path: [...path, "concurrency"],
        message: `with ${concurrency} at a time a unit does ${uslThroughput(law, concurrency).toPrecision(4)}/s, and unit.serves says ${record(unit["serves"])["rate"]}`,
        hint: `let in at least ${Math.ceil(needed - 1e-9)}, or lower unit.serves`,
      },
    ];
  }
  const best = uslBestConcurrency(law);
  return [
    {
      code: "serves_above_usl",
      path,
      message: `unit.serves is ${record(unit["serves"])["rate"]}, and by this law a unit does ${coherency.data > 0 ? "no more than" : "less than"} ${peak.toPrecision(4)}/s${Number.isFinite(best) ? `, with ${Math.round(best)} requests at a time` : ""}`,
      hint: "lower unit.serves, or measure again",
    },
  ];
}
