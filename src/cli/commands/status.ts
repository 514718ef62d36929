import { setTimeout as wait } from "node:timers/promises";
import { type ControllerStatus, readStatus } from "../../control/status.ts";
import { describeReason } from "../../engine/describe-reason.ts";
import { formatOperand, formatSpan } from "../../lib/format.ts";
import { readLedger } from "../../live/store.ts";
import { table } from "../format.ts";
import { type Terminal, terminalOf } from "../terminal.ts";

/** Beyond this the last tick is old news, and is said to be. */
const OLD_MS = 120_000;

const WATCH_MS = 2_000;
const CLEAR = "\u001b[2J\u001b[H";

interface StatusOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

export async function runStatus(options: StatusOptions): Promise<void> {
  await printStatus(options);
  if (!options.watch) return;
  for (;;) {
    await wait(WATCH_MS);
    // A terminal shows one picture that changes, a file one after the other.
    if (process.stdout.isTTY && !options.json) process.stdout.write(CLEAR);
    await printStatus(options);
  }
}

async function printStatus({ data, json, watch }: StatusOptions): Promise<void> {
  const store = readLedger(data);
  try {
    const nowMs = Date.now();
    const status = await readStatus(store, nowMs);
    process.stdout.write(
      json ? `${JSON.stringify({ schemaVersion: 1, ...status }, null, watch ? 0 : 2)}\n` : `${statusText(status, nowMs, terminalOf(process.stdout))}\n`,
    );
  } finally {
    await store.close();
  }
}

function statusText({ hasEnded, startedAt, workloads }: ControllerStatus, nowMs: number, { paint }: Terminal): string {
  if (workloads.length === 0) return "no controller has begun here yet";
  const rows = workloads.map(({ workload, mode, posture = "unknown", seenAtMs, observation, open }) => {
    const capacity = observation?.capacity;
    const units = capacity === undefined ? "never read" : capacity.readable ? `${capacity.requested} requested, ${capacity.ready} ready` : "unreadable";
    const readings = (observation?.readings ?? [])
      .map(({ metric, status, value }) => `${metric} ${status === "value" ? formatOperand(value) : status}`)
      .join(", ");
    const age = seenAtMs === undefined ? "not in the last hour" : `${formatSpan(Math.max(0, nowMs - seenAtMs))} ago`;
    return [workload, mode, posture, units, readings, age, open > 0 ? `${open} effect${open === 1 ? "" : "s"} unknown` : ""];
  });
  const oldest = Math.max(...workloads.map(({ seenAtMs }) => nowMs - (seenAtMs ?? 0)));
  const lines = [
    hasEnded
      ? paint("red", "the controller has ended: nothing follows load; capacity stays where it is")
      : oldest > OLD_MS
        ? paint(
            "yellow",
            `some of this is old: no tick for ${workloads.some(({ seenAtMs }) => seenAtMs === undefined) ? "more than an hour" : formatSpan(oldest)}; is the controller still running?`,
          )
        : `running since ${startedAt}`,
    "",
    table([["workload", "mode", "posture", "capacity seen", "read", "seen", ""], ...rows]),
  ];
  const changes = workloads.flatMap(({ workload, lastChange, lastOutcome }) => {
    if (lastChange === undefined) return [];
    const why = lastChange.reasons.filter(({ from, to }) => from !== to).at(-1) ?? lastChange.reasons.at(-1);
    return [
      `${workload}  ${lastChange.at}  ${lastChange.from} -> ${lastChange.requested}${lastChange.mode === "live" ? `, ${lastOutcome?.outcome ?? "no outcome yet"}` : ` (${lastChange.mode}: not done)`}: ${why === undefined ? "" : describeReason(why)}`,
    ];
  });
  if (changes.length > 0) lines.push("", paint("bold", "last changes"), ...changes);
  return lines.join("\n");
}
