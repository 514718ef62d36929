import { resolve } from "node:path";
import { readSecret } from "../lib/secrets.ts";
import { PathError } from "../lib/system-error.ts";
import { type Credentials, isSendable } from "../sources/credentials.ts";

/** A secret as a policy names it: a variable of our environment, or a file beside the policy. */
type Reference = { readonly env: string } | { readonly file: string };
type Environment = Readonly<Record<string, string | undefined>>;

/** Credentials with a token that is named; a file is read again for each request. @throws PathError for a variable that is of no use */
export function credentialsOf(token: Reference | undefined, folder: string, environment: Environment): Credentials {
  if (token === undefined) return { headers: {} };
  if ("file" in token) return { headers: {}, bearerFile: resolve(folder, token.file) };
  const authorization = `Bearer ${variable(token.env, environment)}`;
  if (!isSendable("authorization", authorization)) throw unusable(token.env, "EUNSENDABLE");
  return { headers: { authorization } };
}

/** Secrets that are named, as they are whenever it is called. @throws PathError for a variable that is not set */
export function secretsOf(references: readonly Reference[], folder: string, environment: Environment): () => readonly string[] {
  const readers = references.map((reference) => {
    if ("file" in reference) return () => readSecret(resolve(folder, reference.file));
    const secret = variable(reference.env, environment);
    return () => secret;
  });
  return () => readers.map((read) => read());
}

function variable(name: string, environment: Environment): string {
  const value = environment[name]?.trim();
  if (value === undefined || value === "") throw unusable(name, "EUNSET");
  return value;
}

function unusable(name: string, code: string): PathError {
  return new PathError("cannot use the environment variable", name, Object.assign(new Error("none"), { code }));
}
