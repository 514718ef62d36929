import type { CommandRequest, Problem } from "../src/api/contract.ts";
import { API_VERSION } from "../src/api/version.ts";

// Asks the controller that served this page, and nobody else.

const ROOT = `/api/v${API_VERSION}`;
const TOKEN = "vernier-token";

/** What the controller refused, in its own words. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "Refused";
    this.status = status;
  }
}

/** Takes the token out of the address, so that it stays in no history and no screenshot. */
export function takeToken(): void {
  const given = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (given === undefined) return;
  keepToken(given);
  history.replaceState(null, "", "/");
}

/** Keeps the token for as long as this tab is open. */
export function keepToken(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken(): boolean {
  return sessionStorage.getItem(TOKEN) !== null;
}

export function forgetToken(): void {
  sessionStorage.removeItem(TOKEN);
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
  return (await (await request(path, signal === undefined ? {} : { signal })).json()) as T;
}

export async function order(command: CommandRequest): Promise<void> {
  await request("/commands", { method: "POST", body: JSON.stringify(command) });
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
  return error instanceof TypeError ? "the controller does not answer" : String(error);
}
