import type { IncomingMessage, ServerResponse } from "node:http";
import type { Problem } from "./contract.ts";

// How the API answers.

/** Longest body that is read. */
export const BODY_MAX = 65_536;

/** Undefined when it is longer than a command may be. */
export async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A whole number of the query; undefined when there is something else. */
export function wholeOf(url: URL, name: string, otherwise: number): number | undefined {
  const given = url.searchParams.get(name);
  if (given === null) return otherwise;
  return /^\d{1,15}$/.test(given) ? Number(given) : undefined;
}

export function wrongMethod(response: ServerResponse, allowed: string): void {
  response.setHeader("allow", allowed);
  refuse(response, 405, "wrong_method", `only ${allowed} is possible here`);
}

export function refuse(response: ServerResponse, status: number, type: string, detail: string): void {
  const problem: Problem = { type, title: type.replaceAll("_", " "), status, detail };
  text(response, status, `${JSON.stringify(problem)}\n`, "application/problem+json");
}

export function json(response: ServerResponse, status: number, value: unknown): void {
  text(response, status, `${JSON.stringify(value)}\n`, "application/json");
}

export function text(response: ServerResponse, status: number, body: string, type = "text/plain; charset=utf-8"): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

/** Line by line, as fast as it is read. */
export async function lines(response: ServerResponse, source: AsyncIterable<string>, type: string): Promise<void> {
  response.writeHead(200, { "content-type": type });
  for await (const line of source) {
    if (response.destroyed) return;
    if (!response.write(`${line}\n`)) await drained(response);
  }
  response.end();
}

/** Until there is room again, or nobody reads any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
