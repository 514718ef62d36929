import { type Asking, ask } from "../../lib/ask.ts";
import { type HttpAnswer, HttpError, sendHttp } from "../../lib/http.ts";
import { oneLine } from "../../lib/one-line.ts";
import { retryAfterMs } from "../../lib/retry.ts";
import { whyUnusable, withoutSecrets } from "../../lib/secrets.ts";
import { formatTimestamp } from "../../lib/timestamp.ts";
import { KEY_BYTES_LEAST, signatureTrouble, signedHeaders, signingKey } from "../../lib/webhook-signature.ts";
import type { Actuator, ActuatorAbilities, CapacityFound, CapacityUnreadable, Permission, SetOrder, SetOutcome } from "../actuator.ts";
import { parseCapacity } from "../capacity.ts";
import { parseAcknowledgement, saidIn } from "./acknowledgement.ts";

/** Where orders for one workload go, and where what came of them is read. */
export interface WebhookConfig {
  readonly workload: string;
  /** Takes orders: POST of a CloudEvent. */
  readonly url: URL;
  /** Answers GET with capacity. */
  readonly observe: URL;
  /** Secrets that orders are signed with, and of which one signs every answer; as they are now. None: nothing is signed. @throws PathError   @throws FileError */
  readonly secrets: () => readonly string[];
  /** How to ask; orders keep to its limits, and go out whatever its breaker says. */
  readonly asking: Asking;
  /** How long an order that was accepted may take to be carried out, by people perhaps. Undefined: orders end with their answer. */
  readonly acknowledgeMs?: number | undefined;
}

/** Longest that a receiver can put off the next order. */
const REJECTED_MAX_MS = 3_600_000;
const EVENT_TYPE = "dev.vernier.capacity.set";

/** The secrets of one request, and the keys they stand for. */
interface Signing {
  readonly keys: readonly Buffer[];
  readonly hide: (text: string) => string;
}

/**
 * Capacity behind an address: a receiver of the user's that takes absolute orders, compares what is there with what was
 * expected, and answers what came of it (readme.md). An answer counts when it is about this intent and, with a secret, signed;
 * whatever else comes back, the outcome is unknown and has to be read.
 */
export class WebhookActuator implements Actuator {
  readonly abilities: ActuatorAbilities;
  readonly #config: WebhookConfig;
  /** When the intent that was ordered last was ordered first, so that every attempt at it is the same to the byte. */
  #first: { readonly intentId: string; readonly time: string } | undefined;
  /** What was accepted, and may yet be carried out. */
  #pending: { readonly units: number; readonly untilMs: number } | undefined;

  constructor(config: WebhookConfig) {
    this.#config = config;
    this.abilities = { comparesAndSets: true, keepsEpoch: true, settlesWithinMs: config.acknowledgeMs ?? config.asking.limits.deadlineMs };
  }

  async observe(signal: AbortSignal): Promise<CapacityFound | CapacityUnreadable> {
    const found = await this.#read(signal);
    const pending = this.#pending;
    if (pending === undefined || found.kind === "unreadable") return found;
    if (found.requested !== pending.units && this.#config.asking.wallMs() < pending.untilMs)
      return {
        kind: "unreadable",
        code: "pending",
        message: `${pending.units} units were accepted and may come until ${formatTimestamp(Math.floor(pending.untilMs / 1_000) * 1_000)}, ${found.requested} are there`,
      };
    this.#pending = undefined;
    return found;
  }

  async set(order: SetOrder, signal: AbortSignal): Promise<SetOutcome> {
    if (signal.aborted) return { kind: "failed", message: "stopped before it began" };
    const { url, asking } = this.#config;
    const signing = this.#signing();
    if (typeof signing === "string") return { kind: "failed", message: signing };
    this.#pending = undefined;
    const body = this.#bodyOf(order);
    const headers = {
      "content-type": "application/cloudevents+json; charset=utf-8",
      "idempotency-key": order.intentId,
      ...this.#signed(order.intentId, body, signing),
    };
    try {
      return this.#outcomeOf(await sendHttp({ url, headers, order: body }, asking.limits, signal), order, signing);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return { kind: error.isSent ? "unknown" : "failed", message: signing.hide(oneLine(error.message)) };
    }
  }

  async permission(): Promise<Permission> {
    return { kind: "unknown", message: "what its receiver may do, only it knows" };
  }

  async close(): Promise<void> {}

  async #read(signal: AbortSignal): Promise<CapacityFound | CapacityUnreadable> {
    const { observe, asking } = this.#config;
    const signing = this.#signing();
    if (typeof signing === "string") return { kind: "unreadable", code: "denied", message: signing };
    const tell = { hide: signing.hide, unwell: ({ status }: HttpAnswer) => `answered ${status}` };
    const asked = await ask({ url: observe, headers: this.#signed("observe", "", signing) }, asking, tell, signal);
    if (asked.kind === "failed")
      return { kind: "unreadable", code: asked.code === "deadline" || asked.code === "stopped" ? "deadline" : "unreachable", message: asked.why };
    const { status, body } = asked.answer;
    if (status === 200) {
      const capacity = parseCapacity(body, "answered");
      return capacity.kind === "found" ? capacity : { ...capacity, message: signing.hide(capacity.message) };
    }
    const code = status === 401 || status === 403 ? "denied" : status === 404 || status === 410 ? "gone" : "strange";
    return { kind: "unreadable", code, message: `answered ${status}` };
  }

  #signing(): Signing | string {
    try {
      const secrets = this.#config.secrets();
      const keys = secrets.flatMap((secret) => signingKey(secret) ?? []);
      if (keys.length < secrets.length) return `a secret of fewer than ${KEY_BYTES_LEAST} bytes can be guessed; make a longer one`;
      return { keys, hide: (text) => withoutSecrets(text, secrets) };
    } catch (error) {
      return whyUnusable(error);
    }
  }

  #signed(id: string, body: string, { keys }: Signing): Readonly<Record<string, string>> {
    return signedHeaders({ id, at: String(Math.floor(this.#config.asking.wallMs() / 1_000)), body }, keys);
  }

  /** A CloudEvent 1.0 in the structured mode. */
  #bodyOf({ intentId, epoch, units, expect }: SetOrder): string {
    const { workload, asking } = this.#config;
    if (this.#first?.intentId !== intentId) this.#first = { intentId, time: formatTimestamp(asking.wallMs()) };
    return JSON.stringify({
      specversion: "1.0",
      id: intentId,
      source: "vernier",
      type: EVENT_TYPE,
      subject: workload,
      time: this.#first.time,
      datacontenttype: "application/json",
      data: { workload, units, expect, epoch, intentId },
    });
  }

  #outcomeOf(answer: HttpAnswer, order: SetOrder, signing: Signing): SetOutcome {
    const { status } = answer;
    if (status >= 200 && status < 300) return this.#acknowledged(answer, order, signing);
    const said = saidIn(answer.body);
    const message = signing.hide(`answered ${status}${said === "" ? "" : `: ${said}`}`);
    if (status === 409 || status === 412) return { kind: "conflict", message };
    const { wallMs } = this.#config.asking;
    const afterMs = retryAfterMs(answer.headers["retry-after"], wallMs());
    if ((status === 429 || status === 503) && afterMs !== undefined)
      return { kind: "rejected", message, untilMs: wallMs() + Math.min(afterMs, REJECTED_MAX_MS) };
    if (status === 429) return { kind: "rejected", message };
    return { kind: status >= 400 && status < 500 ? "failed" : "unknown", message };
  }

  #acknowledged({ status, headers, body }: HttpAnswer, { intentId, units }: SetOrder, { keys, hide }: Signing): SetOutcome {
    const { asking, acknowledgeMs } = this.#config;
    const nowMs = asking.wallMs();
    const unknown = (why: string): SetOutcome => ({ kind: "unknown", message: hide(why) });
    const trouble = keys.length === 0 ? undefined : signatureTrouble(headers, body, keys, nowMs);
    const said = trouble ?? parseAcknowledgement(body, intentId);
    if (typeof said === "string") return unknown(`answered ${status}, but the answer ${said}`);
    const message = hide(said.message === "" ? "the receiver says no more" : said.message);
    switch (said.status) {
      case "applied":
      case "unchanged":
        return { kind: said.status };
      case "conflict":
      case "failed":
        return { kind: said.status, message };
      case "rejected":
        return { kind: "rejected", message, ...(said.untilMs !== undefined && { untilMs: Math.min(said.untilMs, nowMs + REJECTED_MAX_MS) }) };
      case "accepted":
        if (acknowledgeMs === undefined) return unknown(`${message}; this target does not wait for it, as it has no acknowledge`);
        this.#pending = { units, untilMs: Math.min(said.untilMs ?? Number.POSITIVE_INFINITY, nowMs + acknowledgeMs) };
        return unknown(`accepted: ${message}`);
    }
  }
}
