import type { Effect } from "../control/decision.ts";
import type { Conclusion } from "../ledger/store.ts";
import type { ApiEvent, StateAnswer } from "./contract.ts";

/** Upper ends of the buckets of tick times, s. */
const TICK_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** All are there from the start: the rise of a counter that was not there before cannot be seen. */
const OUTCOMES = ["applied", "unchanged", "conflict", "rejected", "failed", "unknown", "abandoned"] as const satisfies readonly Conclusion["outcome"][];
const EFFECTS = ["begun", "not_live", "stopped", "awaiting", "waiting", "unreadable"] as const satisfies readonly Effect[];

/** Counts what happens, for {@link metricsText}. Labels are bounded: workloads of the policy, and words of ours. */
export class Counters {
  readonly #outcomes = new Map<string, number>(OUTCOMES.map((outcome) => [outcome, 0]));
  readonly #decisions = new Map<string, number>(EFFECTS.map((effect) => [effect, 0]));
  readonly #ticks = TICK_BUCKETS.map(() => 0);
  #tickCount = 0;
  #tickSum = 0;
  #lastTickMs = 0;
  #lastTookMs = 0;
  #warnings = 0;

  tick(tookMs: number, nowMs: number): void {
    const seconds = tookMs / 1_000;
    this.#tickCount++;
    this.#tickSum += seconds;
    this.#lastTickMs = nowMs;
    this.#lastTookMs = tookMs;
    for (const [i, end] of TICK_BUCKETS.entries()) if (seconds <= end) this.#ticks[i] = (this.#ticks[i] as number) + 1;
  }

  get lastTick(): { readonly lastMs: number | null; readonly tookMs: number | null; readonly count: number } {
    const isThere = this.#tickCount > 0;
    return { lastMs: isThere ? this.#lastTickMs : null, tookMs: isThere ? this.#lastTookMs : null, count: this.#tickCount };
  }

  take({ event, data }: ApiEvent): void {
    const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
    if (event === "outcome") count(this.#outcomes, data.outcome);
    else if (event === "decision") count(this.#decisions, data.effect);
    else if (event === "warning") this.#warnings++;
  }

  lines(): string[] {
    const lines = [
      ...family("vernier_tick_seconds", "histogram", "Time that ticks took.", []),
      ...TICK_BUCKETS.map((end, i) => `vernier_tick_seconds_bucket{le="${end}"} ${this.#ticks[i]}`),
      `vernier_tick_seconds_bucket{le="+Inf"} ${this.#tickCount}`,
      `vernier_tick_seconds_sum ${this.#tickSum}`,
      `vernier_tick_seconds_count ${this.#tickCount}`,
      ...family("vernier_last_tick_timestamp_seconds", "gauge", "When the last tick was.", [[{}, this.#lastTickMs / 1_000]]),
      ...family("vernier_warnings_total", "counter", "Warnings.", [[{}, this.#warnings]]),
    ];
    lines.push(
      ...family(
        "vernier_outcomes_total",
        "counter",
        "Effects, by what came of them.",
        [...this.#outcomes].map(([outcome, n]) => [{ outcome }, n]),
      ),
    );
    lines.push(
      ...family(
        "vernier_decisions_total",
        "counter",
        "Decisions, by what became of them.",
        [...this.#decisions].map(([effect, n]) => [{ effect }, n]),
      ),
    );
    return lines;
  }
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

function family(name: string, type: string, help: string, samples: readonly Sample[]): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => {
      const text = Object.entries(labels).map(([label, of]) => `${label}="${of.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`);
      return `${name}${text.length === 0 ? "" : `{${text.join(",")}}`} ${value}`;
    }),
  ];
}

/** What a controller says of itself, in the text format of Prometheus (version 0.0.4). */
export function metricsText({ workloads, isStopped, ledgerSeq, startedMs }: StateAnswer, counters: Counters, version: string): string {
  const capacity = workloads.flatMap(({ workload, capacity: found, desired, wanted }): Sample[] => [
    ...Object.entries(found ?? {}).map(([kind, units]): Sample => [{ workload, kind }, units]),
    ...(desired === null ? [] : [[{ workload, kind: "desired" }, desired] as const]),
    ...(wanted === null ? [] : [[{ workload, kind: "wanted" }, wanted] as const]),
  ]);
  const each = (of: (workload: StateAnswer["workloads"][number]) => number): Sample[] => workloads.map((one) => [{ workload: one.workload }, of(one)]);
  return [
    ...family("vernier_build_info", "gauge", "The version that runs.", [[{ version }, 1]]),
    ...family("vernier_start_timestamp_seconds", "gauge", "When the controller began.", [[{}, startedMs / 1_000]]),
    ...family("vernier_stopped", "gauge", "Whether the kill switch is thrown.", [[{}, Number(isStopped)]]),
    ...family("vernier_ledger_entries", "gauge", "Entries of the ledger.", [[{}, ledgerSeq]]),
    ...family("vernier_capacity_units", "gauge", "Units, by kind; absent while capacity cannot be read.", capacity),
    ...family(
      "vernier_capacity_readable",
      "gauge",
      "Whether capacity could be read.",
      each(({ capacity: found }) => Number(found !== null)),
    ),
    ...family(
      "vernier_readings_unusable",
      "gauge",
      "Metrics without a value at the last tick.",
      each(({ readings }) => readings.filter(({ status }) => status !== "value").length),
    ),
    ...family(
      "vernier_posture",
      "gauge",
      "0 normal, 1 partial, 2 blind.",
      each(({ posture }) => ({ normal: 0, partial: 1, blind: 2 })[posture ?? "normal"]),
    ),
    ...family(
      "vernier_open_intents",
      "gauge",
      "Effects of which nobody knows yet what came of them.",
      each(({ openIntents }) => openIntents),
    ),
    ...family(
      "vernier_orders",
      "gauge",
      "Orders of people that stand.",
      each(({ orders }) => Object.keys(orders).length),
    ),
    ...family(
      "vernier_at_maximum",
      "gauge",
      "Whether more is called for than max allows.",
      each(({ reasons }) => Number(reasons.some(({ code }) => code === "clamped_max"))),
    ),
    ...counters.lines(),
    "",
  ].join("\n");
}
