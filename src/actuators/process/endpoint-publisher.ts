import { readFileSync, realpathSync, statSync } from "node:fs";
import { isRecord } from "../../lib/is-record.ts";
import { oneLine } from "../../lib/one-line.ts";
import { replaceFile } from "../../lib/replace-file.ts";
import { fillArguments, runCommand } from "../../lib/run-command.ts";
import { messageOf } from "../../lib/system-error.ts";

/** Where ready units are told to whoever sends them work. */
export interface EndpointsConfig {
  /** Replaced whole with each change: `{"version": 7, "endpoints": [{"unit": 1, "host": "127.0.0.1", "port": 9000}]}`. */
  readonly file: string;
  /** Run after each change; `{file}` stands for the file. */
  readonly hook?: readonly [string, ...string[]];
  readonly cwd: string;
}

export interface Endpoint {
  readonly unit: number;
  readonly host: "127.0.0.1";
  readonly port: number;
}

/** A list of ready units; its version grows with each change. */
export interface Publication {
  readonly version: number;
  readonly endpoints: readonly Endpoint[];
}

const HOOK_DEADLINE_MS = 10_000;
const HOOK_OUTPUT_MAX = 65_536;
/** After a file that could not be written, or a hook that failed. */
const RETRY_MS = 2_000;

/** Keeps the list of ready units, in a file when there is to be one, and tells by a command that it changed. One change after the other. */
export class EndpointPublisher {
  readonly #config: EndpointsConfig | undefined;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #say: (trouble: string) => void;
  readonly #onPublished: () => void;
  #wanted: readonly Endpoint[] | undefined;
  /** What followers may have: of the file, and of the one before while its hook runs. */
  #known: ReadonlySet<number>;
  #published: Publication;
  /** A hook that failed, or may not have run before a crash, is run again. */
  #isToldOf = false;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param onPublished called after every change, and after each attempt at one */
  constructor(
    config: EndpointsConfig | undefined,
    environment: Readonly<Record<string, string>>,
    { say, onPublished }: { readonly say: (trouble: string) => void; readonly onPublished: () => void },
  ) {
    this.#config = config;
    this.#environment = environment;
    this.#say = say;
    this.#onPublished = onPublished;
    this.#published = config === undefined ? { version: 0, endpoints: [] } : readPublication(config.file);
    this.#known = new Set(this.#published.endpoints.map(({ unit }) => unit));
  }

  /** What followers are told now. */
  get published(): Publication {
    return this.#published;
  }

  /** Asks for this list. Comes back at once. */
  want(endpoints: readonly Endpoint[]): void {
    if (this.#config === undefined) {
      // Nobody is told; whoever asks hears it.
      if (!isSame(endpoints, this.#published.endpoints)) this.#published = { version: this.#published.version + 1, endpoints };
      return;
    }
    this.#wanted = endpoints;
    if (this.#retry === undefined) this.#begin();
  }

  /** Whether nobody is told of a unit any more. */
  isWithout(unit: number): boolean {
    return !this.#known.has(unit);
  }

  /** Waits for what is on its way, and tries nothing again. */
  async close(): Promise<void> {
    clearTimeout(this.#retry);
    this.#wanted = undefined;
    await this.#running;
    clearTimeout(this.#retry);
  }

  #begin(): void {
    const config = this.#config as EndpointsConfig;
    if (this.#running !== undefined || this.#wanted === undefined || (this.#isToldOf && isSame(this.#wanted, this.#published.endpoints))) return;
    this.#running = this.#publish(config, this.#wanted).then((isDone) => {
      this.#running = undefined;
      if (isDone) this.#begin();
      else
        this.#retry = setTimeout(() => {
          this.#retry = undefined;
          this.#begin();
        }, RETRY_MS);
      this.#onPublished();
    });
  }

  async #publish({ file, hook, cwd }: EndpointsConfig, endpoints: readonly Endpoint[]): Promise<boolean> {
    // Version 0: there is no file yet, and followers look for one.
    if (this.#published.version === 0 || !isSame(endpoints, this.#published.endpoints)) {
      const next = { version: this.#published.version + 1, endpoints };
      this.#known = new Set([...this.#known, ...endpoints.map(({ unit }) => unit)]);
      try {
        write(file, next);
      } catch (error) {
        this.#say(`endpoints are not published: ${messageOf(error)}`);
        return false;
      }
      this.#published = next;
      this.#isToldOf = false;
    }
    const trouble = hook === undefined ? undefined : await this.#tell(fillArguments(hook, { file }), cwd);
    // The file says it, and whoever reads it knows; a hook that always fails must not keep units from ending.
    this.#known = new Set(endpoints.map(({ unit }) => unit));
    this.#isToldOf = trouble === undefined;
    if (trouble !== undefined) this.#say(`the hook of the endpoints ${trouble}`);
    return this.#isToldOf;
  }

  async #tell(argv: [string, ...string[]], cwd: string): Promise<string | undefined> {
    const limits = { deadlineMs: HOOK_DEADLINE_MS, outputMax: HOOK_OUTPUT_MAX, env: this.#environment, cwd };
    const result = await runCommand(argv, limits, new AbortController().signal);
    if (result.kind !== "exited") return result.message;
    return result.code === 0 ? undefined : `ended with ${result.code}: ${oneLine(result.stderr).slice(-200)}`;
  }
}

/** Through links, and as open to others as it was. @throws PathError */
function write(file: string, publication: Publication): void {
  let path = file;
  let mode = 0o644;
  try {
    path = realpathSync(file);
    mode = statSync(path).mode & 0o777;
  } catch {
    // There is none yet.
  }
  replaceFile(path, [`${JSON.stringify(publication)}\n`], mode);
}

/** What was published last; nothing where there is no such file. */
function readPublication(file: string): Publication {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (isRecord(value) && Number.isSafeInteger(value["version"]) && Array.isArray(value["endpoints"])) return value as unknown as Publication;
  } catch {
    // What stands there is replaced.
  }
  return { version: 0, endpoints: [] };
}

function isSame(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
