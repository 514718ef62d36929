/**
 * The universal scalability law (Gunther, Guerrilla Capacity Planning, 2007): what a unit does that works on n requests at
 * a time, `X(n) = n / S / (1 + contention (n - 1) + coherency n (n - 1))`.
 */
export interface Usl {
  /** Time to serve one request alone, s. */
  readonly serviceTime: number;
  /** Share of the work that only one can do at a time. */
  readonly contention: number;
  /** Share of the work that each pair costs to agree. */
  readonly coherency: number;
}

/** Requests per second at concurrency `n`. */
export function uslThroughput({ serviceTime, contention, coherency }: Usl, n: number): number {
  return n / serviceTime / (1 + contention * (n - 1) + coherency * n * (n - 1));
}

/** Concurrency at which most is done, `sqrt((1 - contention) / coherency)`; infinite without coherency. */
export function uslBestConcurrency({ contention, coherency }: Usl): number {
  return coherency === 0 ? Number.POSITIVE_INFINITY : Math.sqrt((1 - contention) / coherency);
}

/** The most that is ever done, requests per second; infinite without contention and coherency. */
export function uslPeak(usl: Usl): number {
  if (usl.coherency > 0) return uslThroughput(usl, Math.max(1, uslBestConcurrency(usl)));
  return usl.contention === 0 ? Number.POSITIVE_INFINITY : 1 / (usl.serviceTime * usl.contention);
}

/** The least concurrency at which so many requests per second are done; beyond the peak, that of the peak. */
export function uslConcurrency(usl: Usl, throughput: number): number {
  const { serviceTime, contention, coherency } = usl;
  // Nothing is done faster than alone: below one at a time the law says otherwise, and does not hold.
  const work = throughput * serviceTime;
  const b = work * (contention - coherency) - 1;
  const c = work * (1 - contention);
  if (coherency === 0) return b >= 0 ? Number.POSITIVE_INFINITY : Math.max(work, -c / b);
  const a = work * coherency;
  const discriminant = b * b - 4 * a * c;
  // Written so that no two near numbers are subtracted.
  return Math.max(work, discriminant <= 0 || b >= 0 ? uslBestConcurrency(usl) : (2 * c) / (-b + Math.sqrt(discriminant)));
}
