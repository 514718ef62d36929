import type { ResolvedUnit } from "../policy/resolve-unit.ts";

/** Parts of the delay that are told apart. */
const PARTS = 64;

/** Requests that failed and come again, each with the number of times it has. Fluid: fractions of requests are requests. */
export class Retries {
  readonly #params: NonNullable<ResolvedUnit["retry"]>;
  /** In order of their time. */
  readonly #waiting: { readonly dueMs: number; readonly byAttempt: Float64Array }[] = [];
  /** What arrived in the running step, by how often it had failed before. */
  #arrived: Float64Array;

  constructor(params: NonNullable<ResolvedUnit["retry"]>) {
    this.#params = params;
    this.#arrived = new Float64Array(params.max + 1);
  }

  /** Takes the fresh requests of a step that begins now; returns how many come again in it. */
  arrive(fresh: number, nowMs: number): number {
    const arrived = this.#arrived.fill(0);
    arrived[0] = fresh;
    let again = 0;
    while (this.#waiting.length > 0 && (this.#waiting[0] as { dueMs: number }).dueMs <= nowMs) {
      const { byAttempt } = this.#waiting.shift() as { byAttempt: Float64Array };
      for (let attempt = 1; attempt < byAttempt.length; attempt++) {
        const count = byAttempt[attempt] as number;
        arrived[attempt] = (arrived[attempt] as number) + count;
        again += count;
      }
    }
    return again;
  }

  /** Takes what failed in the step, as mixed as what arrived in it. */
  fail(failed: number, nowMs: number): void {
    const total = this.#arrived.reduce((sum, count) => sum + count, 0);
    const { share, delayMs, max } = this.#params;
    const byAttempt = new Float64Array(max + 1);
    for (let attempt = 0; attempt < max; attempt++) {
      const part = total > 0 ? (this.#arrived[attempt] as number) / total : attempt === 0 ? 1 : 0;
      byAttempt[attempt + 1] = failed * part * share;
    }
    const dueMs = nowMs + delayMs;
    const last = this.#waiting.at(-1);
    // Bounded memory: what fails within a small part of the delay comes again together.
    if (last !== undefined && dueMs - last.dueMs < delayMs / PARTS)
      for (let i = 1; i <= max; i++) last.byAttempt[i] = (last.byAttempt[i] as number) + (byAttempt[i] as number);
    else this.#waiting.push({ dueMs, byAttempt });
  }
}
