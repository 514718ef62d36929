import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const CLI = resolve("dist/cli/main.cjs");

/** One workload on a file with its units, by a metric in another file. */
export const FILES_POLICY = `version: 1
sources: {files: {type: file}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    bounds: {min: 2, max: 20}
    interval: 1s
    target: {type: file, path: units}
    unit: {startup: 1s}
    metrics: {cpu: {measures: utilisation, window: 1s, lag: 0s, scrape: 1s, source: files, query: cpu}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A folder of its own in which the built command runs. */
export class LiveFolder {
  readonly path = mkdtempSync(join(tmpdir(), "vernier-live-"));
  /** What the controller that was started last has printed. */
  out = "";
  readonly #children: ChildProcess[] = [];

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), "utf8");
  }

  vernier(...args: string[]): Outcome {
    return this.run(process.execPath, CLI, ...args);
  }

  run(command: string, ...args: string[]): Outcome {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: this.path, encoding: "utf8", timeout: 60_000 });
    return { code: status, out: stdout, err: stderr };
  }

  /** As {@link vernier}, while this process goes on: for servers that are in it. */
  async vernierBeside(...args: string[]): Promise<Outcome> {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: this.path, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk));
    await once(child, "close");
    return { code: child.exitCode, out, err };
  }

  /** Starts a controller, and waits until it is at work. */
  async start(...args: string[]): Promise<ChildProcess> {
    const child = spawn(process.execPath, [CLI, "run", ...args], { cwd: this.path, stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    this.out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (this.out += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk));
    while (!err.includes("stops all effects")) {
      if (child.exitCode !== null) throw new Error(err);
      await Promise.race([once(child.stderr, "data"), once(child, "close")]);
    }
    return child;
  }

  async end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    return child.exitCode;
  }

  async remove(): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) await this.end(child, "SIGKILL");
    rmSync(this.path, { recursive: true });
  }
}

/** Waits for what another process does. */
export async function until(isDone: () => boolean, looks = 400): Promise<void> {
  for (let i = 0; i < looks && !isDone(); i++) await new Promise((go) => setTimeout(go, 25));
  if (!isDone()) throw new Error("waited in vain");
}
