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

/** What every command needs to find programs and files. */
const ALWAYS_PASSED = ["PATH", "HOME", "LANG"];

/** The environment of a command of the user: PATH, HOME, LANG, and what is named, as far as we have it. */
export function commandEnvironment(names: readonly string[], ours: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries([...ALWAYS_PASSED, ...names].flatMap((name) => (ours[name] === undefined ? [] : [[name, ours[name]]])));
}

/** The arguments of a command with values in the place of `{name}`; what has no value stays as it is, and so does the command itself. */
export function fillArguments([file, ...args]: readonly [string, ...string[]], values: Readonly<Record<string, string>>): [string, ...string[]] {
  return [file, ...args.map((arg) => arg.replaceAll(/\{(\w+)\}/g, (found, name: string) => (Object.hasOwn(values, name) ? (values[name] as string) : found)))];
}

const STDERR_MAX = 4_096;
/** After the command has ended, time for what it printed to arrive; others may hold its pipes for ever. */
const PIPES_MS = 250;
/**
 * Stands between us and the command, and takes it with it when our end of its standard input closes: whatever kills us, nothing
 * that we began goes on alone.
 */
const LAUNCHER = `const { spawn } = require("node:child_process");
const [file, ...args] = process.argv.slice(1);
const end = () => process.kill(-process.pid, "SIGKILL");
process.stdin.on("end", end).on("error", end).resume();
process.on("SIGTERM", () => {});
const child = spawn(file, args, { stdio: ["ignore", "inherit", "inherit"] });
child.on("error", (error) => { process.stderr.write(error.code ?? error.message); process.exit(127 + 64); });
child.on("exit", (code, signal) => process.exit(code ?? 128 + (require("node:os").constants.signals[signal] ?? 0)));`;
/** What the launcher ends with when there was nothing to launch. */
const NOT_STARTED = 191;
/** Between asking a command to end and killing it. */
const GRACE_MS = 1_000;

/**
 * Runs a command without a shell: what stands in an argument stays in it. The command leads a process group of its own, and
 * all of it goes when a limit is reached or `signal` aborts.
 */
export function runCommand([file, ...args]: readonly [string, ...string[]], limits: CommandLimits, signal: AbortSignal): Promise<CommandResult> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: "not_started", message: "stopped before it began" });
    const child = spawn(process.execPath, ["-e", LAUNCHER, "--", file, ...args], {
      env: { ...limits.env },
      ...(limits.cwd !== undefined && { cwd: limits.cwd }),
      stdio: ["pipe", "pipe", "pipe"],
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
    child.stdin.on("error", () => {});
    let hasEnded = false;
    const onEnd = (code: number | null, by: NodeJS.Signals | null): void => {
      if (hasEnded) return;
      hasEnded = true;
      child.stdout.destroy();
      child.stderr.destroy();
      // What it started and left behind goes with it.
      if (killed !== undefined) killGroup(child.pid, "SIGKILL");
      if (killed !== undefined) settle(killed);
      else if (code === NOT_STARTED) settle({ kind: "not_started", message: `cannot start "${file}": ${stderr}` });
      else if (code === null) settle({ kind: "killed", why: "signal", message: `killed by ${by}` });
      else settle({ kind: "exited", code, stdout: Buffer.concat(stdout).toString("utf8"), stderr });
    };
    child.on("close", onEnd);
    child.on("exit", (code, by) => setTimeout(() => onEnd(code, by), PIPES_MS));
  });
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Gone already, or of another user now: then its own limits are all there is.
    if (!["ESRCH", "EPERM"].includes(systemErrorCode(error) ?? "")) throw error;
  }
}
