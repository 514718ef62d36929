import { existsSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { loadPolicy } from "../../app.ts";
import { type Effect, type Mode, mayAct } from "../../control/decision.ts";
import { RETENTION_LEAST_MS } from "../../control/housekeeping.ts";
import { whyText } from "../../engine/describe-reason.ts";
import { formatBytes, parseBytes } from "../../lib/bytes.ts";
import { formatDuration, parseDuration } from "../../lib/duration.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { findApi } from "../../live/api.ts";
import { type Live, openLive } from "../../live/live.ts";
import { notifiesText } from "../../live/notify.ts";
import { PolicyWatcher } from "../../live/reload.ts";
import type { Policy } from "../../policy/parse.ts";
import { parseWhole } from "../run-options.ts";
import { doJobsAside } from "../simulation-pool.ts";
import { storeTrouble } from "../store-trouble.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

interface RunOptions {
  readonly data: string;
  readonly dryRun?: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly listen?: string;
  readonly diskBudget: string;
  readonly retention: string;
  readonly version: string;
}

/**
 * What a tick makes is garbage at its end, and V8 lets it pile up to three times of what is needed: with 10,000 workloads 690 MB instead of 390,
 * for a tenth of a core more (bench/live.ts).
 */
const HEAP_FLAGS = "--heap-growing-percent=40";

export async function runRun(paths: readonly string[], options: RunOptions): Promise<void> {
  setFlagsFromString(HEAP_FLAGS);
  const policies = paths.map((path) => loadPolicy(path));
  // A reader that has gone away must not take the controller with it.
  let isHeard = true;
  process.stdout.removeAllListeners("error").on("error", () => {
    isHeard = false;
  });
  process.stderr.on("error", () => {});
  const { paint } = terminalOf(process.stdout);
  const print = (event: Readonly<Record<string, unknown>>, text: string): void => {
    const at = formatTimestamp(Date.now());
    if (isHeard) process.stdout.write(options.json ? `${JSON.stringify({ at, ...event })}\n` : `${at.slice(0, 19)}Z ${text}\n`);
  };
  const postures = new Map<string, string>();
  const undone = new Map<string, string>();
  let hasTrouble = false;
  const live = await openLive(
    policies,
    {
      data: options.data,
      isDryRun: options.dryRun ?? false,
      keep: keptOf(options),
      environment: process.env,
      api: portOf(options),
      version: options.version,
      runJobs: doJobsAside,
    },
    {
      onDecision: (decision, mode, effect) => {
        const { workload, from, requested, posture } = decision;
        if (postures.get(workload) !== posture) {
          if (postures.has(workload) || posture !== "normal")
            print(
              { event: "posture", workload, posture },
              `${paint("bold", workload)} ${paint(posture === "normal" ? "green" : "yellow", posture)}: ${whyText(decision.reasons())}`,
            );
          postures.set(workload, posture);
        }
        if (effect === "unreadable" || (effect === "none" && !options.once)) return;
        // What is not done is decided again at every tick; it is said once.
        const said = `${from} ${requested} ${effect}`;
        if (effect !== "begun" && undone.get(workload) === said) return;
        undone.set(workload, effect === "begun" ? "" : said);
        const what = effect === "none" ? `hold at ${from}` : `${from} -> ${requested}${notDone(effect, mode)}`;
        print(
          { event: "decision", workload, mode, effect, posture, from, requested, reasons: decision.reasons() },
          `${paint("bold", workload)} ${what}: ${whyText(decision.reasons())}`,
        );
      },
      onOutcome: ({ workload, do: { units } }, outcome, message) => {
        const isGood = outcome === "applied" || outcome === "unchanged";
        hasTrouble ||= !isGood;
        print(
          { event: "outcome", workload, units, outcome, message },
          `${paint("bold", workload)} ${units} units ${paint(isGood ? "green" : "red", outcome)}${message === undefined ? "" : `: ${message}`}`,
        );
      },
      onUnreadable: (workload, message) => {
        hasTrouble ||= message !== undefined;
        print(
          { event: "capacity", workload, isReadable: message === undefined, message },
          `${paint("bold", workload)} ${message === undefined ? paint("green", "capacity can be read again") : `${paint("yellow", "capacity cannot be read")}: ${message}; nothing is changed`}`,
        );
      },
      onReading: (workload, metric, trouble) => {
        hasTrouble ||= trouble !== undefined;
        const what = trouble === undefined ? paint("green", "can be read again") : paint("yellow", trouble.isPartial ? "is incomplete" : "cannot be read");
        print(
          { event: "reading", workload, metric, reason: trouble?.reason ?? null, partial: trouble?.isPartial ?? false },
          `${paint("bold", workload)} ${metric} ${what}${trouble === undefined ? "" : `: ${trouble.reason}`}`,
        );
      },
      onStopped: (isStopped) =>
        print(
          { event: "stopped", isStopped },
          isStopped ? paint("red", `stopped: no effect begins while ${live.stopFile} is there`) : paint("green", "no longer stopped: effects begin again"),
        ),
      onWarning: (message) => print({ event: "warning", message }, paint("red", message)),
    },
  );
  const stop = new AbortController();
  let signals = 0;
  let watcher: PolicyWatcher | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    // Asked twice, it leaves at once, and what it began goes with it; what was in flight is an open intent, which the next start looks into.
    if (++signals > 1) process.exit(signal === "SIGINT" ? 130 : 143);
    stop.abort();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal).on("SIGHUP", onSignal);
  try {
    await live.controller.start({ dryRun: options.dryRun ?? false });
    const address = await live.listen();
    watcher = new PolicyWatcher(paths, policies, {
      apply: (changed) => live.reload(changed),
      onReloaded: (files) => print({ event: "reloaded", files }, paint("green", `${files.join(", ")} changed: in force from the next tick on`)),
      onRefused: (message) =>
        print({ event: "reload_refused", message }, `${paint("red", "the changed policy is not taken; the one before stays in force:")} ${message}`),
    });
    process.stderr.write(
      `vernier: ${aboutText(live, options)}${peopleText(policies, options)}${address === undefined ? "" : `; ${pageText(address, options)}`}\n`,
    );
    if (options.once) await live.controller.tick(stop.signal);
    else await live.controller.run(stop.signal);
    await live.controller.stop(signals > 0 ? "signal" : "once");
    if (options.once && hasTrouble) process.exitCode = 1;
  } catch (error) {
    throw storeTrouble(error, options.data);
  } finally {
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal).off("SIGHUP", onSignal);
    watcher?.close();
    await live.close();
  }
}

function portOf({ listen, once }: RunOptions): number | "off" | undefined {
  if (listen === undefined) return once ? "off" : undefined;
  if (listen === "off") return "off";
  return parseWhole("listen", listen, 0, 65_535);
}

function notDone(effect: Effect, mode: Mode): string {
  switch (effect) {
    case "not_live":
      return ` (${mode}: not done)`;
    case "awaiting":
      return " (waits for approval: not done)";
    case "stopped":
      return " (stopped: not done)";
    case "waiting":
      return " (not done: an earlier effect is not known yet)";
    default:
      return "";
  }
}

function aboutText({ workloads, stopFile }: Pick<Live, "workloads" | "stopFile">, { data, dryRun }: RunOptions): string {
  const idle = workloads.filter(({ mode }) => !mayAct(mode));
  const modes =
    idle.length === 0
      ? "all live"
      : `${idle.length} not live (${idle
          .slice(0, 3)
          .map(({ id, mode }) => `${id}: ${mode}`)
          .join(", ")}${idle.length > 3 ? ", …" : ""}), which changes nothing`;
  return `${workloads.length} workload${workloads.length === 1 ? "" : "s"}, ${dryRun ? "nothing is kept" : `ledger in ${data}`}; ${modes}; the file ${stopFile} stops all effects${existsSync(stopFile) ? ", and is there now" : ""}`;
}

function peopleText(policies: readonly Policy[], { dryRun }: RunOptions): string {
  const text = notifiesText(policies);
  return text === undefined ? "" : dryRun ? "; nobody is notified" : `; notifies ${text}`;
}

/** Where the page is. What opens it is said to a person at a terminal alone: elsewhere it would stay in a log. */
function pageText(address: string, { data }: RunOptions): string {
  const token = process.stderr.isTTY ? findApi(data)?.token : undefined;
  return token === undefined ? `page and API at ${address}, with the token in ${join(data, "api.token")}` : `page at ${address}/#token=${token}`;
}

/** Least disk budget: less would be used up by what is never forgotten. */
const BUDGET_LEAST = 16 << 20;

function keptOf({ diskBudget, retention }: RunOptions): { readonly budgetBytes: number; readonly retentionMs: number } {
  const budgetBytes = parseBytes(diskBudget);
  if (budgetBytes === undefined || budgetBytes < BUDGET_LEAST)
    throw new UsageError(`--disk-budget: found "${diskBudget}", expected a size of at least ${formatBytes(BUDGET_LEAST)} such as 10GiB`);
  const retentionMs = parseDuration(retention);
  if (retentionMs === undefined || retentionMs < RETENTION_LEAST_MS)
    throw new UsageError(`--retention: found "${retention}", expected a duration of at least ${formatDuration(RETENTION_LEAST_MS)} such as 7d`);
  return { budgetBytes, retentionMs };
}
