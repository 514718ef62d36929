import { createHmac, timingSafeEqual } from "node:crypto";

// Symmetric signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.

/** Headers of a signed message. */
const ID_HEADER = "webhook-id";
const TIME_HEADER = "webhook-timestamp";
const SIGNATURE_HEADER = "webhook-signature";
const PREFIX = "whsec_";
/** Shorter keys can be guessed. */
export const KEY_BYTES_LEAST = 24;
/** How far the clocks of two machines may be apart. */
const TOLERANCE_SECONDS = 300;
/** Signatures of one message that are looked at. */
const SIGNATURES_MAX = 16;

/** A message and its identity. */
export interface Message {
  readonly id: string;
  /** Seconds since 1970, as it is written. */
  readonly at: string;
  readonly body: string;
}

/** The key that a secret stands for: what follows `whsec_` as base64, any other text as it is. Undefined for one that is too short. */
export function signingKey(secret: string): Buffer | undefined {
  const key = secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), "base64") : Buffer.from(secret);
  return key.length < KEY_BYTES_LEAST ? undefined : key;
}

/** The headers of a message, signed with every key: whoever verifies it knows one of them. */
export function signedHeaders(message: Message, keys: readonly Buffer[]): Readonly<Record<string, string>> {
  return {
    [ID_HEADER]: message.id,
    [TIME_HEADER]: message.at,
    ...(keys.length > 0 && { [SIGNATURE_HEADER]: keys.map((key) => signature(message, key)).join(" ") }),
  };
}

/** What is wrong with the signature of a message; undefined when one of the keys signed it, lately. */
export function signatureTrouble(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: string,
  keys: readonly Buffer[],
  nowMs: number,
): string | undefined {
  const [id, at, given] = [ID_HEADER, TIME_HEADER, SIGNATURE_HEADER].map((name) => headers[name]);
  if (typeof id !== "string" || typeof at !== "string" || typeof given !== "string") return "is not signed";
  if (!/^\d{1,12}$/.test(at) || Math.abs(nowMs / 1_000 - Number(at)) > TOLERANCE_SECONDS) return "was signed too long ago, or by another clock";
  const expected = keys.map((key) => Buffer.from(signature({ id, at, body }, key)));
  const isSigned = given
    .split(" ", SIGNATURES_MAX)
    .map((text) => Buffer.from(text))
    .some((one) => expected.some((other) => one.length === other.length && timingSafeEqual(one, other)));
  return isSigned ? undefined : "is not signed by a secret of ours";
}

function signature({ id, at, body }: Message, key: Buffer): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64")}`;
}
