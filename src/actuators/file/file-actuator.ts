import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { writeTrouble } from "../../lib/executable.ts";
import { replaceFile } from "../../lib/replace-file.ts";
import { PathError, systemErrorCode } from "../../lib/system-error.ts";
import type { Actuator, ActuatorAbilities, CapacityFound, CapacityUnreadable, Permission, SetOrder, SetOutcome } from "../actuator.ts";

/** Longest file that can be a number of units. */
const BYTES_MAX = 64;

/**
 * Capacity as a number in a file, that something else follows: a process manager, a script, Terraform's variables. Written
 * whole or not at all. Two writers cannot be told apart between reading and writing: give each file one.
 */
export class FileActuator implements Actuator {
  readonly abilities: ActuatorAbilities = { comparesAndSets: false, keepsEpoch: false, settlesWithinMs: 0 };
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async observe(signal: AbortSignal): Promise<CapacityFound | CapacityUnreadable> {
    signal.throwIfAborted();
    return this.#read();
  }

  async set({ units, expect }: SetOrder, signal: AbortSignal): Promise<SetOutcome> {
    if (signal.aborted) return { kind: "failed", message: "stopped before anything was done" };
    const found = this.#read();
    if (found.kind === "unreadable") return { kind: "failed", message: found.message };
    if (found.requested === units) return { kind: "unchanged" };
    if (found.requested !== expect.requested) return { kind: "conflict", message: `"${this.#path}" says ${found.requested}, expected ${expect.requested}` };
    try {
      // Through links, to what the follower reads; as open to others as it was.
      const path = realpathSync(this.#path);
      replaceFile(path, [`${units}\n`], statSync(path).mode & 0o777);
    } catch (error) {
      if (error instanceof PathError) return { kind: "failed", message: error.message };
      const code = systemErrorCode(error);
      if (code === undefined) throw error;
      return { kind: "failed", message: `cannot write "${this.#path}": ${code}` };
    }
    return { kind: "applied" };
  }

  async permission(): Promise<Permission> {
    try {
      const path = realpathSync(this.#path);
      const trouble = writeTrouble(path, dirname(path));
      return trouble === undefined ? { kind: "granted" } : { kind: "denied", message: trouble };
    } catch (error) {
      return { kind: "denied", message: `"${this.#path}" cannot be found: ${systemErrorCode(error) ?? "unknown error"}` };
    }
  }

  async close(): Promise<void> {}

  #read(): CapacityFound | CapacityUnreadable {
    const strange = (what: string): CapacityUnreadable => ({
      kind: "unreadable",
      code: "strange",
      message: `"${this.#path}" ${what}, expected a whole number of units`,
    });
    let text: string;
    let version: string;
    try {
      const about = statSync(this.#path, { bigint: true });
      if (!about.isFile()) return strange("is no file");
      if (about.size > BYTES_MAX) return strange(`has ${about.size} bytes`);
      version = `${about.ino}-${about.mtimeNs}`;
      text = readFileSync(this.#path, "utf8").trim();
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === undefined) throw error;
      return { kind: "unreadable", code: code === "ENOENT" ? "gone" : "denied", message: `cannot read "${this.#path}": ${code}` };
    }
    if (!/^\d{1,9}$/.test(text)) return strange(`says "${text.slice(0, 40)}"`);
    const units = Number(text);
    return { kind: "found", requested: units, ready: units, starting: 0, draining: 0, version };
  }
}
