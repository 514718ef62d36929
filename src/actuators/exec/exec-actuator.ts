import { commandTrouble } from "../../lib/executable.ts";
import { oneLine } from "../../lib/one-line.ts";
import { type CommandResult, commandEnvironment, fillArguments, runCommand } from "../../lib/run-command.ts";
import type { Actuator, ActuatorAbilities, CapacityFound, CapacityUnreadable, Permission, SetOrder, SetOutcome } from "../actuator.ts";
import { parseCapacity } from "../capacity.ts";

/** Commands of a workload, as argument lists. */
export interface ExecConfig {
  readonly workload: string;
  /** Prints a number of units, or a JSON object with `requested` and, where known, `ready`, `starting`, `draining`, `version`, `uid`. */
  readonly observe: readonly [string, ...string[]];
  /** `{units}`, `{from}`, `{workload}`, `{intent}` stand for what is to be set. */
  readonly set: readonly [string, ...string[]];
  readonly deadlineMs: number;
  /** Names of our environment that commands see, besides PATH, HOME and LANG. */
  readonly passEnvironment: readonly string[];
  readonly cwd?: string;
}

const OUTPUT_MAX = 65_536;
/** "Try again later", from sysexits.h. */
const EXIT_TEMPORARY = 75;

/**
 * Capacity by two commands of the user: scripts, Terraform, Ansible. No shell is involved. A set that ends with anything but
 * 0 may have done half of its work, so its outcome is unknown until it was read back; 75 says "refused for now".
 */
export class ExecActuator implements Actuator {
  readonly abilities: ActuatorAbilities;
  readonly #config: ExecConfig;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(config: ExecConfig, environment: Readonly<Record<string, string | undefined>>) {
    this.#config = config;
    this.abilities = { comparesAndSets: false, keepsEpoch: false, settlesWithinMs: config.deadlineMs };
    this.#environment = commandEnvironment(config.passEnvironment, environment);
  }

  async observe(signal: AbortSignal): Promise<CapacityFound | CapacityUnreadable> {
    const result = await this.#run(this.#config.observe, signal);
    if (result.kind !== "exited")
      return { kind: "unreadable", code: result.kind === "killed" && result.why === "deadline" ? "deadline" : "unreachable", message: result.message };
    if (result.code !== 0) return { kind: "unreadable", code: "unreachable", message: exitText(result) };
    return parseCapacity(result.stdout, "printed");
  }

  async set({ intentId, units, expect }: SetOrder, signal: AbortSignal): Promise<SetOutcome> {
    const { workload, set } = this.#config;
    const values = { units: String(units), from: String(expect.requested), workload, intent: intentId };
    const result = await this.#run(fillArguments(set, values), signal);
    switch (result.kind) {
      case "not_started":
        return { kind: "failed", message: result.message };
      case "killed":
        return { kind: "unknown", message: result.message };
      case "exited":
        if (result.code === 0) return { kind: "applied" };
        return result.code === EXIT_TEMPORARY ? { kind: "rejected", message: exitText(result) } : { kind: "unknown", message: exitText(result) };
    }
  }

  async permission(): Promise<Permission> {
    const { set, cwd } = this.#config;
    const trouble = commandTrouble(set[0], { path: this.#environment["PATH"], cwd });
    if (trouble !== undefined) return { kind: "denied", message: trouble };
    return { kind: "unknown", message: `"${set[0]}" can be started; what it may do, only it knows` };
  }

  async close(): Promise<void> {}

  #run(argv: readonly [string, ...string[]], signal: AbortSignal): Promise<CommandResult> {
    const { deadlineMs, cwd } = this.#config;
    return runCommand(argv, { deadlineMs, outputMax: OUTPUT_MAX, env: this.#environment, ...(cwd !== undefined && { cwd }) }, signal);
  }
}

function exitText({ code, stderr }: Extract<CommandResult, { kind: "exited" }>): string {
  const said = oneLine(stderr).slice(0, 200);
  return `ended with ${code}${said === "" ? "" : `: ${said}`}`;
}
