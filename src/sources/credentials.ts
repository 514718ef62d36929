import { validateHeaderName, validateHeaderValue } from "node:http";
import { readSecret } from "../lib/secrets.ts";

/** Who we are for Prometheus or what stands before it. */
export interface Credentials {
  /** Sent as they are; every value counts as a secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** A file with a token, read again for each request: whoever renews it need not tell us. */
  readonly bearerFile?: string | undefined;
  readonly basic?: { readonly user: string; readonly passwordFile: string } | undefined;
}

/** The headers of one request, and the texts in them that nobody may see. */
export interface SecretHeaders {
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/**
 * Headers with the credentials as their files hold them now.
 * @throws PathError when a file cannot be read   @throws FileError when it holds what no header can carry
 */
export function secretHeaders({ headers, bearerFile, basic }: Credentials): SecretHeaders {
  const all: Record<string, string> = { ...headers };
  // A scheme and what follows it: who sends back one part of the value sends back the secret.
  const secrets = Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/).slice(1)]);
  if (bearerFile !== undefined) {
    const token = readSecret(bearerFile);
    all["authorization"] = `Bearer ${token}`;
    secrets.push(token);
  }
  if (basic !== undefined) {
    const password = readSecret(basic.passwordFile);
    const encoded = Buffer.from(`${basic.user}:${password}`).toString("base64");
    all["authorization"] = `Basic ${encoded}`;
    secrets.push(password, encoded);
  }
  return { headers: all, secrets };
}

/** Whether a header can be sent. Those that frame the message are ours. */
export function isSendable(name: string, value: string): boolean {
  if (/^(content-length|transfer-encoding|connection|content-type|accept-encoding|expect|upgrade|te|trailer)$/i.test(name)) return false;
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
