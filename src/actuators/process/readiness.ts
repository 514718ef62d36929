import { sendHttp } from "../../lib/http.ts";
import { messageOf } from "../../lib/system-error.ts";

/** How it is told that a unit can serve. */
export interface ReadinessConfig {
  /** Path that answers with 2xx when it can. */
  readonly http: string;
  /** From its start until the first such answer; then it is ended, and started again. */
  readonly withinMs: number;
}

/** Longest wait for one answer. */
const DEADLINE_MS = 1_000;
/** Nobody reads it; a page of health that is longer is something else. */
const BYTES_MAX = 1 << 20;

/** Asks a unit whether it can serve. @returns why not, undefined when it can */
export async function whyNotReady(port: number, path: string): Promise<string | undefined> {
  // A connection that is kept open would keep a server from ending.
  const request = { url: new URL(`http://127.0.0.1:${port}${path}`), headers: { connection: "close", accept: "*/*" } };
  try {
    const { status } = await sendHttp(request, { deadlineMs: DEADLINE_MS, bytesMax: BYTES_MAX });
    return status >= 200 && status <= 299 ? undefined : `${path} answered ${status}`;
  } catch (error) {
    // Whatever a unit answers, it must not end us.
    return `${path}: ${messageOf(error)}`;
  }
}
