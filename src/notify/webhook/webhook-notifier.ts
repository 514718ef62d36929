import { whyUnusable } from "../../lib/secrets.ts";
import { KEY_BYTES_LEAST, signedHeaders, signingKey } from "../../lib/webhook-signature.ts";
import type { Notice, Notifier, Sent } from "../notifier.ts";
import { postNotice } from "../sent.ts";

/** Where notices go. Secrets are functions: as they are now, so that whoever renews one need not tell us. @throws PathError   @throws FileError */
export interface WebhookConfig {
  readonly url: () => string;
  /** Key of the signature. */
  readonly secret?: (() => string) | undefined;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly wallMs: () => number;
}

/** Posts notices as CloudEvents 1.0, signed as Standard Webhooks 1.0 says where there is a secret. Identity and body are the same on every attempt. */
export class WebhookNotifier implements Notifier {
  readonly #config: WebhookConfig;

  constructor(config: WebhookConfig) {
    this.#config = config;
  }

  async send(notice: Notice, signal: AbortSignal): Promise<Sent> {
    const { url, secret, headers, wallMs } = this.#config;
    const body = bodyOf(notice);
    let address: string;
    let all: Readonly<Record<string, string>>;
    try {
      address = url();
      const key = secret === undefined ? undefined : signingKey(secret());
      if (secret !== undefined && key === undefined)
        return { kind: "failed", message: `the secret has fewer than ${KEY_BYTES_LEAST} bytes and can be guessed; make a longer one`, mayHeal: true };
      const message = { id: notice.id, at: String(Math.floor(wallMs() / 1_000)), body };
      all = {
        ...headers(),
        "content-type": "application/cloudevents+json; charset=utf-8",
        ...signedHeaders(message, key === undefined ? [] : [key]),
      };
    } catch (error) {
      return { kind: "failed", message: whyUnusable(error), mayHeal: true };
    }
    return await postNotice(address, { headers: all, body }, signal, wallMs);
  }
}

function bodyOf({ id, time, kind, phase, workload, title, text, facts, dropped }: Notice): string {
  return JSON.stringify({
    specversion: "1.0",
    id,
    source: "vernier",
    type: `dev.vernier.notice.${kind}`,
    ...(workload !== undefined && { subject: workload }),
    time,
    datacontenttype: "application/json",
    data: { kind, phase, workload: workload ?? null, title, text, ...(dropped > 0 && { dropped }), facts },
  });
}
