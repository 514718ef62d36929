import { UNITS_MAX } from "../capacity/units.ts";
import type { ScheduleWindow } from "./schedule-window.ts";
import type { StepSize, WorkloadPolicy } from "./schema.ts";

/** A rate limit: at most this share (`ratio`) or these units in any period. */
export type ResolvedLimit = { readonly periodMs: number } & StepSize;

export interface ResolvedDirection {
  readonly windowMs: number;
  readonly cooldownMs: number;
  /** Empty: no rate limit. */
  readonly limits: readonly ResolvedLimit[];
  readonly select: "max" | "min" | "off";
}

export type WhenBlind = "hold" | { readonly floor: number } | { readonly grow: number };

/** How steps are validated after they were taken. */
export interface ResolvedSteps {
  /** So much more of the requests failing after a scale-in fails it. */
  readonly errorsRise: number;
  /** After growth that did not help, nothing beyond its size for so long at first. */
  readonly holdMs: number;
  /** After a scale-in that had to be taken back, none for so long at first. */
  readonly unsafeMs: number;
  /** After steps up whose units never came, none for so long at first. */
  readonly retryMs: number;
  /** Beyond this many units steps up are one unit each; the most there can be when nobody says. */
  readonly tested: number;
}

export interface ResolvedGuards {
  readonly up: ResolvedDirection & { readonly unlimitedAbove: number | "off" };
  readonly down: ResolvedDirection;
  /** Beyond the metric's own declared lag. */
  readonly staleAfterMs: number;
  readonly badTicks: number;
  readonly goodTicks: number;
  readonly whenBlind: WhenBlind;
  readonly proof: "on" | "off";
  readonly cliff:
    | "off"
    | {
        readonly below: number;
        readonly holdMs: number;
        readonly holdAtZeroMs: number;
        readonly holdWithErrorsMs: number;
        readonly errorsAbove: number;
        readonly habitMs: number;
      };
  readonly implausibleZero: "off" | { readonly worth: number; readonly samples: number };
  readonly blastRadius: "off" | { readonly share: number; readonly windowMs: number };
  readonly steps: "off" | ResolvedSteps;
  readonly drift: "on" | "off";
  /** While one is open, no step in its direction. */
  readonly freeze: readonly (ScheduleWindow & { readonly direction: "down" | "up" | "both" })[];
}

/** Fills the defaults of the guards (design: the loop and its defaults; docs/decisions/0007-measured-defaults.md). */
export function resolveGuards(policy: WorkloadPolicy, ceiling: number, freeze: ResolvedGuards["freeze"]): ResolvedGuards {
  const guards = policy.guards;
  const interval = policy.interval;
  return {
    up: { ...resolveDirection(guards.up, { windowMs: 0, periodMs: interval }), unlimitedAbove: guards.up?.unlimitedAbove ?? ceiling },
    down: resolveDirection(guards.down, { windowMs: 300_000, periodMs: 60_000 }),
    // A source that samples more slowly than we decide is not stale for that.
    staleAfterMs: guards.staleAfter ?? 3 * Math.max(interval, ...Object.values(policy.metrics).map((metric) => metric.scrape)),
    badTicks: guards.posture?.badTicks ?? 2,
    goodTicks: guards.posture?.goodTicks ?? 3,
    whenBlind: guards.whenBlind ?? "hold",
    proof: guards.proof ?? "on",
    cliff:
      guards.cliff === "off"
        ? "off"
        : {
            below: guards.cliff?.below ?? 0.4,
            holdMs: guards.cliff?.hold ?? 600_000,
            holdAtZeroMs: guards.cliff?.holdAtZero ?? (policy.activation === undefined ? 3_600_000 : (guards.cliff?.hold ?? 600_000)),
            holdWithErrorsMs: guards.cliff?.holdWithErrors ?? 1_800_000,
            errorsAbove: guards.cliff?.errorsAbove ?? 0.02,
            habitMs: guards.cliff?.habit ?? 10_800_000,
          },
    implausibleZero: guards.implausibleZero ?? { worth: 2, samples: 3 },
    blastRadius:
      guards.blastRadius === "off"
        ? "off"
        : {
            share: guards.blastRadius?.share ?? (policy.kind === "stateless" ? 0.5 : 0.05),
            windowMs: guards.blastRadius?.window ?? 600_000,
          },
    drift: guards.drift ?? "on",
    steps:
      guards.steps === "off"
        ? "off"
        : {
            errorsRise: guards.steps?.errorsRise ?? 0.005,
            holdMs: guards.steps?.hold ?? 600_000,
            unsafeMs: guards.steps?.unsafe ?? 1_800_000,
            retryMs: guards.steps?.retry ?? 300_000,
            tested: guards.steps?.tested ?? UNITS_MAX,
          },
    freeze,
  };
}

function resolveDirection(
  given: NonNullable<WorkloadPolicy["guards"]["down"]> | undefined,
  defaults: { readonly windowMs: number; readonly periodMs: number },
): ResolvedDirection {
  const limits = given?.limits ?? [{ percent: 0.1 }, { units: 1 }];
  return {
    windowMs: given?.window ?? defaults.windowMs,
    cooldownMs: given?.cooldown ?? 0,
    limits:
      limits === "off"
        ? []
        : limits.map((limit) => {
            const periodMs = limit.per ?? defaults.periodMs;
            return "percent" in limit ? { periodMs, ratio: limit.percent } : { periodMs, units: limit.units };
          }),
    select: given?.select ?? "max",
  };
}
