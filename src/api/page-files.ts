import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { systemErrorCode } from "../lib/system-error.ts";
import { refuse } from "./answers.ts";

declare const VERSION: string;

// The page of the API: files that are built once, and nothing in them that would have to be kept secret.

const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  "/": { file: "index.html", type: "text/html; charset=utf-8" },
  "/app.js": { file: "app.js", type: "text/javascript; charset=utf-8" },
  "/app.css": { file: "app.css", type: "text/css; charset=utf-8" },
};
/** Scripts and styles of ours alone; it may ask us, and nobody else. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** Beside the bundle; from sources, what was built last. */
const FOLDER = new URL(typeof VERSION === "undefined" ? "../../dist/web/" : "../../web/", import.meta.url);

/** A file of the page, as it was built. @throws when there is none */
export function readPageFile(name: string): Buffer {
  return readFileSync(new URL(name, FOLDER));
}

/** Answers when a path is one of the page. @returns whether it was */
export function servePage(path: string, method: string, response: ServerResponse): boolean {
  const found = Object.hasOwn(FILES, path) ? FILES[path] : undefined;
  if (found === undefined || (method !== "GET" && method !== "HEAD")) return false;
  let body: Buffer;
  try {
    body = readPageFile(found.file);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    refuse(response, 404, "not_built", "the page is not part of this installation; build it with: npm run build");
    return true;
  }
  response.setHeader("content-security-policy", PAGE_POLICY);
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.writeHead(200, { "content-type": found.type, "content-length": body.length });
  response.end(method === "HEAD" ? undefined : body);
  return true;
}
