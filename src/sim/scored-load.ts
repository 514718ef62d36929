import { unitsNeeded } from "../capacity/needed.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import { connectableUnits, dependencyRate } from "../policy/uses.ts";
import type { OptimumCosts } from "./optimum.ts";
import type { RunSettings } from "./run.ts";
import { settleScale } from "./scale.ts";
import { defaultWarmUpMs, scoredSteps } from "./score.ts";
import { loadBySteps, settleStepMs } from "./steps.ts";
import type { Trace } from "./trace.ts";

/** The load of a recording as a workload's plant meets it, step by step, with what it needs and which steps count. */
export interface ScoredLoad {
  readonly stepMs: number;
  /** Busy units. */
  readonly busy: Float64Array;
  /** Units at the ceiling, inside the bounds. */
  readonly needed: Int32Array;
  readonly isScored: Uint8Array;
  readonly ceiling: number;
  /** Units that dependencies let serve. */
  readonly servable: number;
  readonly min: number;
  readonly max: number;
  readonly costs: OptimumCosts;
}

/** What all engines on a recording share: it depends on the load and the plant, not on an engine. */
export function scoredLoad(trace: Trace, workload: ResolvedWorkload, settings: RunSettings): ScoredLoad {
  const { perUnit, loadFactor } = settings.scale ?? settleScale(trace, workload, workload.ceiling, settings.peakUnits);
  const stepMs = settleStepMs(trace.binMs, settings.tickMs ?? workload.intervalMs);
  const load = loadBySteps(trace, stepMs, loadFactor, settings.interpolate ?? false);
  const { min, max } = workload.bounds;
  const { ceiling, unit, uses } = workload;
  const steps = (ms: number): number => Math.ceil(ms / stepMs);
  const servable = Math.min(Number.MAX_SAFE_INTEGER, ...uses.map(connectableUnits), dependencyRate(uses, 0) / perUnit);
  // Units that a dependency does not let serve help nobody.
  const most = Math.max(min, Math.min(max, Math.ceil(servable - 1e-9)));
  return {
    stepMs,
    busy: load.map((step) => step / perUnit),
    needed: Int32Array.from(load, (step) => Math.min(most, unitsNeeded({ load: step, perUnit, ceiling, min }))),
    isScored: scoredSteps({ load, stepMs }, { warmUpMs: settings.warmUpMs ?? defaultWarmUpMs(load.length * stepMs), masks: trace.masks }),
    ceiling,
    servable,
    min,
    max,
    costs: { startupSteps: steps(unit.startup.meanMs), drainSteps: steps(unit.drainMs), minimumBillingSteps: steps(unit.minimumBillingMs) },
  };
}
