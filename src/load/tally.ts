import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** What came of the requests of a while. Times in ms. */
export interface LoadReport {
  /** Since the beginning, to the end of this while. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly sent: number;
  /** Answered with a status below 500. */
  readonly answered: number;
  /** No answer, one that came too late, or a status of 500 and above. */
  readonly failed: number;
  /** Due, but not sent: too many were under way or waited for a connection, or there was nobody to send to. */
  readonly notSent: number;
  /** Why requests failed, or were not sent: codes of the system, `timeout`, `bad_answer`, or a status such as `503`; how many of each. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Sent and not answered yet at the end. */
  readonly underWay: number;
  /** From when a request was due to its answer; null without one. Failed requests are not in it. */
  readonly latency: Quantiles | null;
  /** From when a request was due until it was sent: what the generator itself adds. */
  readonly lateness: Quantiles | null;
}

/** ms; to three figures. */
export interface Quantiles {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Longest time that is told apart, ms; an hour. */
const HIGHEST_MS = 3_600_000;

/** Counts as plain data, to be added up over threads. */
export interface TallyParts {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly notSent: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** High-dynamic-range histograms in microseconds. Between threads a copy is the same histogram: who sends one writes no more to it. */
  readonly latency: RecordableHistogram;
  readonly lateness: RecordableHistogram;
}

/** Counts requests and what they took. Memory does not grow with them. */
export class Tally implements TallyParts {
  sent = 0;
  answered = 0;
  failed = 0;
  notSent = 0;
  readonly reasons: Record<string, number> = {};
  readonly latency = histogram();
  readonly lateness = histogram();

  took(ms: number): void {
    this.answered++;
    this.latency.record(microseconds(ms));
  }

  fail(reason: string): void {
    this.failed++;
    this.#because(reason);
  }

  /** @param reason why it could not be sent */
  leave(reason: string): void {
    this.notSent++;
    this.#because(reason);
  }

  wasSent(lateMs: number): void {
    this.sent++;
    this.lateness.record(microseconds(lateMs));
  }

  add(other: TallyParts): void {
    this.sent += other.sent;
    this.answered += other.answered;
    this.failed += other.failed;
    this.notSent += other.notSent;
    for (const [reason, count] of Object.entries(other.reasons)) this.#because(reason, count);
    this.latency.add(other.latency);
    this.lateness.add(other.lateness);
  }

  /** Counts alone, for another thread. */
  parts(): TallyParts {
    const { sent, answered, failed, notSent, reasons, latency, lateness } = this;
    return { sent, answered, failed, notSent, reasons, latency, lateness };
  }

  #because(reason: string, count = 1): void {
    this.reasons[reason] = (this.reasons[reason] ?? 0) + count;
  }

  report(fromMs: number, toMs: number, underWay: number): LoadReport {
    const { sent, answered, failed, notSent, reasons } = this;
    return {
      fromMs,
      toMs,
      sent,
      answered,
      failed,
      notSent,
      reasons: { ...reasons },
      underWay,
      latency: quantiles(this.latency),
      lateness: quantiles(this.lateness),
    };
  }
}

function histogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: HIGHEST_MS * 1_000, figures: 3 });
}

function microseconds(ms: number): number {
  return Math.max(1, Math.min(HIGHEST_MS * 1_000, Math.round(ms * 1_000)));
}

function quantiles(histogram: RecordableHistogram): Quantiles | null {
  if (histogram.count === 0) return null;
  const at = (percent: number): number => histogram.percentile(percent) / 1_000;
  return { mean: histogram.mean / 1_000, p50: at(50), p90: at(90), p95: at(95), p99: at(99), p999: at(99.9), max: histogram.max / 1_000 };
}
