import type { Store } from "../ledger/store.ts";
import { formatBytes } from "../lib/bytes.ts";

/** How much a store may keep, and what it is kept on. */
export interface StorageLimits {
  /** Observations are kept for so long. */
  readonly retentionMs: number;
  /** Beyond it observations go sooner, oldest first. */
  readonly budgetBytes: number;
  /** Where it is, for whoever has to do something about it. */
  readonly place: string;
  /** Space of the disk that it is on; undefined when nobody can tell. */
  disk(): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined>;
}

/** What a restart needs to see stays, whatever the budget says: the longest window of guards that count removals. */
export const RETENTION_LEAST_MS = 3_600_000;
const RETENTION_EVERY_MS = 3_600_000;
const LOOK_EVERY_MS = 60_000;
const WARN_EVERY_MS = 3_600_000;
/** What is forgotten at one go: some 50 ms. */
const FORGET_BYTES = 32 << 20;
/** Free space below which nothing else should be left to chance: so much, or so much of a smaller disk. */
const FREE_BYTES = 500 << 20;
const FREE_SHARE = 0.05;

/** Forgets what need not be kept, a little at a time, and says when that is not enough. */
export class Housekeeping {
  readonly #store: Store;
  readonly #limits: StorageLimits;
  readonly #warn: (message: string) => void;
  readonly #warnedAtMs = new Map<string, number>();
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #retainAtMs = Number.NEGATIVE_INFINITY;

  /** @param warn told at most once an hour of each thing */
  constructor(store: Store, limits: StorageLimits, warn: (message: string) => void) {
    this.#store = store;
    this.#limits = limits;
    this.#warn = warn;
  }

  /** Does what is due; cheap when nothing is. Times are the engine's. */
  async run(nowMs: number): Promise<void> {
    if (nowMs < this.#lookAtMs) return;
    const isBehind = [await this.#retain(nowMs), await this.#keepToBudget(nowMs), await this.#store.giveBack()].includes(true);
    // What is left is gone on with after the next tick: a long pause would be one of deciding, too.
    this.#lookAtMs = isBehind ? nowMs : nowMs + LOOK_EVERY_MS;
    const disk = await this.#limits.disk();
    if (disk === undefined || disk.freeBytes >= Math.min(FREE_BYTES, disk.totalBytes * FREE_SHARE)) return;
    this.#say(
      "disk",
      nowMs,
      `the disk of "${this.#limits.place}" has ${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)} left: what cannot be recorded is not done, so make room`,
    );
  }

  /** @returns whether there is more to forget */
  async #retain(nowMs: number): Promise<boolean> {
    if (nowMs < this.#retainAtMs) return false;
    const { isDone } = await this.#store.forget(nowMs - this.#limits.retentionMs, FORGET_BYTES);
    if (isDone) this.#retainAtMs = nowMs + RETENTION_EVERY_MS;
    return !isDone;
  }

  /** @returns whether there is more to forget */
  async #keepToBudget(nowMs: number): Promise<boolean> {
    const { budgetBytes, place } = this.#limits;
    const usedBytes = await this.#store.usedBytes();
    if (usedBytes <= budgetBytes) return false;
    const { rows, isDone } = await this.#store.forget(nowMs - RETENTION_LEAST_MS, Math.min(FORGET_BYTES, usedBytes - budgetBytes));
    if (rows === 0 && isDone)
      this.#say(
        "budget",
        nowMs,
        `"${place}" takes ${formatBytes(usedBytes)}, more than the disk budget of ${formatBytes(budgetBytes)}, and nothing is left that could be forgotten: entries and the last hour are kept; raise --disk-budget`,
      );
    return !isDone && (await this.#store.usedBytes()) > budgetBytes;
  }

  #say(what: string, nowMs: number, message: string): void {
    if (nowMs - (this.#warnedAtMs.get(what) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) return;
    this.#warnedAtMs.set(what, nowMs);
    this.#warn(message);
  }
}
