import type { CommandRequest, Problem, StateAnswer } from "../api/contract.ts";
import { API_VERSION } from "../api/version.ts";
import { SHARD } from "../control/controller.ts";
import { OrderBook, obey } from "../control/orders.ts";
import { readStatus } from "../control/status.ts";
import { systemErrorCode } from "../lib/system-error.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import { type ApiPlace, commandOf, findApi } from "./api.ts";
import { openStore } from "./store.ts";

/** Where an order went. */
export type OrderOutcome =
  /** The running controller has written it down, and follows it from its next tick on. */
  | { readonly kind: "accepted" }
  /** No controller runs: it is written down for the next one. */
  | { readonly kind: "kept" }
  | { readonly kind: "refused"; readonly why: string };

const TIMEOUT_MS = 10_000;

/** Gives an order to the controller of a data folder, or keeps it for the next one. */
export async function giveOrder(data: string, request: CommandRequest): Promise<OrderOutcome> {
  const api = findApi(data);
  const answer = api === undefined ? undefined : await ask(api, "commands", request);
  if (answer === undefined) return await keepOrder(data, request);
  if (answer.ok) return { kind: "accepted" };
  const problem = (await answer.json()) as Problem;
  return { kind: "refused", why: problem.detail };
}

/** What a running controller knows; undefined when none runs. */
export async function askState(data: string): Promise<StateAnswer | undefined> {
  const api = findApi(data);
  const answer = api === undefined ? undefined : await ask(api, "state");
  return answer?.ok ? ((await answer.json()) as StateAnswer) : undefined;
}

/** Undefined when nobody is there: a controller that was killed leaves its address behind. */
async function ask({ address, token }: ApiPlace, path: string, body?: unknown): Promise<Response | undefined> {
  try {
    return await fetch(`${address}/api/v${API_VERSION}/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const code = error instanceof Error ? systemErrorCode(error.cause) : undefined;
    if (code === "ECONNREFUSED") return undefined;
    throw error;
  }
}

/** Writes an order into a ledger that no controller has open. @throws StoreHeld */
async function keepOrder(data: string, request: CommandRequest): Promise<OrderOutcome> {
  const store = openStore(data);
  try {
    const known = (await readStatus(store, Date.now())).workloads.map(({ workload }) => workload);
    if (known.length > 0 && !known.includes(request.workload))
      return { kind: "refused", why: `there is no workload ${request.workload}; the last controller here had ${known.slice(0, 10).join(", ")}` };
    const nowMs = Date.now();
    const command = commandOf(request);
    const book = new OrderBook();
    book.load(await store.orders());
    const orders = book.put(command.workload, obey(book.of(command.workload), command, nowMs));
    await store.commit(await store.head(SHARD), {
      entries: [{ at: formatTimestamp(nowMs), body: { kind: "command", ...command, isOffline: true } }],
      orders: [orders],
    });
    return { kind: "kept" };
  } finally {
    await store.close();
  }
}
