import { type ChildProcess, spawn } from "node:child_process";

/** Before one that died is replaced: soon, and always later when they all die. */
const AGAIN_MS = 50;
const AGAIN_MAX_MS = 10_000;

/**
 * Keeps a process that ends the units of a folder when we are gone, whatever ends us: it waits for our end of its standard input
 * to close. It has a session of its own, so that what is sent to ours does not reach it. One that dies is replaced.
 */
export class Reaper {
  readonly #argv: readonly [string, ...string[]];
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #again: NodeJS.Timeout | undefined;
  #againMs = AGAIN_MS;
  #isClosed = false;

  /** @param argv what to run, the folder included */
  constructor(argv: readonly [string, ...string[]], environment: Readonly<Record<string, string>>) {
    this.#argv = argv;
    this.#environment = environment;
    this.#begin();
  }

  /** There is nothing left for it to end. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#again);
    this.#child?.kill("SIGKILL");
  }

  #begin(): void {
    const [file, ...args] = this.#argv;
    const child = spawn(file, args, { detached: true, env: { ...this.#environment }, stdio: ["pipe", "ignore", "ignore"] });
    this.#child = child;
    child.unref();
    // Its pipe must not keep us from ending.
    (child.stdin as unknown as { unref(): void }).unref();
    child.stdin?.on("error", () => {});
    const again = (): void => {
      if (this.#isClosed || this.#child !== child) return;
      this.#child = undefined;
      this.#again = setTimeout(() => this.#begin(), this.#againMs).unref();
      this.#againMs = Math.min(AGAIN_MAX_MS, this.#againMs * 2);
    };
    child.once("error", again).once("exit", again);
  }
}
