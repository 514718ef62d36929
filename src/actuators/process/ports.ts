import { createServer } from "node:net";
import { systemErrorCode } from "../../lib/system-error.ts";

/** Ports, both ends included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Where a unit may listen, and somebody else may before it. */
const HOSTS = ["127.0.0.1", "0.0.0.0", "::"];

/** The lowest port of a range that is not given to a unit, and that nobody listens on. */
export async function freePort({ from, to }: PortRange, given: ReadonlySet<number>): Promise<number | undefined> {
  for (let port = from; port <= to; port++) if (!given.has(port) && (await isFree(port))) return port;
  return undefined;
}

async function isFree(port: number): Promise<boolean> {
  for (const host of HOSTS) if (!(await canListen(port, host))) return false;
  return true;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // Where there is no such address, nobody can be on it.
    server.once("error", (error) => resolve(["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(systemErrorCode(error) ?? "")));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
