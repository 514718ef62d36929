import { readFileSync } from "node:fs";
import { FileError } from "./file-error.ts";
import { oneLine } from "./one-line.ts";
import { PathError } from "./system-error.ts";

/** What a file holds that has a secret and nothing else in it. @throws PathError when it cannot be read   @throws FileError when it is no line of text */
export function readSecret(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new PathError("cannot read", path, error);
  }
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "" || !/^[\x20-\xff]+$/.test(secret) || secret.length > 16_384)
    throw new FileError(path, [
      {
        severity: "error",
        code: "secret_unusable",
        message: secret === "" ? "the file is empty" : "not one line of text",
        hint: "expected the secret on a line of its own, nothing else",
      },
    ]);
  return secret;
}

/** A text from elsewhere without our secrets, should it repeat them. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  // A header such as `X-Scope-OrgID: 1` is no secret that could be found again.
  return secrets.filter((secret) => secret.length >= 4).reduce((left, secret) => left.replaceAll(secret, "***"), text);
}

/** Why a secret cannot be used: a reading that is absent, an order that is not given, not the end of a controller. @throws what is something else */
export function whyUnusable(error: unknown): string {
  if (error instanceof PathError || error instanceof FileError) return oneLine(error.message);
  throw error;
}
