import { existsSync } from "node:fs";
import { join } from "node:path";
import { explainRecorded } from "../../control/replay.ts";
import { readStatus } from "../../control/status.ts";
import { describeReason } from "../../engine/describe-reason.ts";
import type { Decision, Observation } from "../../engine/model.ts";
import type { Reason } from "../../engine/reasons.ts";
import { formatDuration, parseDuration } from "../../lib/duration.ts";
import { formatOperand, formatSpan } from "../../lib/format.ts";
import { formatTimestamp, parseTimestamp } from "../../lib/timestamp.ts";
import { recordedEngine } from "../../live/live.ts";
import { readLedger } from "../../live/store.ts";
import { workloadId } from "../../policy/resolve.ts";
import { type Run, runSimulation } from "../../sim/run.ts";
import { table } from "../format.ts";
import { type PreparedRun, prepareRun, type RunOptions } from "../run-options.ts";
import { Progress, terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

const DATA = ".vernier";

interface ExplainOptions extends RunOptions {
  readonly policy?: string;
  readonly data?: string;
  readonly at: string;
  readonly json?: boolean;
}

/** A decision and what was seen, copied out of the engine's reused objects. */
interface Explanation {
  readonly schemaVersion: 1;
  readonly at: string;
  /** Into the recording; null for what was recorded live. */
  readonly offsetSeconds: number | null;
  readonly workload: string;
  readonly engine: string;
  readonly policyHash: string;
  readonly posture: string;
  readonly observed: {
    readonly capacity: Readonly<Record<string, number | boolean>>;
    readonly readings: readonly Readonly<Record<string, unknown>>[];
  };
  readonly from: { readonly units: number };
  readonly desired: { readonly units: number };
  readonly requested: { readonly units: number };
  readonly reasons: readonly Reason[];
  /** The called workload that lets through less than there was to do, per second; null when none does. */
  readonly waitsFor: { readonly workload: string; readonly allowedRate: number; readonly load: number } | null;
}

export async function runExplain(workload: string | undefined, options: ExplainOptions): Promise<void> {
  const isSimulated = options.policy !== undefined || options.trace !== undefined;
  if (options.data !== undefined && isSimulated) throw new UsageError("either --data, or --policy and --trace: a record, or a recording that is replayed");
  if (options.data !== undefined || (!isSimulated && existsSync(join(DATA, "ledger.db")))) {
    await explainRecord(workload, options.data ?? DATA, options);
    return;
  }
  if (options.at === "now") throw new UsageError("--at: say when, such as 2026-11-23T04:00:00Z, 3h20m into the recording, or worst");
  const prepared = await prepareRun(options.policy ?? "vernier.yaml", { ...options, ...(workload !== undefined && { workload }) });
  const startMs = prepared.trace.startMs ?? 0;
  const endMs = startMs + prepared.trace.load.length * prepared.trace.binMs;
  const atMs = options.at === "worst" ? worstAtMs(prepared) : instant(options.at, startMs);
  if (atMs < startMs || atMs >= endMs) {
    throw new UsageError(
      `--at: ${options.at} is outside the recording, which runs from ${formatTimestamp(startMs)} to ${formatTimestamp(endMs)} (${formatSpan(endMs - startMs)})`,
    );
  }
  let explanation: Explanation | undefined;
  const progress = new Progress(`replaying ${prepared.workload.id}`);
  const run = runSimulation(prepared.workload, prepared.engines(), prepared.trace, prepared.settings, {
    explainAtMs: atMs,
    onExplain: (decision, observation) => {
      explanation = copyOut(decision, observation, startMs);
    },
    onProgress: (done) => progress.update(done),
  });
  progress.end();
  if (explanation === undefined) throw new Error(`no tick at or before ${options.at}`);
  const explained: Explanation = { ...(explanation as Explanation), waitsFor: waitsFor(run, prepared, atMs) };
  process.stdout.write(options.json ? `${JSON.stringify(explained, null, 2)}\n` : `${explanationText(explained)}\n`);
}

/** What a controller decided at an instant, and why, by its record. */
async function explainRecord(wanted: string | undefined, data: string, { at, json }: ExplainOptions): Promise<void> {
  const atMs = instantOfRecord(at);
  const store = readLedger(data);
  try {
    const known = (await readStatus(store, Date.now())).workloads.map(({ workload }) => workload);
    const [only] = known;
    if (wanted === undefined && known.length !== 1) throw new UsageError(`say which workload: ${known.slice(0, 10).join(", ") || "none is recorded"}`);
    const workload = wanted === undefined ? (only as string) : workloadId(wanted);
    let explanation: Explanation | undefined;
    const isKept = await explainRecorded(store, { workload, atMs }, recordedEngine, (decision, observation) => {
      explanation = { ...copyOut(decision, observation, 0), offsetSeconds: null };
    });
    if (!isKept || explanation === undefined)
      throw new UsageError(
        known.includes(workload)
          ? `nothing is recorded of ${workload} at or before ${formatTimestamp(atMs)}`
          : `${workload} is not recorded; there are ${known.slice(0, 10).join(", ")}`,
      );
    process.stdout.write(json ? `${JSON.stringify(explanation, null, 2)}\n` : `${explanationText(explanation)}\n`);
  } finally {
    await store.close();
  }
}

function instantOfRecord(text: string): number {
  const [, ago] = /^now(?:-(.+))?$/.exec(text) ?? [];
  const agoMs = ago === undefined ? 0 : parseDuration(ago);
  const atMs = text.startsWith("now") ? (agoMs === undefined ? undefined : Date.now() - agoMs) : parseTimestamp(text)?.atMs;
  if (atMs === undefined) throw new UsageError(`--at: found "${text}", expected an instant (2026-11-23T04:00:00Z), now, or now-10m`);
  return atMs;
}

/** Who held the load back in the step of an instant. */
function waitsFor({ columns }: Run, { settings }: PreparedRun, atMs: number): Explanation["waitsFor"] {
  const step = Math.floor((atMs - columns.startMs) / columns.stepMs);
  // What came, what waited, and what came again.
  const waited = step === 0 ? 0 : (columns.backlog[step - 1] as number);
  const load = (columns.load[step] as number) + (waited + (columns.retries?.[step] ?? 0)) / (columns.stepMs / 1_000);
  const allowedRate = columns.allowedRate?.[step] ?? Number.POSITIVE_INFINITY;
  const node = settings.system?.called[(columns.narrowest?.[step] ?? 0) - 1];
  return node === undefined || load <= allowedRate ? null : { workload: node.id, allowedRate, load };
}

function instant(text: string, startMs: number): number {
  const offsetMs = text === "0" ? 0 : parseDuration(text);
  if (offsetMs !== undefined) return startMs + offsetMs;
  const at = parseTimestamp(text);
  if (at === undefined) throw new UsageError(`--at: found "${text}", expected an instant (2026-11-23T04:00:00Z), an offset from the start (3h20m), or worst`);
  return at.atMs;
}

/** When the load exceeded the ceiling by the most units; the peak of the load when it never did. */
function worstAtMs(prepared: PreparedRun): number {
  const run: Run = runSimulation(prepared.workload, prepared.engines(), prepared.trace, prepared.settings);
  const { load, ready, startMs, stepMs, allowedRate } = run.columns;
  let worst = 0;
  let worstShort = Number.NEGATIVE_INFINITY;
  for (let step = 0; step < load.length; step++) {
    if (run.isScored[step] === 0) continue;
    const serving = Math.min(ready[step] as number, (allowedRate?.[step] ?? Number.POSITIVE_INFINITY) / run.perUnit);
    const short = (load[step] as number) / run.perUnit / run.ceiling - serving;
    if (short > worstShort) {
      worstShort = short;
      worst = step;
    }
  }
  return startMs + worst * stepMs;
}

function copyOut(decision: Decision, observation: Observation, startMs: number): Explanation {
  const { requested, starting, ready, draining, readable } = observation.capacity;
  return {
    schemaVersion: 1,
    at: formatTimestamp(decision.atMs),
    offsetSeconds: (decision.atMs - startMs) / 1_000,
    workload: decision.workload,
    engine: decision.engine,
    policyHash: decision.policyHash,
    posture: decision.posture,
    observed: {
      capacity: { requested, starting, ready, draining, readable },
      readings: observation.readings.map((reading) =>
        reading.status === "value"
          ? {
              metric: reading.metric,
              status: reading.status,
              value: reading.value,
              ageSeconds: (decision.atMs - reading.sampledAtMs) / 1_000,
              windowSeconds: reading.windowMs / 1_000,
            }
          : { metric: reading.metric, status: reading.status },
      ),
    },
    from: { units: decision.from },
    desired: { units: decision.desired },
    requested: { units: decision.requested },
    reasons: decision.reasons(),
    waitsFor: null,
  };
}

function explanationText(explanation: Explanation): string {
  const { paint } = terminalOf(process.stdout);
  const { capacity, readings } = explanation.observed;
  const change = explanation.requested.units - explanation.from.units;
  const verdict =
    change === 0
      ? `hold at ${explanation.from.units}`
      : `${change > 0 ? "add" : "remove"} ${Math.abs(change)}: ${explanation.from.units} to ${explanation.requested.units}`;
  const lines = [
    `${paint("bold", explanation.workload)}  ${explanation.at}${explanation.offsetSeconds === null ? "" : ` (${formatDuration(explanation.offsetSeconds * 1_000)} into the recording)`}`,
    `${paint("bold", verdict)} units; posture ${explanation.posture}; engine ${explanation.engine}, policy ${explanation.policyHash.slice(0, 12)}`,
    "",
    `saw    capacity: ${capacity["requested"]} requested, ${capacity["ready"]} ready, ${capacity["starting"]} starting, ${capacity["draining"]} draining`,
    ...(explanation.waitsFor === null
      ? []
      : [
          paint(
            "yellow",
            `waits  for ${explanation.waitsFor.workload}, which lets ${formatOperand(explanation.waitsFor.allowedRate)} a second through of ${formatOperand(explanation.waitsFor.load)}: more units of its own would not help`,
          ),
        ]),
    ...readings.map(
      (reading) =>
        `saw    ${reading["metric"]}: ${typeof reading["value"] === "number" ? `${formatOperand(reading["value"])}, ${reading["ageSeconds"]} s old, mean of ${reading["windowSeconds"]} s` : String(reading["status"])}`,
    ),
    "",
    table(
      explanation.reasons.map((reason) => [
        reason.stage,
        reason.from === reason.to ? `${reason.to}` : `${reason.from} -> ${reason.to}`,
        reason.code,
        describeReason(reason),
      ]),
    ),
  ];
  return lines.join("\n");
}
