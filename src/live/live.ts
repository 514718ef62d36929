import { randomUUID } from "node:crypto";
import { appendFileSync, lstatSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Actuator } from "../actuators/actuator.ts";
import { ProcessActuator } from "../actuators/process/process-actuator.ts";
import type { SourceHealth } from "../api/contract.ts";
import type { DemoSubject } from "../api/server.ts";
import { createEngine } from "../app.ts";
import { SystemClock } from "../control/clock.ts";
import { Controller, SHARD } from "../control/controller.ts";
import { type Mode, mayAct } from "../control/decision.ts";
import type { ControlledWorkload, ControllerEvents } from "../control/ports.ts";
import type { MakeEngine } from "../control/replay.ts";
import { WorkloadReadings } from "../control/workload-readings.ts";
import { reloadable } from "../engine/engine.ts";
import type { Engine } from "../engine/model.ts";
import { CheckpointKey } from "../ledger/checkpoint.ts";
import { MemoryStore } from "../ledger/memory/memory-store.ts";
import { systemErrorCode } from "../lib/system-error.ts";
import { type Policy, type PolicyWorkload, policyHash } from "../policy/parse.ts";
import type { ResolvedWorkload } from "../policy/resolve.ts";
import type { BatchedSource, LastAnswer } from "../sources/batched.ts";
import type { Source } from "../sources/source.ts";
import { actuatorOf } from "./actuators.ts";
import { openApi, tellingApi } from "./api.ts";
import type { RunJobs } from "./counterfactual.ts";
import { refuseForLive, refuseReload } from "./problems.ts";
import { forgottenUnits } from "./process.ts";
import { metricSourcesOf, sourcesOf, unitsSource } from "./sources.ts";
import { checkpointKey, openStore, storageOf } from "./store.ts";
import { openWatchers } from "./watchers.ts";

// Composition root of the live loop: the one place that knows every actuator and store; sources.ts knows every source.

/** Calendars are laid out this far ahead; a controller that runs for longer lays them out anew when it is started again. */
const HORIZON_MS = 400 * 86_400_000;

export interface LiveOptions {
  /** Folder of the ledger, its key and the kill switch. */
  readonly data: string;
  /** Nobody acts, and nothing is kept: every workload is at most in shadow. */
  readonly isDryRun: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Port of the local API: a number, undefined for the usual or any, `off` for none. A dry run has none. */
  readonly api?: number | "off" | undefined;
  readonly version: string;
  /** What the API shows besides. */
  readonly demo?: DemoSubject;
  /** Runs simulations that the API is asked for, in a thread of their own. */
  readonly runJobs: RunJobs;
  /** How much is kept, and for how long. */
  readonly keep: { readonly retentionMs: number; readonly budgetBytes: number };
}

export interface Live {
  readonly controller: Controller;
  readonly workloads: readonly { readonly id: string; readonly mode: Mode }[];
  /** While this file exists, no effect begins. */
  readonly stopFile: string;
  /** Goes on with changed policies of the same workloads from the next tick on. @throws FileError when they cannot take the place of those that run */
  reload(policies: readonly Policy[]): void;
  /** Opens the local API; undefined when there is to be none. */
  listen(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Makes a controller of policies, over the store in a folder. @throws StoreHeld   @throws PathError */
export async function openLive(policies: readonly Policy[], options: LiveOptions, events: ControllerEvents): Promise<Live> {
  refuseForLive(policies);
  // A dry run leaves nothing behind.
  const store = options.isDryRun ? new MemoryStore() : openStore(options.data);
  // What was recorded before must not lie ahead, whatever happened to the clock of this machine.
  const clock = new SystemClock(((await store.lastObservedMs(SHARD)) ?? 0) + 1);
  let told = events;
  const watchers = openWatchers(policies, options, clock, (message) => told.onWarning?.(message));
  const controlledWorkload = (workload: PolicyWorkload, byName: ReadonlyMap<string, Source>): Omit<ControlledWorkload, "actuator"> => {
    const engine = engineOf(workload, clock.engineMs());
    const metrics = metricSourcesOf(workload, engine.metrics, byName);
    const { mode } = workload.written;
    return {
      id: workload.id,
      mode: options.isDryRun && mayAct(mode) ? "shadow" : mode,
      engine,
      policy: workload.resolved,
      readings: new WorkloadReadings(workload.id, metrics, clock, (metric, trouble) => events.onReading?.(workload.id, metric, trouble)),
    };
  };
  const units = unitsSource(() => processes, clock);
  let sources: { readonly name: string; readonly type: string; readonly source: BatchedSource }[] = [];
  /** What runs, as it was written; with the blast radius that holds. */
  const running = new Map<string, PolicyWorkload>();
  const controlledBy = (all: readonly Policy[]): Omit<ControlledWorkload, "actuator">[] => {
    // Whatever cannot be used is found before anything takes its place.
    const named = all.map((policy) => sourcesOf(policy, options.environment, clock, units));
    sources = named.flatMap((byName, i) => {
      const { file, settings } = all[i] as Policy;
      return [...byName].map(([name, source]) => ({
        name: all.length === 1 ? name : `${name} (${basename(file)})`,
        type: settings.sources[name]?.type ?? "",
        source,
      }));
    });
    return all.flatMap((policy, i) => {
      const byName = named[i] as ReadonlyMap<string, Source>;
      return policy.workloads.map((written) => {
        const before = running.get(written.id);
        const resolved = before === undefined ? written.resolved : reloadable(before.resolved, written.resolved);
        const workload = { ...written, resolved, hash: policyHash(resolved) };
        running.set(workload.id, workload);
        return controlledWorkload(workload, byName);
      });
    });
  };
  const acts = ({ mode }: PolicyWorkload["written"]): boolean => !options.isDryRun && mayAct(mode);
  const targets = new Map(
    policies.flatMap(({ file, workloads: all }) =>
      all.map((one) => {
        const context = { folder: dirname(file), data: options.data, environment: options.environment, acts: acts(one.written), clock };
        return [one.id, actuatorOf(one, context, (message) => events.onWarning?.(message))] as const;
      }),
    ),
  );
  const processes = new Map([...targets].flatMap(([id, target]) => (target instanceof ProcessActuator ? [[id, target]] : [])));
  if (!options.isDryRun) for (const warning of forgottenUnits(options.data, new Set(processes.keys()))) events.onWarning?.(warning);
  const workloads = controlledBy(policies).map((one): ControlledWorkload => ({ ...one, actuator: targets.get(one.id) as Actuator }));
  const stopFile = join(options.data, "STOP");
  const checkpoints = join(options.data, "checkpoints.ndjson");
  told = tellingApi(
    watchers.listen(events),
    () => api,
    () => clock.wallMs(),
  );
  const controller = new Controller(
    workloads,
    {
      clock,
      store,
      key: options.isDryRun ? new CheckpointKey() : checkpointKey(join(options.data, "checkpoint.key")),
      newId: randomUUID,
      isStopped: () => isThere(stopFile),
      ...(!options.isDryRun && { storage: storageOf(options.data, options.keep) }),
      keepCheckpoint: (text) => {
        if (!options.isDryRun) appendFileSync(checkpoints, `${text}\n`, { mode: 0o600 });
      },
    },
    told,
  );
  let api: Awaited<ReturnType<typeof openApi>> | undefined;
  return {
    controller,
    listen: async () => {
      if (options.api === "off" || options.isDryRun) return undefined;
      api = await openApi(controller, store, {
        data: options.data,
        port: options.api,
        version: options.version,
        wallMs: () => clock.wallMs(),
        endpointsOf: (id) => processes.get(id)?.endpoints(),
        demo: options.demo,
        keep: options.keep,
        sources: () => sources.map(({ name, type, source: { last } }) => sourceHealth(name, type, last)),
        targetOf: (id) => running.get(id)?.written.target?.type ?? "",
        runJobs: options.runJobs,
      });
      return api.address;
    },
    workloads: workloads.map(({ id, mode }) => ({ id, mode })),
    stopFile,
    reload: (changed) => {
      refuseForLive(changed);
      refuseReload(running, changed);
      const watch = watchers.prepare(changed);
      const old = sources;
      controller.reload(controlledBy(changed), async () => {
        for (const { source } of old) await source.close();
      });
      watch();
    },
    close: async () => {
      await watchers.close();
      await api?.close();
      // At once: some have units to end, each in its own time.
      await Promise.all([...sources.map(({ source }) => source), ...targets.values()].map((one) => one.close()));
      await store.close();
    },
  };
}

function sourceHealth(name: string, type: string, { askedMs, wholeMs, tookMs, queries, values, trouble }: LastAnswer): SourceHealth {
  return { name, type, askedMs: askedMs ?? null, wholeMs: wholeMs ?? null, tookMs: tookMs ?? null, queries, values, trouble: trouble ?? null };
}

/** Whether there is something of this name; also when nobody can tell: a brake that cannot be looked at is on. */
function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== "ENOENT";
  }
}

/** An engine of a policy that was kept with the record. */
export const recordedEngine: MakeEngine = (hash, text, nowMs) => {
  const resolved = JSON.parse(text) as ResolvedWorkload;
  if (policyHash(resolved) !== hash) throw new Error(`the policy kept as ${hash} is not the one that this is the hash of`);
  return engineOf({ resolved, hash }, nowMs);
};

function engineOf({ resolved, hash }: { readonly resolved: ResolvedWorkload; readonly hash: string }, nowMs: number): Engine {
  const engine = createEngine("vernier", resolved, {
    policyHash: hash,
    fromMs: nowMs,
    toMs: nowMs + HORIZON_MS,
    needs: { perUnit: 1, peakUnits: 1, timetable: () => [] },
  });
  if (typeof engine === "string") throw new Error(engine);
  return engine;
}
