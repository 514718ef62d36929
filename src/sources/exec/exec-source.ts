import { concurrently } from "../../lib/concurrently.ts";
import { oneLine } from "../../lib/one-line.ts";
import { commandEnvironment, fillArguments, runCommand } from "../../lib/run-command.ts";
import { absent, type MetricQuery, numberIn, type Source, type SourceReading } from "../source.ts";

/** A command that prints a number for a query. */
export interface ExecSourceConfig {
  /** `{query}`, `{metric}` and `{workload}` stand for what is asked. */
  readonly command: readonly [string, ...string[]];
  readonly deadlineMs: number;
  /** Names of our environment that the command sees, besides PATH, HOME and LANG. */
  readonly passEnvironment: readonly string[];
  readonly cwd: string;
}

const OUTPUT_MAX = 4_096;
/** Commands that run at the same time. */
const CONCURRENT_MAX = 4;

/** A number printed by a command of the user, without a shell. Printing nothing is absent; a number is as old as its printing. */
export class ExecSource implements Source {
  readonly #config: ExecSourceConfig;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #wallMs: () => number;

  constructor(config: ExecSourceConfig, environment: Readonly<Record<string, string | undefined>>, wallMs: () => number) {
    this.#config = config;
    this.#wallMs = wallMs;
    this.#environment = commandEnvironment(config.passEnvironment, environment);
  }

  async read(queries: readonly MetricQuery[], signal: AbortSignal): Promise<readonly SourceReading[]> {
    return await concurrently(queries, CONCURRENT_MAX, (query) => this.#ask(query, signal));
  }

  async close(): Promise<void> {}

  async #ask(query: MetricQuery, signal: AbortSignal): Promise<SourceReading> {
    const { command, deadlineMs, cwd } = this.#config;
    const values = { query: query.query, metric: query.metric, workload: query.workload };
    const result = await runCommand(fillArguments(command, values), { deadlineMs, outputMax: OUTPUT_MAX, env: this.#environment, cwd }, signal);
    if (result.kind !== "exited") return absent(query, result.message);
    if (result.code !== 0) return absent(query, `ended with ${result.code}: ${oneLine(result.stderr).slice(0, 200)}`);
    const text = result.stdout.trim();
    if (text === "") return absent(query, "printed nothing");
    return numberIn(query, text, "printed", this.#wallMs());
  }
}
