import { hostname, userInfo } from "node:os";
import { CommandRequest } from "../../api/contract.ts";
import { parseDuration } from "../../lib/duration.ts";
import { formatSpan } from "../../lib/format.ts";
import { parseTimestamp } from "../../lib/timestamp.ts";
import { askState, giveOrder } from "../../live/orders.ts";
import { workloadId } from "../../policy/resolve.ts";
import { UsageError } from "../usage-error.ts";

export interface OrderOptions {
  readonly data: string;
  readonly why: string;
  readonly who?: string;
  readonly for?: string;
  readonly until?: string;
}

const DONE: Readonly<Record<CommandRequest["kind"], string>> = {
  pause: "is paused",
  resume: "is no longer paused",
  "hold-in": "loses no units",
  set: "goes to the units that were ordered",
  release: "follows load again",
  approve: "takes the step that was approved",
};

/** Gives an order about one workload. */
export async function runOrder(kind: CommandRequest["kind"], workload: string, options: OrderOptions, units?: string): Promise<void> {
  const id = workloadId(workload);
  const who = options.who ?? `${userInfo().username}@${hostname()}`;
  const given = { kind, workload: id, who, why: options.why, ...untilOf(options), ...(await whatOf(kind, id, options.data, units)) };
  const parsed = CommandRequest.safeParse(given);
  if (!parsed.success) throw new UsageError(parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
  const outcome = await giveOrder(options.data, parsed.data);
  if (outcome.kind === "refused") throw new UsageError(outcome.why);
  const from = outcome.kind === "accepted" ? "from its next tick on" : "when a controller runs again; none does now, so this is only written down";
  process.stdout.write(`${id} ${DONE[kind]}, ${from}\n`);
}

async function whatOf(kind: CommandRequest["kind"], id: string, data: string, units: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (kind === "set") {
    if (!/^\d{1,10}$/.test(units ?? "")) throw new UsageError(`found "${units}", expected a number of units such as 12`);
    return { units: Number(units) };
  }
  if (kind !== "approve") return {};
  const state = await askState(data);
  if (state === undefined) throw new UsageError("no controller runs here, so nothing waits for approval");
  const found = state.workloads.find(({ workload }) => workload === id);
  if (found === undefined) throw new UsageError(`there is no workload ${id}; there are ${state.workloads.map(({ workload }) => workload).join(", ")}`);
  if (found.decision === null) throw new UsageError(`${id} has no step that waits for approval`);
  process.stdout.write(`${id} ${found.capacity?.requested} -> ${found.wanted}: ${found.reasons.map(({ text }) => text).join("; ")}\n`);
  return { decision: found.decision };
}

function untilOf({ for: span, until }: OrderOptions): { readonly untilMs?: number } {
  if (span !== undefined && until !== undefined) throw new UsageError("either --for or --until, not both");
  if (until !== undefined) {
    const untilMs = parseTimestamp(until)?.atMs;
    if (untilMs === undefined) throw new UsageError(`--until: found "${until}", expected an instant such as 2026-11-23T18:00:00Z`);
    if (untilMs <= Date.now()) throw new UsageError(`--until: ${until} was ${formatSpan(Date.now() - untilMs)} ago`);
    return { untilMs };
  }
  if (span === undefined) return {};
  const ms = parseDuration(span);
  if (ms === undefined || ms <= 0) throw new UsageError(`--for: found "${span}", expected a duration such as 2h`);
  return { untilMs: Date.now() + ms };
}
