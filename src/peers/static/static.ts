import { BareEngine } from "../../engine/bare-engine.ts";
import type { EngineState } from "../../engine/model.ts";
import type { ResolvedWorkload } from "../../policy/resolve.ts";
import type { ResolvedMetric } from "../../policy/resolve-metrics.ts";

/** Reference controller: a constant number of units, inside the bounds. What every scaler has to beat. */
export class StaticEngine extends BareEngine {
  readonly intervalMs = 15_000;
  readonly metrics: readonly ResolvedMetric[] = [];

  constructor(name: string, policy: ResolvedWorkload, policyHash: string, units: number) {
    super(name, policy, policyHash);
    this.desired = units;
  }

  protected recommend(): number {
    return this.clamp(this.desired);
  }

  state(): EngineState {
    return { engine: this.engine, version: 1 };
  }

  restore(): void {}
}
