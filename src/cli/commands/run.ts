import { loadPolicy } from "../../app.ts";
import type { Decision } from "../../engine/model.ts";
import { FileError, type Problem } from "../../lib/file-error.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { openLive } from "../../live.ts";
import type { Policy } from "../../policy/parse.ts";
import { describeReason } from "../describe-reason.ts";
import { terminalOf } from "../terminal.ts";

interface RunOptions {
  readonly data: string;
  readonly dryRun?: boolean;
  readonly once?: boolean;
  readonly json?: boolean;
}

export async function runRun(paths: readonly string[], options: RunOptions): Promise<void> {
  const policies = paths.map((path) => loadPolicy(path));
  for (const policy of policies) refuseUnreadable(policy);
  const { paint } = terminalOf(process.stdout);
  const print = (event: Readonly<Record<string, unknown>>, text: string): void => {
    process.stdout.write(
      options.json ? `${JSON.stringify({ at: formatTimestamp(Date.now()), ...event })}\n` : `${formatTimestamp(Date.now()).slice(0, 19)}Z ${text}\n`,
    );
  };
  const postures = new Map<string, string>();
  const unreadable = new Set<string>();
  const live = openLive(
    policies,
    { data: options.data, isDryRun: options.dryRun ?? false, environment: process.env },
    {
      onDecision: (decision, mode) => {
        const { workload, from, requested, ready, posture } = decision;
        if (postures.get(workload) !== posture) {
          if (postures.has(workload) || posture !== "normal")
            print(
              { event: "posture", workload, posture },
              `${paint("bold", workload)} ${paint(posture === "normal" ? "green" : "yellow", posture)}: ${whyText(decision)}`,
            );
          postures.set(workload, posture);
        }
        if (requested === from && !options.once) return;
        const verb = mode === "live" ? "" : ` (${mode}: not done)`;
        print(
          { event: "decision", workload, mode, posture, from, requested, ready, reasons: decision.reasons() },
          `${paint("bold", workload)} ${requested === from ? `hold at ${from}` : `${from} -> ${requested}${verb}`}: ${whyText(decision)}`,
        );
      },
      onOutcome: ({ workload, do: { units } }, outcome, message) => {
        const isGood = outcome === "applied" || outcome === "unchanged";
        print(
          { event: "outcome", workload, units, outcome, message },
          `${paint("bold", workload)} ${units} units ${paint(isGood ? "green" : "red", outcome)}${message === undefined ? "" : `: ${message}`}`,
        );
      },
      onUnreadable: (workload, message) => {
        if (unreadable.has(message)) return;
        unreadable.add(message);
        print({ event: "capacity_unreadable", workload, message }, `${paint("bold", workload)} ${paint("yellow", "capacity cannot be read")}: ${message}`);
      },
    },
  );
  const stop = new AbortController();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    // Asked twice, it leaves at once; what was in flight is an open intent, which the next start looks into.
    if (++signals > 1) process.exit(signal === "SIGINT" ? 130 : 143);
    stop.abort();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  try {
    await live.controller.start({ dryRun: options.dryRun ?? false });
    const idle = live.workloads.filter(({ mode }) => mode !== "live");
    process.stderr.write(
      `vernier: ${live.workloads.length} workload${live.workloads.length === 1 ? "" : "s"}, ledger in ${options.data}; ${
        idle.length === 0
          ? "all live"
          : `${idle.length} not live (${idle
              .slice(0, 3)
              .map(({ id, mode }) => `${id}: ${mode}`)
              .join(", ")}${idle.length > 3 ? ", …" : ""}), which changes nothing`
      }; the file ${live.stopFile} stops all effects\n`,
    );
    if (options.once) await live.controller.tick(stop.signal);
    else await live.controller.run(stop.signal);
    await live.controller.stop(signals > 0 ? "signal" : "once");
  } finally {
    process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
    await live.close();
  }
}

/** The reasons of a decision that changed or held the number, in words, shortest first. */
function whyText(decision: Decision): string {
  const reasons = decision.reasons();
  const last = reasons.filter(({ from, to }) => from !== to).at(-1) ?? reasons.at(-1);
  return last === undefined ? "nothing to say" : describeReason(last);
}

/** A policy for live use needs to say where its metrics are. */
function refuseUnreadable({ file, workloads, document }: Policy): void {
  const problems: Problem[] = [];
  for (const { id, written, pathInDocument } of workloads) {
    for (const [name, metric] of Object.entries(written.metrics)) {
      if (metric.formula !== undefined || (metric.source !== undefined && metric.query !== undefined)) continue;
      problems.push({
        severity: "error",
        code: "source_missing",
        path: `workloads.${id}.metrics.${name}`,
        ...document.locate(pathInDocument(["metrics", name]), "key"),
        message: `"${name}" does not say where it is read: ${metric.source === undefined ? "source" : "query"} is missing`,
        hint: 'for example {measures: utilisation, source: prom, query: "avg(…)"}, with sources: {prom: {type: prometheus, url: …}}',
      });
    }
  }
  if (problems.length > 0) throw new FileError(file, problems);
}
