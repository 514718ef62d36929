import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sendHttp } from "../../src/lib/http.ts";

/** What must be there for a run that counts; elsewhere its absence is said and its tests are skipped. */
export function prometheusOrSkip(): boolean {
  if (["prometheus", "promtool"].every((name) => spawnSync(name, ["--version"]).status === 0)) return true;
  const message = "no prometheus and promtool found (Debian: apt-get install prometheus): reading from a real Prometheus was not tested";
  if (process.env["VERNIER_REQUIRE_SERVICES"] === "1") throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

/** A Prometheus on loopback with a history written into it, gone with `stop`. */
export interface RunningPrometheus {
  readonly url: string;
  /** Stops the process and starts it again in the same place. */
  restart(whileDown: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** A Prometheus that asks for TLS and a password. */
interface Guard {
  /** For `--web.config.file`. */
  readonly webConfig: string;
  readonly authorization: string;
}

/**
 * @param openMetrics samples with their times, as `promtool tsdb create-blocks-from openmetrics` reads them
 * @param scrapeConfigs whom to scrape, in YAML or JSON
 */
export async function startPrometheus(
  openMetrics: string,
  { guard, scrapeConfigs = "[]" }: { readonly guard?: Guard; readonly scrapeConfigs?: string } = {},
): Promise<RunningPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), "vernier-prometheus-"));
  writeFileSync(join(folder, "history.txt"), openMetrics);
  writeFileSync(join(folder, "prometheus.yml"), `global: {scrape_interval: 1h}\nscrape_configs: ${scrapeConfigs}\n`);
  const written = spawnSync("promtool", ["tsdb", "create-blocks-from", "openmetrics", "history.txt", "data"], { cwd: folder, encoding: "utf8" });
  if (written.status !== 0) throw new Error(written.stdout + written.stderr);
  const address = `127.0.0.1:${await freePort()}`;
  const flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y", `--web.listen-address=${address}`];
  if (guard !== undefined) {
    writeFileSync(join(folder, "web.yml"), guard.webConfig);
    flags.push("--web.config.file=web.yml");
  }
  const url = `${guard === undefined ? "http" : "https"}://${address}`;
  const headers: Record<string, string> = guard === undefined ? {} : { authorization: guard.authorization };
  const start = async (): Promise<ChildProcess> => {
    const child = spawn("prometheus", flags, { cwd: folder, stdio: "ignore" });
    for (let tries = 0; ; tries++) {
      const isReady = await sendHttp(
        { url: new URL(`${url}/-/ready`), headers },
        { deadlineMs: 5_000, bytesMax: 1 << 20, tls: { rejectUnauthorized: false } },
      ).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (isReady) return child;
      if (tries === 300 || child.exitCode !== null) throw new Error(`prometheus does not become ready (exit code ${child.exitCode})`);
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  };
  const end = (child: ChildProcess): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      else {
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      }
    });
  let running = await start();
  return {
    url,
    restart: async (whileDown) => {
      await end(running);
      try {
        await whileDown();
      } finally {
        running = await start();
      }
    },
    stop: async () => {
      await end(running);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
