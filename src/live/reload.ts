import { readFileSync } from "node:fs";
import { loadPolicy } from "../app.ts";
import { FileError } from "../lib/file-error.ts";
import { messageOf, PathError } from "../lib/system-error.ts";
import type { Policy } from "../policy/parse.ts";

const LOOK_EVERY_MS = 1_000;

export interface ReloadEvents {
  /** Goes on with other policies. @throws FileError when they cannot take the place of those that run */
  readonly apply: (policies: readonly Policy[]) => void;
  readonly onReloaded: (files: readonly string[]) => void;
  /** The running policies stay. */
  readonly onRefused: (why: string) => void;
}

/** Looks at the files of policies, and reloads them when they change. What is half-written is looked at again. */
export class PolicyWatcher {
  readonly #paths: readonly string[];
  readonly #events: ReloadEvents;
  /** Text of each file as it runs or was refused, and as it was seen last. */
  #known: readonly string[];
  #seen: readonly string[];
  readonly #files: readonly string[];
  readonly #timer: NodeJS.Timeout;

  /** @param paths as they were given; `policies` as they were loaded from there */
  constructor(paths: readonly string[], policies: readonly Policy[], events: ReloadEvents) {
    this.#paths = paths;
    this.#files = policies.map(({ file }) => file);
    this.#events = events;
    this.#known = this.#read();
    this.#seen = this.#known;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): string[] {
    return this.#files.map((file) => {
      try {
        return readFileSync(file, "utf8");
      } catch (error) {
        return `unreadable: ${messageOf(error)}`;
      }
    });
  }

  #look(): void {
    const now = this.#read();
    const isStill = now.every((text, i) => text === this.#seen[i]);
    this.#seen = now;
    // Twice the same: nobody is writing any more.
    if (!isStill || now.every((text, i) => text === this.#known[i])) return;
    const changed = this.#files.filter((_, i) => now[i] !== this.#known[i]);
    this.#known = now;
    try {
      this.#events.apply(this.#paths.map((path) => loadPolicy(path)));
      this.#events.onReloaded(changed);
    } catch (error) {
      if (!(error instanceof FileError || error instanceof PathError)) throw error;
      this.#events.onRefused(error.message);
    }
  }
}
