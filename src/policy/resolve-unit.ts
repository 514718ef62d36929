import type { Price } from "./quantities.ts";
import type { WorkloadPolicy } from "./schema.ts";
import type { Serves } from "./schema-unit.ts";

export interface ResolvedStartup {
  readonly meanMs: number;
  /** Standard deviation over mean; 0 is constant. */
  readonly cv: number;
  readonly failureRatio: number;
}

/** Response times measured at utilisations, ascending. */
export type LatencyCurve = readonly { readonly at: number; readonly p50Ms: number; readonly p95Ms: number; readonly p99Ms?: number }[];

/** Whether a unit says enough for response times to be known. */
export function saysLatency({ serviceTimeMs, latency }: ResolvedUnit): boolean {
  return serviceTimeMs !== undefined || (latency !== undefined && "curve" in latency);
}

/** One unit of capacity with every default filled in. */
export interface ResolvedUnit {
  readonly serves?: Serves;
  readonly startup: ResolvedStartup;
  readonly drainMs: number;
  readonly minimumBillingMs: number;
  readonly price?: Price;
  readonly requestTimeoutMs: number;
  readonly serviceTimeMs?: number;
  readonly latency?:
    | { readonly curve: LatencyCurve }
    | { readonly usl: { readonly contention: number; readonly coherency: number; readonly concurrency?: number } };
  readonly discipline: "processorSharing" | "sharedQueue";
  readonly retry?: { readonly share: number; readonly delayMs: number; readonly max: number };
  /** Share of its capacity that a unit begins with, and how long until it has all of it. */
  readonly warmUp?: { readonly forMs: number; readonly from: number };
}

export function resolveUnit(unit: WorkloadPolicy["unit"]): ResolvedUnit {
  const startup =
    typeof unit.startup === "number"
      ? { meanMs: unit.startup, cv: 0, failureRatio: 0 }
      : { meanMs: unit.startup.mean, cv: unit.startup.cv, failureRatio: unit.startup.failure };
  return {
    startup,
    drainMs: unit.drain,
    minimumBillingMs: unit.minimumBilling,
    requestTimeoutMs: unit.requestTimeout,
    discipline: unit.discipline,
    ...(unit.serves !== undefined && { serves: unit.serves }),
    ...(unit.price !== undefined && { price: unit.price }),
    ...(unit.retry !== undefined && { retry: { share: unit.retry.share, delayMs: unit.retry.delay, max: unit.retry.max } }),
    ...(unit.warmUp !== undefined && { warmUp: { forMs: unit.warmUp.for, from: Math.min(1, unit.warmUp.from) } }),
    ...(unit.serviceTime !== undefined && { serviceTimeMs: unit.serviceTime }),
    ...(unit.latency !== undefined && { latency: resolveLatency(unit.latency) }),
  };
}

function resolveLatency(latency: NonNullable<WorkloadPolicy["unit"]["latency"]>): NonNullable<ResolvedUnit["latency"]> {
  const { curve, usl } = latency;
  if (curve !== undefined)
    return {
      curve: curve.map(({ at, p50, p95, p99 }) => ({ at, p50Ms: p50, p95Ms: p95, ...(p99 !== undefined && { p99Ms: p99 }) })).toSorted((a, b) => a.at - b.at),
    };
  // One of the two is there: the schema sees to it.
  const { contention, coherency, concurrency } = usl as NonNullable<typeof usl>;
  return { usl: { contention, coherency, ...(concurrency !== undefined && { concurrency }) } };
}
