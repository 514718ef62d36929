import type { PortRange } from "./ports.ts";
import type { ReadinessConfig } from "./readiness.ts";

/** What begins a unit. */
export interface StartConfig {
  /** `{port}` and `{unit}` stand for what it gets. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly ports?: PortRange;
  /** By asking it, or by its having run for so long. */
  readonly ready: ReadinessConfig | { readonly afterMs: number };
  readonly keepsLogs: boolean;
}

/** How a unit is told to end, and when it is killed. */
export interface DrainConfig {
  readonly signal: NodeJS.Signals;
  readonly withinMs: number;
}

/** What units of a workload have in common. */
export interface UnitContext {
  readonly folder: string;
  readonly boot: string;
  /** Absent where units are only ended. */
  readonly start: StartConfig | undefined;
  readonly drain: DrainConfig;
  readonly environment: Readonly<Record<string, string>>;
  /** Ports of all units. */
  readonly givenPorts: () => ReadonlySet<number>;
  /** Something has changed that is to be looked at soon. */
  readonly onChange: () => void;
  readonly say: (trouble: string) => void;
}
