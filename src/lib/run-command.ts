import { spawn } from "node:child_process";
import { systemErrorCode } from "./system-error.ts";

export interface CommandLimits {
  /** From start to end; then the command and everything it started is killed. */
  readonly deadlineMs: number;
  /** Bytes of standard output that are kept; a command that prints more is killed. */
  readonly outputMax: number;
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** How a command ended. */
export type CommandResult =
  | { readonly kind: "exited"; readonly code: number; readonly stdout: string; readonly stderr: string }
  /** It never ran. */
  | { readonly kind: "not_started"; readonly message: string }
  /** It ran, and was killed by us or by a signal: what it did is not known. */
  | { readonly kind: "killed"; readonly why: "deadline" | "output" | "stopped" | "signal"; readonly message: string };

const STDERR_MAX = 4_096;
/** Between asking a command to end and killing it. */
const GRACE_MS = 1_000;

/**
 * Runs a command without a shell: what stands in an argument stays in it. The command leads a process group of its own, and
 * all of it goes when a limit is reached or `signal` aborts.
 */
export function runCommand([file, ...args]: readonly [string, ...string[]], limits: CommandLimits, signal: AbortSignal): Promise<CommandResult> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: "not_started", message: "stopped before it began" });
    const child = spawn(file, args, {
      env: { ...limits.env },
      ...(limits.cwd !== undefined && { cwd: limits.cwd }),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      windowsHide: true,
    });
    const stdout: Buffer[] = [];
    let bytes = 0;
    let stderr = "";
    let killed: Extract<CommandResult, { kind: "killed" }> | undefined;
    let force: NodeJS.Timeout | undefined;
    const kill = (why: "deadline" | "output" | "stopped", message: string): void => {
      if (killed !== undefined) return;
      killed = { kind: "killed", why, message };
      killGroup(child.pid, "SIGTERM");
      force = setTimeout(() => killGroup(child.pid, "SIGKILL"), GRACE_MS);
    };
    const deadline = setTimeout(() => kill("deadline", `not done after ${limits.deadlineMs} ms`), limits.deadlineMs);
    const onAbort = (): void => kill("stopped", "stopped while it ran");
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = (result: CommandResult): void => {
      clearTimeout(deadline);
      clearTimeout(force);
      signal.removeEventListener("abort", onAbort);
      resolve(result);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limits.outputMax) kill("output", `printed more than ${limits.outputMax} bytes`);
      else stdout.push(chunk);
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr = (stderr + chunk).slice(-STDERR_MAX);
    });
    child.on("error", (error) => settle({ kind: "not_started", message: `cannot start "${file}": ${systemErrorCode(error) ?? error.message}` }));
    child.on("close", (code, by) => {
      // What it started and left behind goes with it.
      if (killed !== undefined) killGroup(child.pid, "SIGKILL");
      if (killed !== undefined) settle(killed);
      else if (code === null) settle({ kind: "killed", why: "signal", message: `killed by ${by}` });
      else settle({ kind: "exited", code, stdout: Buffer.concat(stdout).toString("utf8"), stderr });
    });
  });
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Gone already.
    if (systemErrorCode(error) !== "ESRCH") throw error;
  }
}
