import type { CommandRequest, Problem } from "../src/api/contract.ts";
import { API_VERSION } from "../src/api/version.ts";

// Asks the controller that served this page, and nobody else.

const ROOT = `/api/v${API_VERSION}`;
const TOKEN = "vernier-token";
const REFUSED = "vernier-token-refused";
/** Whoever does not answer within this is not there. */
const ANSWER_MS = 10_000;
/** What is computed on demand may take longer. */
const COMPUTED_MS = 60_000;

/** What the controller refused, in its own words. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "Refused";
    this.status = status;
  }
}

/** A token as it is made: anything else would be no header. */
const TOKEN_FORM = /^[\w-]{16,200}$/;

/** Takes the token out of the address, so that it stays in no history and no screenshot. @returns whether there was one */
export function takeToken(): boolean {
  if (!location.hash.startsWith("#token=")) return false;
  keepToken(location.hash.slice("#token=".length));
  history.replaceState(null, "", "/");
  return true;
}

/** Keeps the token for as long as this tab is open. @returns false when it cannot be one */
export function keepToken(token: string): boolean {
  if (!TOKEN_FORM.test(token)) return false;
  sessionStorage.setItem(TOKEN, token);
  sessionStorage.removeItem(REFUSED);
  return true;
}

/** Whether the last token was refused. */
export function wasRefused(): boolean {
  return sessionStorage.getItem(REFUSED) !== null;
}

export function hasToken(): boolean {
  return sessionStorage.getItem(TOKEN) !== null;
}

export function forgetToken(): void {
  sessionStorage.removeItem(TOKEN);
  sessionStorage.setItem(REFUSED, "yes");
}

/** @throws Refused   @throws TypeError when nobody answers */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(`${ROOT}${path}`, { ...init, headers: { authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}` } });
  if (response.ok) return response;
  let said = response.statusText;
  try {
    said = ((await response.json()) as Problem).detail;
  } catch {
    // Somebody else answered.
  }
  throw new Refused(response.status, said);
}

export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const deadline = AbortSignal.timeout(signal === undefined ? COMPUTED_MS : ANSWER_MS);
  return (await (await request(path, { signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]) })).json()) as T;
}

export async function order(command: CommandRequest): Promise<void> {
  await request("/commands", { method: "POST", body: JSON.stringify(command), signal: AbortSignal.timeout(ANSWER_MS) });
}

export async function makeTrouble(name: string): Promise<void> {
  await request(`/demo/troubles/${name}`, { method: "POST" });
}

/** Saves an answer as a file. */
export async function save(path: string, name: string): Promise<void> {
  const address = URL.createObjectURL(await (await request(path)).blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** What went wrong, for people. */
export function troubleText(error: unknown): string {
  if (error instanceof Refused) return error.message;
  if (error instanceof DOMException && error.name === "TimeoutError") return "the controller does not answer in time";
  return error instanceof TypeError ? "the controller does not answer" : String(error);
}
