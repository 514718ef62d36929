import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";

/** What the clock of a server says beside ours. */
export interface ServerClock {
  /** Scheme and host. */
  readonly server: string;
  /** How far it is ahead of ours; to within half a second and the time that its answer took. */
  readonly aheadMs: number;
}

/** Answers say when they were written, in whole seconds. */
const DATE_STEP_MS = 1_000;
const CHANNEL = "http.client.response.finish";

/** Notes what servers say the time is, in the Date header of every answer to this process from now on, whoever asked. */
export function watchServerClocks(wallMs: () => number): { end(): readonly ServerClock[] } {
  const found = new Map<string, ServerClock>();
  const note = (message: unknown): void => {
    const { request, response } = message as { readonly request: ClientRequest; readonly response: IncomingMessage };
    const dateMs = Date.parse(response.headers.date ?? "");
    if (Number.isNaN(dateMs)) return;
    const server = `${request.protocol}//${request.getHeader("host")}`;
    const aheadMs = dateMs + DATE_STEP_MS / 2 - wallMs();
    const before = found.get(server);
    // The answer that came soonest tells best.
    if (before === undefined || Math.abs(aheadMs) < Math.abs(before.aheadMs)) found.set(server, { server, aheadMs });
  };
  subscribe(CHANNEL, note);
  return {
    end: () => {
      unsubscribe(CHANNEL, note);
      return [...found.values()];
    },
  };
}
