import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { isRecord } from "../../lib/is-record.ts";
import { systemErrorCode } from "../../lib/system-error.ts";
import type { ScrapedTarget } from "./series-store.ts";

/** A target and where it is asked. */
export interface Endpoint extends ScrapedTarget {
  readonly url: URL;
}

const BYTES_MAX = 1 << 20;
/** Targets of one source. */
const ENDPOINTS_MAX = 1_000;
const UNIT_MAX = 200;

/** A target by its address. */
export function endpointAt(url: URL): Endpoint {
  return { identity: url.href, instance: `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`, url };
}

/**
 * The endpoints in a file, as they are now: `{"endpoints": [{"unit": "web-1", "host": "127.0.0.1", "port": 9000}]}`.
 * @param path of the metrics on each endpoint
 * @returns why they cannot be known, in words
 */
export async function readEndpoints(file: string, path: string, signal: AbortSignal): Promise<readonly Endpoint[] | string> {
  let text: string;
  try {
    const about = await stat(file);
    if (!about.isFile()) return `"${file}" is no file`;
    if (about.size > BYTES_MAX) return `"${file}" has ${about.size} bytes, expected at most ${BYTES_MAX}`;
    text = await readFile(file, { encoding: "utf8", signal });
  } catch (error) {
    const code = signal.aborted ? "too slow" : systemErrorCode(error);
    if (code === undefined) throw error;
    return code === "ENOENT" ? `"${file}" is not there: nobody has published endpoints yet` : `cannot read "${file}": ${code}`;
  }
  const found = parseEndpoints(text, path);
  return typeof found === "string" ? `"${file}": ${found}` : found;
}

/** The endpoints that a text names; all of them, or what is wrong with it. */
export function parseEndpoints(text: string, path: string): readonly Endpoint[] | string {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return "not JSON";
  }
  if (!isRecord(document) || !Array.isArray(document["endpoints"])) return 'expected {"endpoints": […]}';
  const given = document["endpoints"] as unknown[];
  if (given.length > ENDPOINTS_MAX) return `${given.length} endpoints, at most ${ENDPOINTS_MAX}`;
  const endpoints: Endpoint[] = [];
  const units = new Set<string>();
  const instances = new Set<string>();
  for (const [index, one] of given.entries()) {
    const { unit: named, host, port } = isRecord(one) ? one : {};
    // Processes have numbers, others have names.
    const unit = typeof named === "number" ? String(named) : named;
    if (typeof unit !== "string" || unit === "" || unit.length > UNIT_MAX)
      return `endpoint ${index + 1}: unit has to be a number, or a text of 1 to ${UNIT_MAX} characters`;
    if (typeof host !== "string" || (isIP(host) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/.test(host)))
      return `endpoint ${index + 1}: host has to be a name or an address`;
    if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535)
      return `endpoint ${index + 1}: port has to be a number from 1 to 65535`;
    const instance = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
    if (units.has(unit) || instances.has(instance)) return `endpoint ${index + 1}: ${units.has(unit) ? `the unit ${unit}` : instance} a second time`;
    units.add(unit);
    instances.add(instance);
    const href = `http://${instance}${path}`;
    // A name of digits and dots that is no address is none.
    if (!URL.canParse(href)) return `endpoint ${index + 1}: ${instance} is no address`;
    endpoints.push({ identity: `${unit} ${instance}`, instance, url: new URL(href) });
  }
  return endpoints;
}
