import { isRecord } from "../../lib/is-record.ts";
import { oneLine } from "../../lib/one-line.ts";
import { parseTimestamp } from "../../lib/timestamp.ts";

/** What a receiver says became of an order. `accepted`: nothing yet, and it will say so by what it observes. */
export interface Acknowledgement {
  readonly status: (typeof STATUSES)[number];
  /** One line, in its words; empty when it has none. */
  readonly message: string;
  /** Wall time that it names: not before, for a refusal; not after, for what was accepted. */
  readonly untilMs?: number;
}

const STATUSES = ["applied", "unchanged", "conflict", "rejected", "failed", "accepted"] as const;
const MESSAGE_MAX = 200;

/** Reads an acknowledgement of one intent. @returns why it is none, as the end of a sentence about the answer */
export function parseAcknowledgement(body: string, intentId: string): Acknowledgement | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return "is not JSON";
  }
  if (!isRecord(value)) return "is no object";
  if (value["intentId"] !== intentId) return "is not about this intent";
  const status = STATUSES.find((one) => one === value["status"]);
  if (status === undefined) return `has no status that we know: expected one of ${STATUSES.join(", ")}`;
  const until = typeof value["until"] === "string" ? parseTimestamp(value["until"]) : undefined;
  return { status, message: messageIn(value), ...(until !== undefined && { untilMs: until.atMs }) };
}

/** What an answer says in words, if it does. */
export function saidIn(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    return isRecord(value) ? messageIn(value) : "";
  } catch {
    return "";
  }
}

function messageIn({ message }: Readonly<Record<string, unknown>>): string {
  return typeof message === "string" ? oneLine(message).slice(0, MESSAGE_MAX) : "";
}
