import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { canonicalJson } from "../lib/canonical-json.ts";
import type { Head } from "./entry.ts";

/**
 * All heads at an instant, signed. A chain alone does not show that its end was cut off, or that all of it was written anew;
 * a checkpoint that someone else keeps does.
 */
export interface Checkpoint {
  readonly v: 1;
  readonly kind: "checkpoint";
  readonly at: string;
  /** By shard, ascending; only shards with entries. */
  readonly heads: readonly Head[];
  /** Public key, base64 of its 32 bytes. */
  readonly key: string;
  /** Ed25519 over the canonical JSON of everything else, base64. */
  readonly signature: string;
}

/** Prefix of an Ed25519 public key in DER (RFC 8410). */
const SPKI_PREFIX_BYTES = 12;

/** A key pair that signs checkpoints. */
export class CheckpointKey {
  readonly #key: KeyObject;
  /** Base64 of 32 bytes. */
  readonly publicKey: string;

  /** @param pem PKCS #8; a new key when absent */
  constructor(pem?: string) {
    this.#key = pem === undefined ? generateKeyPairSync("ed25519").privateKey : createPrivateKey(pem);
    if (this.#key.asymmetricKeyType !== "ed25519") throw new TypeError(`expected an Ed25519 key, found ${this.#key.asymmetricKeyType}`);
    this.publicKey = createPublicKey(this.#key).export({ type: "spki", format: "der" }).subarray(SPKI_PREFIX_BYTES).toString("base64");
  }

  /** The private key, to be kept where only the controller can read it. */
  toPem(): string {
    return this.#key.export({ type: "pkcs8", format: "pem" }).toString();
  }

  sign(heads: readonly Head[], at: string): Checkpoint {
    const unsigned = {
      v: 1,
      kind: "checkpoint",
      at,
      heads: heads.filter(({ seq }) => seq > 0).toSorted((a, b) => a.shard - b.shard),
      key: this.publicKey,
    } as const;
    return { ...unsigned, signature: sign(null, Buffer.from(canonicalJson(unsigned)), this.#key).toString("base64") };
  }
}
