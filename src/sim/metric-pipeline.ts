import type { Reading } from "../engine/model.ts";
import { REAL_ZERO } from "../lib/real.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import type { MetricFault } from "../policy/schema-simulation.ts";

/** Buckets of a window at most; a longer window is cut into this many. */
const BUCKETS_MAX = 64;

/**
 * From what happens in the plant to what an engine may read: sampled every `scrape`, averaged over `window`, readable
 * `lag` later, with faults by time. A reading is a quotient of two sums over the window (requests over seconds, busy
 * over available unit-seconds, failed over arrived requests), as Prometheus computes it from counters.
 */
export class MetricPipeline {
  readonly metric: ResolvedMetric;
  readonly isTotal: boolean;
  readonly #lagMs: number = 0;
  readonly #faults: readonly MetricFault[];
  readonly #bucketMs: number = 0;
  readonly #numerators: Float64Array;
  readonly #denominators: Float64Array;
  #bucket = 0;
  #filled = 0;
  #numerator = REAL_ZERO;
  #denominator = REAL_ZERO;
  #nextBucketMs: number = REAL_ZERO;
  /** Values that are computed but not readable yet, in a ring; as many as fit into the lag. */
  readonly #waitingValues: Float64Array;
  readonly #waitingAtMs: Float64Array;
  #waitingHead = 0;
  #waiting = 0;
  #published = Number.NaN;
  #publishedAtMs = Number.NEGATIVE_INFINITY;
  readonly reading: Reading;

  /** @param startMs engine time of the first step   @param stepMs length of the steps that are recorded */
  constructor(metric: ResolvedMetric, faults: readonly MetricFault[], startMs: number, stepMs: number) {
    this.metric = metric;
    this.isTotal = metric.scope === "total";
    this.#lagMs = metric.lagMs;
    this.#faults = faults.filter((fault) => fault.metric === metric.name || fault.metric === "*");
    // Nothing is finer than a plant step, nor than the source's own sampling; a window is a whole number of buckets.
    this.#bucketMs = Math.ceil(Math.max(metric.scrapeMs, metric.windowMs / BUCKETS_MAX) / stepMs) * stepMs;
    const buckets = Math.max(1, Math.round(metric.windowMs / this.#bucketMs));
    this.#numerators = new Float64Array(buckets);
    this.#denominators = new Float64Array(buckets);
    this.#nextBucketMs = startMs + this.#bucketMs;
    const laterMs = this.#faults.reduce((most, fault) => Math.max(most, fault.kind === "lag" ? fault.by : 0), 0);
    const waiting = Math.ceil((metric.lagMs + laterMs) / this.#bucketMs) + 2;
    this.#waitingValues = new Float64Array(waiting);
    this.#waitingAtMs = new Float64Array(waiting);
    this.reading = { metric: metric.name, status: "absent", value: REAL_ZERO, sampledAtMs: REAL_ZERO, windowMs: buckets * this.#bucketMs, partial: false };
  }

  /** Takes one step that ended at `endMs`. A denominator of 0 with no numerator adds nothing: no traffic, no ratio. */
  record(numerator: number, denominator: number, endMs: number): void {
    this.#numerator += numerator;
    this.#denominator += denominator;
    if (endMs < this.#nextBucketMs) return;
    this.#nextBucketMs += this.#bucketMs;
    // Steps longer than a bucket: skip the ones that no sample fell into.
    if (this.#nextBucketMs <= endMs) this.#nextBucketMs += this.#bucketMs * Math.ceil((endMs - this.#nextBucketMs + 1) / this.#bucketMs);
    const buckets = this.#numerators.length;
    this.#numerators[this.#bucket] = this.#numerator;
    this.#denominators[this.#bucket] = this.#denominator;
    this.#bucket = this.#bucket + 1 === buckets ? 0 : this.#bucket + 1;
    this.#filled = Math.min(this.#filled + 1, buckets);
    this.#numerator = 0;
    this.#denominator = 0;
    let above = 0;
    let below = 0;
    for (let i = 0; i < this.#filled; i++) {
      above += this.#numerators[i] as number;
      below += this.#denominators[i] as number;
    }
    this.#publish(below > 0 ? above / below : Number.NaN, endMs);
  }

  /** What can be read at `nowMs`; the object is reused. */
  read(nowMs: number, traceStartMs: number): Reading {
    const lagMs = this.#faults.length === 0 ? this.#lagMs : this.#lagMs + this.#laterMs(nowMs - traceStartMs);
    const length = this.#waitingAtMs.length;
    while (this.#waiting > 0 && (this.#waitingAtMs[this.#waitingHead] as number) + lagMs <= nowMs) {
      this.#published = this.#waitingValues[this.#waitingHead] as number;
      this.#publishedAtMs = this.#waitingAtMs[this.#waitingHead] as number;
      this.#waitingHead = this.#waitingHead + 1 === length ? 0 : this.#waitingHead + 1;
      this.#waiting--;
    }
    const reading = this.reading;
    reading.status = Number.isNaN(this.#published) ? "absent" : "value";
    reading.value = this.#published;
    reading.sampledAtMs = this.#publishedAtMs;
    if (this.#faults.length > 0) this.#applyFaults(nowMs, nowMs - traceStartMs);
    return reading;
  }

  /** How much later readings come at the moment. */
  #laterMs(offsetMs: number): number {
    let laterMs = 0;
    for (const { kind, from, to, by } of this.#faults) if (kind === "lag" && offsetMs >= from && offsetMs < to) laterMs = Math.max(laterMs, by);
    return laterMs;
  }

  #publish(value: number, atMs: number): void {
    const length = this.#waitingAtMs.length;
    if (this.#waiting === length) {
      this.#waitingHead = this.#waitingHead + 1 === length ? 0 : this.#waitingHead + 1;
      this.#waiting--;
    }
    let at = this.#waitingHead + this.#waiting;
    if (at >= length) at -= length;
    this.#waitingValues[at] = value;
    this.#waitingAtMs[at] = atMs;
    this.#waiting++;
  }

  #staleValue = Number.NaN;
  #staleAtMs = Number.NEGATIVE_INFINITY;

  #applyFaults(nowMs: number, offsetMs: number): void {
    const reading = this.reading;
    let isStale = false;
    reading.partial = false;
    for (const fault of this.#faults) {
      if (offsetMs < fault.from || offsetMs >= fault.to) continue;
      switch (fault.kind) {
        case "drop":
          reading.status = "absent";
          break;
        case "zero":
          // What an adapter does that turns "no data" into 0: a fresh sample, with the wrong value.
          reading.status = "value";
          reading.value = 0;
          if (reading.sampledAtMs === Number.NEGATIVE_INFINITY) reading.sampledAtMs = nowMs;
          break;
        case "nan":
        case "infinite":
        case "negative":
          // What no adapter should let through: a quotient of nothing or by nothing, a counter that went backwards.
          reading.status = "value";
          reading.value = fault.kind === "nan" ? Number.NaN : fault.kind === "infinite" ? Number.POSITIVE_INFINITY : -1;
          break;
        case "lag":
          break;
        case "scale":
          reading.value *= fault.factor;
          break;
        case "stale":
          isStale = true;
          break;
        case "partial":
          reading.partial = true;
          break;
      }
    }
    if (!isStale) {
      this.#staleValue = reading.value;
      this.#staleAtMs = reading.sampledAtMs;
      return;
    }
    reading.status = Number.isNaN(this.#staleValue) ? "absent" : "value";
    reading.value = this.#staleValue;
    reading.sampledAtMs = this.#staleAtMs;
  }
}
