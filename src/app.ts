import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UNITS_MAX } from "./capacity/units.ts";
import { VernierEngine } from "./engine/engine.ts";
import type { Engine } from "./engine/model.ts";
import { type HpaManifest, MANIFEST_BYTES_MAX, type ManifestOptions, parseHpaManifests } from "./formats/hpa-manifest.ts";
import { parseDuration } from "./lib/duration.ts";
import { FileError } from "./lib/file-error.ts";
import { nearest } from "./lib/nearest.ts";
import { PathError, systemErrorCode } from "./lib/system-error.ts";
import { DELAYED_OFF_HOLD_MS, DelayedOffEngine } from "./peers/delayed-off/delayed-off.ts";
import { DOUBLING_DEFAULTS, DoublingEngine } from "./peers/doubling/doubling.ts";
import { cpuMetric, HPA_CPU_PERCENT, HPA_DEFAULT_BEHAVIOUR, HPA_TOLERANCE, type HpaConfig } from "./peers/hpa/config.ts";
import { HpaEngine } from "./peers/hpa/engine.ts";
import { ScheduleEngine } from "./peers/schedule/schedule.ts";
import { StaticEngine } from "./peers/static/static.ts";
import { monthsBeginAtMs } from "./policy/calendar.ts";
import { BYTES_MAX, tooLarge } from "./policy/document.ts";
import { checkPolicy, type Policy, parsePolicy } from "./policy/parse.ts";
import type { ResolvedWorkload } from "./policy/resolve.ts";
import { compileSchedules } from "./policy/schedule.ts";
import type { ParseOptions } from "./policy/templates.ts";
import type { LoadNeeds } from "./sim/needs.ts";

// Composition root: the one place that knows every engine and every adapter.

export interface EngineContext {
  readonly policyHash: string;
  /** Engine time that the run covers, for calendars. */
  readonly fromMs: number;
  readonly toMs: number;
  /** What the load asks for, for references that know it in advance. */
  readonly needs: LoadNeeds;
}

/** An engine in plain JSON: a name with its argument (`hpa-v2@70`), or an HPA by its object. */
export type EngineSpec = string | { readonly name: string; readonly hpa: HpaConfig };

interface EngineEntry {
  /** Under `src/`. */
  readonly folder: string;
  /** What may stand behind the name, for messages. */
  readonly form: string;
  /** `argument` is what stands behind `@` or `:`; returns undefined for one that makes no sense. */
  readonly create: (name: string, argument: string | undefined, workload: ResolvedWorkload, context: EngineContext) => Engine | undefined;
  /** The one setting that makes it bolder or more careful, with its values as arguments, for sweeps. */
  readonly knob?: { readonly name: string; readonly arguments: (needs: LoadNeeds) => readonly string[] };
}

const TARGETS = ["20", "25", "30", "35", "40", "45", "50", "55", "60", "65", "70", "75", "80"];
const TARGET_KNOB = { name: "target", arguments: () => TARGETS.map((target) => `@${target}`) };

type HpaVariant = Omit<HpaConfig, "metrics" | "toleranceUp" | "toleranceDown" | "min" | "max">;

/** The HPA as it is, as it was before 1.21 and without a behaviour block, and as it is behind an adapter that reports 0 for nothing. */
const HPA_VARIANTS = {
  "hpa-v2": { behaviour: HPA_DEFAULT_BEHAVIOUR, absentIsZero: false },
  "hpa-legacy": { absentIsZero: false, passesOverBroken: true, wraps: true },
  "hpa-adapter0": { behaviour: HPA_DEFAULT_BEHAVIOUR, absentIsZero: true },
} as const satisfies Readonly<Record<string, HpaVariant>>;

/** Engines by name; adding one is its folder and a line here. */
const ENGINES: Readonly<Record<string, EngineEntry>> = {
  vernier: {
    folder: "engine",
    form: "vernier or vernier@70",
    create: (_, argument, workload, { policyHash, fromMs, toMs }) => {
      const policy = argument === undefined ? workload : withTarget(workload, wholeNumber(argument, 100));
      return policy === undefined
        ? undefined
        : new VernierEngine(policy, {
            policyHash,
            schedules: compileSchedules(policy, fromMs, toMs),
            monthsBeginAtMs: policy.budget === undefined ? [] : monthsBeginAtMs(policy.timeZone, fromMs, toMs),
          });
    },
    knob: TARGET_KNOB,
  },
  doubling: {
    folder: "peers/doubling",
    form: "doubling or doubling@70",
    create: (name, argument, workload, { policyHash }) => {
      const above = argument === undefined ? DOUBLING_DEFAULTS.above : (wholeNumber(argument, 100) ?? Number.NaN) / 100;
      // Halving must not bring it back above.
      return Number.isNaN(above)
        ? undefined
        : new DoublingEngine(name, workload, policyHash, { ...DOUBLING_DEFAULTS, above, below: Math.min(DOUBLING_DEFAULTS.below, above / 2) });
    },
    knob: TARGET_KNOB,
  },
  "hpa-v2": {
    folder: "peers/hpa",
    form: "hpa-v2 or hpa-v2@70",
    create: (name, argument, workload, { policyHash }) => hpa(name, argument, workload, policyHash, HPA_VARIANTS["hpa-v2"]),
    knob: TARGET_KNOB,
  },
  "hpa-legacy": {
    folder: "peers/hpa",
    form: "hpa-legacy or hpa-legacy@70",
    create: (name, argument, workload, { policyHash }) => hpa(name, argument, workload, policyHash, HPA_VARIANTS["hpa-legacy"]),
    knob: TARGET_KNOB,
  },
  "hpa-adapter0": {
    folder: "peers/hpa",
    form: "hpa-adapter0 or hpa-adapter0@70",
    create: (name, argument, workload, { policyHash }) => hpa(name, argument, workload, policyHash, HPA_VARIANTS["hpa-adapter0"]),
    knob: TARGET_KNOB,
  },
  static: {
    folder: "peers/static",
    form: "static:12",
    create: (name, argument, workload, { policyHash }) => {
      const units = wholeNumber(argument, UNITS_MAX);
      return units === undefined ? undefined : new StaticEngine(name, workload, policyHash, units);
    },
    knob: { name: "units", arguments: ({ peakUnits }) => [...new Set(tenths(10).map((share) => `:${Math.max(1, Math.round(share * peakUnits))}`))] },
  },
  "static-peak": {
    folder: "peers/static",
    form: "static-peak",
    create: (name, argument, workload, { policyHash, needs }) =>
      argument === undefined ? new StaticEngine(name, workload, policyHash, needs.peakUnits) : undefined,
  },
  schedule: {
    folder: "peers/schedule",
    form: "schedule or schedule@95",
    create: (name, argument, workload, { policyHash, needs }) => {
      const percent = argument === undefined ? 100 : wholeNumber(argument, 100);
      return percent === undefined ? undefined : new ScheduleEngine(name, workload, policyHash, { slotMs: 3_600_000, units: needs.timetable(percent / 100) });
    },
    knob: { name: "percentile", arguments: () => ["50", "60", "70", "80", "90", "95", "99", "100"].map((percent) => `@${percent}`) },
  },
  "delayed-off": {
    folder: "peers/delayed-off",
    form: "delayed-off or delayed-off@5m",
    create: (name, argument, workload, { policyHash, needs }) => {
      const holdMs = argument === undefined ? DELAYED_OFF_HOLD_MS : parseDuration(argument);
      return holdMs === undefined ? undefined : new DelayedOffEngine(name, workload, policyHash, { holdMs, perUnit: needs.perUnit });
    },
    knob: { name: "hold", arguments: () => ["15s", "30s", "1m", "2m", "5m", "10m", "20m", "1h", "3h"].map((hold) => `@${hold}`) },
  },
  lcp: {
    folder: "peers/delayed-off",
    form: "lcp",
    create: (name, argument, workload, { policyHash, needs }) =>
      argument === undefined
        ? new DelayedOffEngine(name, workload, policyHash, { holdMs: workload.unit.startup.meanMs + workload.unit.drainMs, perUnit: needs.perUnit })
        : undefined,
  },
};

/** Folders of the engines registered, under `src/`. */
export const ENGINE_FOLDERS: ReadonlySet<string> = new Set(Object.values(ENGINES).map((entry) => entry.folder));
/**
 * Makes an engine: `vernier`, `hpa-v2@70`, `static:12`, or an HPA by its object.
 * @returns what is wrong, in words, for a name that means none
 */
export function createEngine(spec: EngineSpec, workload: ResolvedWorkload, context: EngineContext): Engine | string {
  if (typeof spec !== "string") return new HpaEngine(spec.name, workload, context.policyHash, spec.hpa);
  const { name, argument } = splitSpec(spec);
  const entry = Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
  if (entry === undefined) {
    const near = nearest(name, Object.keys(ENGINES));
    return `no engine "${name}"; ${near === undefined ? `there are ${Object.keys(ENGINES).join(", ")}` : `did you mean "${near}"?`}`;
  }
  return (
    entry.create(spec, argument, workload, context) ??
    `"${spec}" is not understood; write ${entry.form}${name === "vernier" ? " (with a number only where there are targets to turn)" : ""}`
  );
}

/**
 * An HPA of a manifest as one of the kinds of HPA: `hpa-legacy=hpa.yaml` is its metrics and bounds under the rules of old.
 * @param read the manifests of a file
 * @returns undefined for a name that is none of this form, what is wrong in words otherwise
 */
export function manifestEngine(spec: string, read: (file: string) => readonly HpaManifest[]): EngineSpec | { readonly problem: string } | undefined {
  const [, name = "", file = ""] = /^([\w-]+)=(.+)$/.exec(spec) ?? [];
  if (file === "") return undefined;
  if (!Object.hasOwn(HPA_VARIANTS, name)) return { problem: `"${name}" reads no manifest; ${Object.keys(HPA_VARIANTS).join(", ")} do` };
  const variant: HpaVariant = HPA_VARIANTS[name as keyof typeof HPA_VARIANTS];
  const [manifest, ...further] = read(file);
  if (manifest === undefined || further.length > 0) return { problem: `${file} has ${further.length + 1} HPAs, expected one` };
  const { behaviour, ...config } = manifest.config;
  const { behaviour: knownTo, ...rest } = variant;
  // The rules of old knew no behaviour block; without one the older rules apply, whatever the kind.
  return { name: spec, hpa: { ...config, ...rest, ...(knownTo !== undefined && behaviour !== undefined && { behaviour }) } };
}

/** The settings of an engine's one knob, each as an engine; undefined for an engine without one. */
export function sweepOf(
  spec: EngineSpec,
  workload: ResolvedWorkload,
  needs: LoadNeeds,
): { readonly knob: string; readonly settings: readonly { readonly setting: string; readonly spec: EngineSpec }[] } | undefined {
  if (typeof spec !== "string") {
    if (!spec.hpa.metrics.every((metric) => metric.target.type === "utilisation")) return undefined;
    const turned = (percent: number) => spec.hpa.metrics.map((metric) => ({ ...metric, target: { type: "utilisation" as const, percent } }));
    return {
      knob: TARGET_KNOB.name,
      settings: TARGETS.map((target) => ({ setting: target, spec: { ...spec, hpa: { ...spec.hpa, metrics: turned(Number(target)) } } })),
    };
  }
  const { name } = splitSpec(spec);
  const knob = Object.hasOwn(ENGINES, name) ? ENGINES[name]?.knob : undefined;
  if (knob === undefined || (name === "vernier" && withTarget(workload, 70) === undefined)) return undefined;
  return { knob: knob.name, settings: knob.arguments(needs).map((argument) => ({ setting: argument.slice(1), spec: name + argument })) };
}

function splitSpec(spec: string): { name: string; argument: string | undefined } {
  const [, name = spec, argument] = /^([^@:]+)[@:](.*)$/.exec(spec) ?? [];
  return { name, argument };
}

/** A workload with all its targets at a percentage of what a unit carries; undefined when it has none, or they cannot be turned. */
function withTarget(workload: ResolvedWorkload, percent: number | undefined): ResolvedWorkload | undefined {
  if (percent === undefined) return undefined;
  const serves = workload.unit.serves?.rate;
  const tracking = workload.strategies.filter((strategy) => strategy.type === "targetTracking");
  const measures = (name: string) => workload.metrics.find((metric) => metric.name === name)?.measures;
  if (tracking.length === 0 || tracking.some(({ metric }) => measures(metric) !== "utilisation" && (measures(metric) !== "rate" || serves === undefined)))
    return undefined;
  const turn = (strategy: ResolvedWorkload["strategies"][number]) =>
    strategy.type === "targetTracking"
      ? { ...strategy, targetPerUnit: (percent / 100) * (measures(strategy.metric) === "utilisation" ? 1 : (serves as number)) }
      : strategy;
  return { ...workload, strategies: workload.strategies.map(turn) };
}

function tenths(upTo: number): number[] {
  return Array.from({ length: upTo }, (_, i) => (i + 1) / 10);
}

/** The HPA as `kubectl autoscale` and the API make it: CPU at 80 %, tolerance 10 %. */
function hpa(spec: string, argument: string | undefined, workload: ResolvedWorkload, policyHash: string, config: HpaVariant): Engine | undefined {
  const percent = argument === undefined ? HPA_CPU_PERCENT : wholeNumber(argument, 1_000);
  return percent === undefined
    ? undefined
    : new HpaEngine(spec, workload, policyHash, { metrics: [cpuMetric(percent)], toleranceUp: HPA_TOLERANCE, toleranceDown: HPA_TOLERANCE, ...config });
}

function wholeNumber(text: string | undefined, most: number): number | undefined {
  const number = Number(text);
  return text !== undefined && /^\d+$/.test(text) && number >= 1 && number <= most ? number : undefined;
}

/** The policy file that a path means: itself, or `vernier.yaml` in a folder. */
function policyPath(path: string): string {
  try {
    return statSync(path).isDirectory() ? join(path, "vernier.yaml") : path;
  } catch (error) {
    throw new PathError("cannot read policy", path, error);
  }
}

/** The text of a file that a person wrote. Nothing is read of what is no such file, or far too large to be one. */
export function readText(path: string, bytesMax = BYTES_MAX): string {
  let bytes: Uint8Array;
  try {
    const about = statSync(path);
    if (!about.isFile()) throw Object.assign(new Error("not a regular file"), { code: about.isDirectory() ? "EISDIR" : "ENOTREG" });
    if (about.size > bytesMax) throw new FileError(path, [tooLarge(about.size, bytesMax)]);
    bytes = readFileSync(path);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new PathError("cannot read", path, error);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FileError(path, [{ severity: "error", code: "not_utf8", message: "this is not UTF-8 text", hint: "save it as UTF-8" }]);
  }
}

/** Files that a policy names are looked for beside it. */
function readBeside(path: string): NonNullable<ParseOptions["readFile"]> {
  return (name, bytesMax) => {
    try {
      return readText(resolve(dirname(path), name), bytesMax);
    } catch (error) {
      if (error instanceof PathError) return undefined;
      throw error;
    }
  };
}

/** @throws FileError with every problem   @throws PathError when the file cannot be read */
export function loadPolicy(path: string): Policy {
  const file = policyPath(path);
  return parsePolicy(readText(file), file, { readFile: readBeside(file) });
}

/** @throws FileError with every problem   @throws PathError when the file cannot be read */
export function loadManifests(path: string, options: ManifestOptions): HpaManifest[] {
  return parseHpaManifests(readText(path, MANIFEST_BYTES_MAX), path, options);
}

/** All problems of a policy's text, as if it stood in `file`. */
export function examinePolicyText(text: string, file: string): ReturnType<typeof checkPolicy> {
  return checkPolicy(text, file, { readFile: readBeside(file) });
}

/** Like {@link loadPolicy}, with the problems as a value. */
export function examinePolicy(path: string): ReturnType<typeof checkPolicy> & { file: string } {
  const file = policyPath(path);
  try {
    return { file, ...examinePolicyText(readText(file), file) };
  } catch (error) {
    if (error instanceof FileError) return { file, problems: error.problems };
    throw error;
  }
}
