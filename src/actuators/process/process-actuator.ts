import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { commandTrouble, writeTrouble } from "../../lib/executable.ts";
import type { Lock } from "../../lib/folder-lock.ts";
import { commandEnvironment } from "../../lib/run-command.ts";
import { PathError, systemErrorCode } from "../../lib/system-error.ts";
import type { Actuator, ActuatorAbilities, CapacityFound, CapacityUnreadable, Permission, SetOrder, SetOutcome } from "../actuator.ts";
import { type CapacityOrder, firstOrder, readCapacityOrder, writeCapacityOrder } from "./capacity-file.ts";
import { type EndingConfig, keepEndingConfig, lockUnits } from "./end-units.ts";
import type { Publication } from "./endpoint-publisher.ts";
import { Reaper } from "./reaper.ts";
import { Supervisor } from "./supervisor.ts";
import type { StartConfig } from "./unit-context.ts";
import { listUnits, type UnitReadout } from "./unit-list.ts";

export interface ProcessConfig extends EndingConfig {
  /** Where units of this workload are kept, and nothing else. */
  readonly folder: string;
  readonly start: StartConfig;
  /** Whether units outlive us. */
  readonly onExit: "keep" | "stop";
  /** What ends the units of a folder, its last argument, when its standard input closes. Used with `stop` alone. */
  readonly reaper: readonly [string, ...string[]];
  /** Otherwise it only looks: nothing is made, begun or ended. */
  readonly acts: boolean;
}

/** The folder, while it is ours. */
interface Held {
  readonly folder: string;
  readonly lock: Lock;
  readonly supervisor: Supervisor;
  readonly reaper: Reaper | undefined;
}

/**
 * Capacity as processes of a command on this machine. What there is to be stands in a file, changed by compare and set; a
 * supervisor follows it. Processes are found again by whoever comes next, by what was written down before they began.
 */
export class ProcessActuator implements Actuator {
  readonly abilities: ActuatorAbilities = { comparesAndSets: true, keepsEpoch: true, settlesWithinMs: 0 };
  readonly #config: ProcessConfig;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #say: (trouble: string) => void;
  #held: Held | undefined;
  #isClosed = false;

  /** @param say told what is wrong with units, once for each kind of trouble */
  constructor(config: ProcessConfig, environment: Readonly<Record<string, string | undefined>>, say: (trouble: string) => void) {
    this.#config = config;
    this.#environment = commandEnvironment(config.passEnvironment, environment);
    this.#say = say;
  }

  async observe(signal: AbortSignal): Promise<CapacityFound | CapacityUnreadable> {
    signal.throwIfAborted();
    if (!this.#config.acts) return this.#lookOnly();
    const held = this.#begin();
    if ("kind" in held) return held;
    const order = readCapacityOrder(held.folder);
    return "kind" in order ? order : found(order, held.supervisor.counts);
  }

  async set({ epoch, units, expect }: SetOrder, signal: AbortSignal): Promise<SetOutcome> {
    if (signal.aborted) return { kind: "failed", message: "stopped before anything was done" };
    if (!this.#config.acts) return { kind: "failed", message: "this workload is not live" };
    const held = this.#begin();
    if ("kind" in held) return { kind: "failed", message: held.message };
    const order = readCapacityOrder(held.folder);
    if ("kind" in order) return { kind: "failed", message: order.message };
    if (expect.uid !== undefined && expect.uid !== order.uid) return { kind: "conflict", message: `${held.folder} is not the folder that was looked at` };
    if (epoch < order.epoch) return { kind: "conflict", message: `a controller of epoch ${order.epoch} has taken over` };
    if (units === order.requested) {
      if (epoch === order.epoch) return { kind: "unchanged" };
    } else if (expect.requested !== order.requested || (expect.version !== undefined && expect.version !== String(order.version)))
      return { kind: "conflict", message: `found ${order.requested} units (version ${order.version}), expected ${expect.requested}` };
    try {
      writeCapacityOrder(held.folder, { requested: units, version: order.version + (units === order.requested ? 0 : 1), epoch, uid: order.uid });
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      return { kind: "failed", message: error.message };
    }
    if (units === order.requested) return { kind: "unchanged" };
    await held.supervisor.pass();
    return { kind: "applied" };
  }

  async permission(): Promise<Permission> {
    const { folder, start } = this.#config;
    const trouble = commandTrouble(start.command[0] as string, { path: this.#environment["PATH"], cwd: start.cwd }) ?? writeTrouble(nearest(folder));
    return trouble === undefined ? { kind: "granted" } : { kind: "denied", message: trouble };
  }

  /** Every unit with what it uses. @throws PathError */
  units(): readonly UnitReadout[] {
    return listUnits(this.#config.folder);
  }

  /** Who is ready, as followers are told; undefined while nobody looks after the units here. */
  endpoints(): Publication | undefined {
    return this.#held?.supervisor.published;
  }

  /** With `keep`, units stay as they are; with `stop`, they are drained and ended before this resolves. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#held === undefined) return;
    const { lock, supervisor, reaper } = this.#held;
    this.#held = undefined;
    const left = reaper === undefined ? [] : await supervisor.endAll();
    if (left.length > 0) this.#say(`units that could not be ended: ${left.join(", ")}`);
    await supervisor.close();
    lock.release();
    reaper?.close();
  }

  /** Takes the folder, makes what is missing in it, and goes on from what is there; when it can. */
  #begin(): Held | CapacityUnreadable {
    if (this.#held !== undefined) return this.#held;
    if (this.#isClosed) return { kind: "unreadable", code: "gone", message: "this controller has ended" };
    const { folder: named, start, drain, endpoints, onExit } = this.#config;
    let lock: Lock | undefined;
    try {
      mkdirSync(named, { recursive: true, mode: 0o700 });
      // Units say from which folder they are: by one name, whatever the way to it.
      const folder = realpathSync(named);
      const taken = lockUnits(folder, "the controller");
      if ("heldBy" in taken) return { kind: "unreadable", code: "denied", message: `${folder} is held by ${taken.heldBy}` };
      lock = taken;
      keepEndingConfig(folder, this.#config);
      const order = readCapacityOrder(folder);
      if ("kind" in order && order.code === "gone")
        // Units without an order, as where the file was removed, are as many as are wanted: nobody has said otherwise.
        writeCapacityOrder(folder, firstOrder(listUnits(folder).filter(({ state }) => state !== "draining").length));
      const supervisor = new Supervisor(
        { folder, start, drain, environment: this.#environment, ...(endpoints !== undefined && { endpoints }) },
        () => {
          const now = readCapacityOrder(folder);
          return "kind" in now ? undefined : now.requested;
        },
        this.#say,
      );
      supervisor.begin();
      // Its first look comes after this: nothing is begun that nobody would end.
      const [file, ...args] = this.#config.reaper;
      this.#held = { folder, lock, supervisor, reaper: onExit === "stop" ? new Reaper([file, ...args, folder], this.#environment) : undefined };
      return this.#held;
    } catch (error) {
      lock?.release();
      if (!(error instanceof PathError) && systemErrorCode(error) === undefined) throw error;
      return { kind: "unreadable", code: "denied", message: error instanceof PathError ? error.message : new PathError("cannot use", named, error).message };
    }
  }

  /** For dry runs and shadows: what is there, and none where nothing was ever made. */
  #lookOnly(): CapacityFound | CapacityUnreadable {
    const order = readCapacityOrder(this.#config.folder);
    if ("kind" in order && order.code !== "gone") return order;
    try {
      const units = listUnits(this.#config.folder);
      const count = (...states: readonly string[]): number => units.filter(({ state }) => states.includes(state)).length;
      const counts = { ready: count("ready"), starting: count("waiting", "starting"), draining: count("draining") };
      return "kind" in order ? { kind: "found", requested: 0, ...counts } : found(order, counts);
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      return { kind: "unreadable", code: "strange", message: error.message };
    }
  }
}

function found({ requested, version, uid }: CapacityOrder, counts: Pick<CapacityFound, "ready" | "starting" | "draining">): CapacityFound {
  return { kind: "found", requested, ...counts, version: String(version), uid };
}

/** The folder, or the one that it would be made in. */
function nearest(folder: string): string {
  let found = resolve(folder);
  while (!existsSync(found) && dirname(found) !== found) found = dirname(found);
  return found;
}
