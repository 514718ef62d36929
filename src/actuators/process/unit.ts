import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { formatDuration } from "../../lib/duration.ts";
import { processStarts, sendSignal } from "../../lib/process-table.ts";
import { fillArguments } from "../../lib/run-command.ts";
import { messageOf, PathError, systemErrorCode } from "../../lib/system-error.ts";
import { launch, settleLaunch } from "./launch.ts";
import { freePort } from "./ports.ts";
import { whyNotReady } from "./readiness.ts";
import type { StartConfig, UnitContext } from "./unit-context.ts";
import { lastLine, logOf, sizeOf } from "./unit-log.ts";
import { removeUnitRecord, type UnitRecord, writeUnitRecord } from "./unit-record.ts";

const CHECK_EVERY_MS = 1_000;
/** While it starts, readiness is asked more often: capacity is waited for. */
const CHECK_STARTING_EVERY_MS = 250;
/** So many checks in a row without an answer, and it is not ready any more: one may be a pause of its memory. */
const FAILED_CHECKS_MAX = 3;
/** First wait after a process that ended by itself; twice as long after each further one. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const PORT_RETRY_MS = 1_000;
/** Ready for so long, and what went wrong before does not count any more. */
const PROVEN_MS = 60_000;

/** What is known here of a process of a unit. Times are monotonic. */
interface Run {
  /** When it was begun here. */
  readonly child?: ChildProcess;
  readonly sinceMs: number;
  readySinceMs?: number;
  signalledMs?: number;
  /** Whether what its main process has left was told, too. */
  hasToldTheRest: boolean;
  /** Whether its main process still runs; what that has left behind, by process id. */
  isRunning: boolean;
  left: readonly number[];
  /** Why it has to end although it is wanted. */
  doom?: string;
  failedChecks: number;
  lastCheck?: string | undefined;
  nextCheckMs: number;
  /** How long the log was before. */
  logFrom: number;
}

function newRun(sinceMs: number, more: Partial<Run> = {}): Run {
  return { sinceMs, hasToldTheRest: false, isRunning: true, left: [], failedChecks: 0, nextCheckMs: 0, logFrom: 0, ...more };
}

/** One unit: its record, at most one process at a time, and what is known of that. Steps are taken by the supervisor, one at a time. */
export class Unit {
  readonly #context: UnitContext;
  #record: UnitRecord;
  #run: Run;
  #isChecking = false;

  constructor(record: UnitRecord, context: UnitContext) {
    this.#record = record;
    this.#context = context;
    const nowMs = performance.now();
    // A clock that was set back or forward since makes it no older than now, and no younger.
    const ago = (wallMs: number): number => nowMs - Math.max(0, Date.now() - wallMs);
    const sinceMs = ago(record.startedAtMs);
    this.#run = newRun(sinceMs, {
      isRunning: record.state !== "waiting",
      ...(this.isDraining && record.signalledAtMs !== undefined && { signalledMs: ago(record.signalledAtMs) }),
      ...(record.state === "ready" && { readySinceMs: sinceMs }),
    });
  }

  get record(): UnitRecord {
    return this.#record;
  }

  /** Whether there is, or may be, a process of it. */
  get hasProcess(): boolean {
    return this.#record.state !== "waiting";
  }

  get isDraining(): boolean {
    return this.#record.state === "draining";
  }

  /** Takes up a record that an earlier controller has left: which process is it? @returns false when there never was one, nor will be */
  settle(): boolean {
    const { nonce, boot, state, start } = this.#record;
    if (state === "waiting" || start !== undefined || boot !== this.#context.boot) return true;
    const found = settleLaunch(this.#context.folder, nonce);
    if (found !== undefined) return this.#keep(found);
    if (this.isDraining) return false;
    this.#waitFor(0, this.#record.failures);
    return true;
  }

  /** Whether it is to be started now. */
  isDue(wallMs: number): boolean {
    const { state, retryAtMs = 0 } = this.#record;
    // Further away than any wait: the clock was set back.
    return state === "waiting" && (retryAtMs <= wallMs || retryAtMs > wallMs + 2 * RETRY_MAX_MS);
  }

  /** Begins a process. Its record is durable before there is one, and says afterwards which it is. */
  async start({ command, cwd, ports, keepsLogs }: StartConfig): Promise<void> {
    const { folder, boot, environment, givenPorts, onChange } = this.#context;
    const { unit, failures } = this.#record;
    const port = ports === undefined ? undefined : await freePort(ports, givenPorts());
    if (ports !== undefined && port === undefined) {
      this.#waitFor(PORT_RETRY_MS, failures, `waits: no port of ${ports.from}-${ports.to} is free`);
      return;
    }
    const nonce = randomUUID();
    const log = keepsLogs ? logOf(folder, unit) : undefined;
    if (!this.#replace({ unit, state: "starting", nonce, boot, startedAtMs: Date.now(), failures, ...(port !== undefined && { port }) })) return;
    const run = newRun(performance.now());
    this.#run = run;
    try {
      if (log !== undefined) run.logFrom = sizeOf(log);
      const values = { unit: String(unit), ...(port !== undefined && { port: String(port) }) };
      const child = launch(folder, { nonce, argv: fillArguments(command, values), environment, cwd, ...(log !== undefined && { log }) });
      this.#run = { ...run, child };
      if (child.pid === undefined) {
        const [error] = (await once(child, "error")) as [Error];
        throw error;
      }
      // Only what could not begin gives an error; that it could not be killed is seen by what runs on.
      child.on("error", () => {}).once("exit", onChange);
      const start = processStarts([child.pid]).get(child.pid);
      if (start !== undefined) this.#keep({ pid: child.pid, start });
    } catch (error) {
      settleLaunch(folder, nonce);
      this.#run = { ...run, isRunning: false };
      this.#run.doom = `cannot be started: ${systemErrorCode(error) ?? messageOf(error)} (in "${cwd}")`;
    }
  }

  /** Whether its main process runs. `starts` are those of processes that other controllers have begun. */
  look(starts: ReadonlyMap<number, string>): boolean {
    const { pid, start, boot } = this.#record;
    if (!this.#run.isRunning) return false;
    this.#run.isRunning =
      this.#run.child === undefined
        ? pid !== undefined && start !== undefined && boot === this.#context.boot && starts.get(pid) === start
        : this.#run.child.exitCode === null && this.#run.child.signalCode === null;
    return this.#run.isRunning;
  }

  /** Its main process has ended; these have not. @returns true when nothing of it is left */
  setLeft(marked: readonly number[]): boolean {
    const { pid, unit } = this.#record;
    const left = marked.filter((one) => one !== pid);
    this.#run.left = left;
    // What has the id of its main process began at another time: whatever it is, it is not that.
    if (left.length < marked.length) this.#context.say(`process ${pid} has the mark of unit ${unit}, and did not begin when its record says: it is left alone`);
    if (left.length === 0) return true;
    this.#run.doom ??= this.#howItEnded();
    if (!this.isDraining && this.#record.state !== "starting") this.#keep({ state: "starting" });
    return false;
  }

  /** Nothing of it is left. @returns true when the unit is to be forgotten, false when it is to be started again */
  conclude(): boolean {
    if (this.isDraining) {
      removeUnitRecord(this.#context.folder, this.#record.unit);
      return true;
    }
    const failures = this.#run.readySinceMs !== undefined && performance.now() - this.#run.readySinceMs >= PROVEN_MS ? 1 : this.#record.failures + 1;
    this.#waitFor(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (failures - 1)), failures, this.#run.doom ?? this.#howItEnded());
    return false;
  }

  /** Takes it out of service; it is told to end when nobody sends it work any more. @returns true when there is nothing to wait for */
  drain(): boolean {
    if (this.hasProcess) {
      this.#keep({ state: "draining" });
      return false;
    }
    removeUnitRecord(this.#context.folder, this.#record.unit);
    return true;
  }

  /** Readiness by time, and starts that take too long. @returns whether it is ready now, and was not */
  age(nowMs: number): boolean {
    const { start } = this.#context;
    if (this.#record.state !== "starting" || !this.#run.isRunning || this.#run.doom !== undefined || start === undefined) return false;
    if ("afterMs" in start.ready) {
      if (nowMs - this.#run.sinceMs < start.ready.afterMs) return false;
      this.#becomeReady(nowMs);
      return true;
    }
    if (nowMs - this.#run.sinceMs > start.ready.withinMs)
      this.#run.doom = `was not ready within ${formatDuration(start.ready.withinMs)}${this.#run.lastCheck === undefined ? "" : `: ${this.#run.lastCheck}`}`;
    return false;
  }

  /** Asks it whether it is ready, when it is time to. Comes back at once. */
  check(nowMs: number): void {
    const ready = this.#context.start?.ready;
    const { port, state, nonce } = this.#record;
    if (
      ready === undefined ||
      "afterMs" in ready ||
      port === undefined ||
      state === "waiting" ||
      state === "draining" ||
      this.#isChecking ||
      nowMs < this.#run.nextCheckMs
    )
      return;
    this.#isChecking = true;
    void whyNotReady(port, ready.http).then((why) => {
      this.#isChecking = false;
      this.#run.nextCheckMs = performance.now() + (this.#record.state === "starting" ? CHECK_STARTING_EVERY_MS : CHECK_EVERY_MS);
      if (this.#record.nonce === nonce) this.#checked(why);
    });
  }

  /** Tells it to end when it has to, and kills it when its time is over. `isUnpublished`: nobody is told of it any more. */
  end(nowMs: number, isUnpublished: boolean): void {
    if (!this.hasProcess || (this.isDraining ? !isUnpublished : this.#run.doom === undefined)) return;
    const { signal, withinMs } = this.#context.drain;
    if (this.#run.signalledMs === undefined) {
      // A crash between the two tells it twice, which is better than never.
      this.#send(signal);
      this.#run.signalledMs = nowMs;
      if (this.isDraining) this.#keep({ signalledAtMs: Date.now() });
    } else if (!this.#run.isRunning && !this.#run.hasToldTheRest) this.#send(signal);
    if (!this.#run.isRunning) this.#run.hasToldTheRest = true;
    if (nowMs - this.#run.signalledMs >= withinMs) this.#send("SIGKILL");
  }

  #checked(why: string | undefined): void {
    const { state } = this.#record;
    this.#run.lastCheck = why;
    this.#run.failedChecks = why === undefined ? 0 : this.#run.failedChecks + 1;
    if (this.#run.doom !== undefined || !this.#run.isRunning) return;
    if (why === undefined && (state === "starting" || state === "unready")) this.#becomeReady(performance.now());
    else if (state === "ready" && this.#run.failedChecks >= FAILED_CHECKS_MAX) {
      this.#keep({ state: "unready" });
      this.#context.say(`unit ${this.#record.unit} is not ready any more: ${why}`);
    } else return;
    this.#context.onChange();
  }

  #becomeReady(nowMs: number): void {
    this.#run.readySinceMs = nowMs;
    this.#keep({ state: "ready" });
  }

  /** To its main process; when that has ended, to what it has left behind. What is killed is killed with its group. */
  #send(signal: NodeJS.Signals): void {
    const { pid = this.#run.child?.pid, start } = this.#record;
    if (!this.#run.isRunning) for (const one of this.#run.left) sendSignal(one, signal);
    // Another process may have its id by now.
    else if (pid !== undefined && (this.#run.child !== undefined || processStarts([pid]).get(pid) === start))
      sendSignal(signal === "SIGKILL" ? -pid : pid, signal);
  }

  #howItEnded(): string {
    const { unit, port } = this.#record;
    const ran = formatDuration(Math.max(0, Math.round((performance.now() - this.#run.sinceMs) / 100) * 100));
    const { exitCode, signalCode } = this.#run.child ?? {};
    const how = typeof exitCode === "number" ? ` with ${exitCode}` : typeof signalCode === "string" ? ` by ${signalCode}` : "";
    const line = this.#context.start?.keepsLogs ? lastLine(logOf(this.#context.folder, unit), this.#run.logFrom) : "";
    return `ended${how} after ${ran}${port === undefined ? "" : ` (port ${port})`}${line === "" ? "" : `: ${line}`}`;
  }

  #waitFor(ms: number, failures: number, why?: string): void {
    const { unit, nonce, boot, startedAtMs } = this.#record;
    this.#run.isRunning = false;
    this.#replace({ unit, state: "waiting", nonce, boot, startedAtMs, failures, retryAtMs: Date.now() + ms, ...(why !== undefined && { why }) });
    if (why !== undefined) this.#context.say(`unit ${unit} ${why}; the next attempt is in ${formatDuration(ms)}`);
  }

  #keep(changed: Partial<UnitRecord>): boolean {
    return this.#replace({ ...this.#record, ...changed });
  }

  /** @returns false when it could not be written down; what is known counts all the same, and is written with the next change */
  #replace(record: UnitRecord): boolean {
    try {
      writeUnitRecord(this.#context.folder, record);
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      this.#context.say(error.message);
      // Nothing begins that was not written down.
      if (record.state === "starting" && record.pid === undefined) return false;
    }
    this.#record = record;
    return true;
  }
}
