import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { ResponseReader } from "./response-reader.ts";

/** An idle connection is not used after so long: the other side may be closing it. As long as most clients keep one. */
const IDLE_MS = 4_000;
/** Less than the other side says that it keeps one, for the way there. */
const IDLE_MARGIN_MS = 1_000;
const READ_BYTES = 16_384;
/** A connection that was idle for so long may have been closed while a request was on its way to it, */
const IDLE_LEAST_MS = 500;
/** which is seen so soon after it was sent. Then, and only then, it is sent once more: anything else is an answer that did not come. */
const CROSSED_MS = 100;

/** A GET on its way. Whoever sends again and again may send the same object again once it has ended. */
export interface Exchange {
  /** The request as it is sent; see {@link requestBytes}. */
  readonly bytes: Buffer;
  /** It is on its way: on a connection, not waiting for one. */
  began?(): void;
  /** @param status 0: there was no answer, for the reason: a code of the system, `bad_answer`, `aborted` */
  ended(status: number, reason?: string): void;
}

/** A GET as bytes. @param target an address that a URL can be made of */
export function requestBytes(target: string, headers: readonly (readonly [string, string])[] = []): Buffer {
  const { host, pathname, search } = new URL(target);
  const lines = [
    `GET ${pathname}${search} HTTP/1.1`,
    ...(headers.some(([name]) => name.toLowerCase() === "host") ? [] : [`host: ${host}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  if (lines.some((line) => /[\r\n\0]/.test(line))) throw new TypeError("a header has a line break in it");
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/**
 * Sends GETs to one origin over a number of connections, one at a time on each, and says what status came back. Written for a load player:
 * undici spends two thirds of a core on 40,000 requests a second, this half of that (docs/decisions/0017-load-client.md).
 */
export class HttpOrigin {
  readonly #url: URL;
  readonly #connectionsMax: number;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  /** Those that wait for a connection; from `#waitingFrom` on. */
  #waiting: (Exchange | undefined)[] = [];
  #waitingFrom = 0;
  #isClosed = false;

  constructor(origin: string, connections: number) {
    this.#url = new URL(origin);
    this.#connectionsMax = connections;
  }

  send(exchange: Exchange): void {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (connection.isFresh()) {
        connection.send(exchange);
        return;
      }
      connection.destroy();
    }
    if (this.#all.size < this.#connectionsMax) this.#open().send(exchange);
    else this.#waiting.push(exchange);
  }

  /** Ends an exchange without an answer. */
  abort(exchange: Exchange): void {
    for (const connection of this.#all) {
      if (connection.exchange !== exchange) continue;
      connection.destroy("aborted");
      return;
    }
    // It waits for a connection, and is passed over when its turn comes.
    const at = this.#waiting.indexOf(exchange, this.#waitingFrom);
    if (at < 0) return;
    this.#waiting[at] = undefined;
    exchange.ended(0, "aborted");
  }

  /** No more is sent; what is under way is answered. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  /** Those that wait for a connection will have none. */
  leaveWaiting(): void {
    const waiting = this.#waiting.slice(this.#waitingFrom);
    this.#waiting = [];
    this.#waitingFrom = 0;
    for (const exchange of waiting) exchange?.ended(0, "aborted");
  }

  destroy(): void {
    this.#isClosed = true;
    this.leaveWaiting();
    for (const connection of [...this.#all]) connection.destroy();
  }

  #open(): Connection {
    const connection = new Connection(this.#url, {
      isFree: () => this.#give(connection),
      isGone: (unanswered) => {
        this.#all.delete(connection);
        const at = this.#idle.indexOf(connection);
        if (at >= 0) this.#idle.splice(at, 1);
        // It was closed while idle, and this crossed with that: another connection can have it, once.
        if (unanswered !== undefined) this.#open().send(unanswered, true);
        else this.#giveAnother();
      },
    });
    this.#all.add(connection);
    return connection;
  }

  #next(): Exchange | undefined {
    while (this.#waitingFrom < this.#waiting.length) {
      const exchange = this.#waiting[this.#waitingFrom++];
      if (this.#waitingFrom >= 1_024 && this.#waitingFrom * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#waitingFrom);
        this.#waitingFrom = 0;
      }
      if (exchange !== undefined) return exchange;
    }
    return undefined;
  }

  #give(connection: Connection): void {
    const next = this.#next();
    if (next !== undefined) connection.send(next);
    else if (this.#isClosed) connection.destroy();
    else this.#idle.push(connection);
  }

  /** A place for a connection has become free. */
  #giveAnother(): void {
    if (this.#isClosed && this.#waitingFrom >= this.#waiting.length) return;
    const next = this.#next();
    if (next !== undefined) this.send(next);
  }
}

interface Watcher {
  isFree(): void;
  /** @param unanswered what crossed with the other side closing a connection that had been idle */
  isGone(unanswered: Exchange | undefined): void;
}

class Connection {
  readonly #watcher: Watcher;
  readonly #socket: Socket;
  readonly #reader = new ResponseReader();
  exchange: Exchange | undefined;
  /** Answers so far. */
  #answers = 0;
  #idleSinceMs = 0;
  /** Of the exchange that it has: when it was sent, how long the connection had been idle before, and whether it was sent before. */
  #sentMs = 0;
  #idledMs = 0;
  #isSecondTry = false;
  /** What went wrong, as the system calls it. */
  #reason = "closed";
  #isGone = false;

  constructor(url: URL, watcher: Watcher) {
    this.#watcher = watcher;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const isTls = url.protocol === "https:";
    const port = Number(url.port || (isTls ? 443 : 80));
    if (isTls) {
      this.#socket = connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }) });
      this.#socket.on("data", (chunk: Buffer) => this.#read(chunk, chunk.length));
    } else {
      // Read into one buffer again and again: nothing is made for a piece that is looked at once.
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      this.#socket = connectPlain({
        host,
        port,
        onread: {
          buffer,
          callback: (length) => {
            this.#read(buffer, length);
            return true;
          },
        },
      });
    }
    this.#socket.setNoDelay(true);
    this.#socket
      .on("error", (error: NodeJS.ErrnoException) => {
        this.#reason = error.code ?? error.name;
      })
      .on("end", () => this.#end())
      .on("close", () => this.#gone());
  }

  /** Whether the other side may be counted upon to have it still. */
  isFresh(): boolean {
    const { idleSeconds } = this.#reader;
    const keepMs = idleSeconds === undefined ? IDLE_MS : Math.max(0, idleSeconds * 1_000 - IDLE_MARGIN_MS);
    return !this.#isGone && performance.now() - this.#idleSinceMs < keepMs;
  }

  /** @param isSecondTry it was sent before, on a connection that was being closed */
  send(exchange: Exchange, isSecondTry = false): void {
    this.exchange = exchange;
    this.#isSecondTry = isSecondTry;
    this.#sentMs = performance.now();
    this.#idledMs = this.#sentMs - this.#idleSinceMs;
    this.#socket.write(exchange.bytes);
    if (!isSecondTry) exchange.began?.();
  }

  destroy(reason = this.#reason): void {
    this.#reason = reason;
    this.#socket.destroy();
    this.#gone(true);
  }

  #read(bytes: Buffer, length: number): void {
    const { exchange } = this;
    if (this.#isGone) return;
    const state = exchange === undefined ? "bad" : this.#reader.push(bytes, length);
    if (state === "more") return;
    if (state === "bad" || exchange === undefined) this.destroy("bad_answer");
    else this.#answered(exchange);
  }

  #answered(exchange: Exchange): void {
    const { status, keepsAlive } = this.#reader;
    this.exchange = undefined;
    this.#answers++;
    if (keepsAlive) {
      this.#reader.reset();
      this.#idleSinceMs = performance.now();
      this.#watcher.isFree();
    } else this.destroy();
    exchange.ended(status);
  }

  #end(): void {
    const { exchange } = this;
    if (exchange !== undefined && this.#reader.end() === "done") this.#answered(exchange);
    else {
      if (!this.#reader.isUntouched) this.#reason = "bad_answer";
      this.#socket.destroy();
      this.#gone();
    }
  }

  /** @param isOurDoing whether we closed it, so that nothing is sent again */
  #gone(isOurDoing = false): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const { exchange } = this;
    this.exchange = undefined;
    const isCrossed =
      !isOurDoing &&
      !this.#isSecondTry &&
      this.#answers > 0 &&
      this.#reader.isUntouched &&
      this.#idledMs >= IDLE_LEAST_MS &&
      performance.now() - this.#sentMs < CROSSED_MS;
    this.#watcher.isGone(isCrossed ? exchange : undefined);
    if (!isCrossed) exchange?.ended(0, this.#reason);
  }
}
