// Reads what answers a GET: its status and where it ends. Nothing of it is kept.

/** Longest head that is read; what is longer is no answer. */
const HEAD_MAX = 65_536;
/** Longest line that says how long a chunk is, or trailer. */
const LINE_MAX = 16_384;
const CR = 13;
const LF = 10;

/** Where in an answer it is. Small numbers: this is asked for every piece. */
const HEAD = 0;
const BODY = 1;
const UNTIL_END = 2;
const CHUNK_SIZE = 3;
const CHUNK = 4;
const CHUNK_END = 5;
const TRAILER = 6;

/** What is known of an answer after some more of it: not all yet, all, or no answer at all. */
export type ReadState = "more" | "done" | "bad";

/** Reads answers of HTTP/1.1, one after the other, in pieces as they come (RFC 9112). */
export class ResponseReader {
  #part: number = HEAD;
  /** Of a head or a line of which not all is there yet. */
  #carried = "";
  #left = 0;
  status = 0;
  /** Whether the connection may be used again. */
  keepsAlive = true;
  /** Seconds that the other side keeps an idle connection, where it says so. */
  idleSeconds: number | undefined;

  /** Ready for the next answer. */
  reset(): void {
    this.#part = HEAD;
    this.#carried = "";
    this.status = 0;
    this.keepsAlive = true;
  }

  /** Whether nothing of an answer has come yet. */
  get isUntouched(): boolean {
    return this.#part === HEAD && this.#carried === "" && this.status === 0;
  }

  /** @param bytes of which the first `length` are new */
  push(bytes: Buffer, length: number): ReadState {
    let at = 0;
    while (at < length) {
      switch (this.#part) {
        case HEAD: {
          const text = this.#carried + bytes.toString("latin1", at, length);
          const end = text.indexOf("\r\n\r\n");
          if (end < 0) {
            this.#carried = text;
            return text.length > HEAD_MAX || text.includes("\n\n") || (text.length >= 5 && !text.startsWith("HTTP/")) ? "bad" : "more";
          }
          at += end + 4 - this.#carried.length;
          this.#carried = "";
          const state = this.#head(text.slice(0, end + 2));
          if (state === "bad") return "bad";
          if (state === "done") return this.#done(at === length);
          break;
        }
        case BODY:
        case CHUNK: {
          const taken = Math.min(this.#left, length - at);
          at += taken;
          this.#left -= taken;
          if (this.#left > 0) return "more";
          if (this.#part === BODY) return this.#done(at === length);
          this.#part = CHUNK_END;
          break;
        }
        case UNTIL_END:
          return "more";
        default: {
          const line = this.#line(bytes, at, length);
          if (line === undefined) return this.#carried.length > LINE_MAX ? "bad" : "more";
          at = line.next;
          const state = this.#chunkLine(line.text);
          if (state === "done") return this.#done(at === length);
          if (state === "bad") return "bad";
        }
      }
    }
    return "more";
  }

  /** The other side has closed: that may be the end of an answer that did not say how long it is. */
  end(): ReadState {
    return this.#part === UNTIL_END ? "done" : "bad";
  }

  /** What follows an answer was asked for by nobody: nothing that comes after it can be trusted to be the next answer. */
  #done(isAll: boolean): ReadState {
    this.keepsAlive &&= isAll;
    return "done";
  }

  #head(head: string): ReadState {
    if (!/^HTTP\/1\.[01] \d{3}[ \r]/.test(head)) return "bad";
    this.status = Number(head.slice(9, 12));
    const status = this.status;
    // What comes before the answer: 100 and 103.
    if (status < 200) return status === 101 ? "bad" : "more";
    const isOld = head.charCodeAt(7) === 48;
    const connection = field(head, "connection");
    this.keepsAlive = isOld ? /\bkeep-alive\b/i.test(connection) : !/\bclose\b/i.test(connection);
    const idle = /\r\nkeep-alive:[^\r]*timeout=(\d{1,6})/i.exec(head)?.[1];
    if (idle !== undefined) this.idleSeconds = Number(idle);
    if (status === 204 || status === 304) return "done";
    const coding = field(head, "transfer-encoding");
    if (coding !== "") {
      this.#part = /\bchunked\s*$/i.test(coding) ? CHUNK_SIZE : UNTIL_END;
      this.keepsAlive &&= this.#part === CHUNK_SIZE;
      return "more";
    }
    const lengths = field(head, "content-length");
    // Several that are the same are one (RFC 9112, 6.3).
    const [size, ...others] = lengths.split(",").map((text) => text.trim());
    if (lengths !== "" && (!/^\d{1,15}$/.test(size as string) || others.some((other) => other !== size))) return "bad";
    if (lengths === "") {
      this.#part = UNTIL_END;
      this.keepsAlive = false;
      return "more";
    }
    this.#left = Number(size);
    if (this.#left === 0) return "done";
    this.#part = BODY;
    return "more";
  }

  #line(bytes: Buffer, from: number, length: number): { readonly text: string; readonly next: number } | undefined {
    for (let i = from; i < length; i++) {
      if (bytes[i] !== LF) continue;
      const text = this.#carried + bytes.toString("latin1", from, i);
      this.#carried = "";
      return { text: text.charCodeAt(text.length - 1) === CR ? text.slice(0, -1) : text, next: i + 1 };
    }
    this.#carried += bytes.toString("latin1", from, length);
    return undefined;
  }

  #chunkLine(text: string): ReadState {
    switch (this.#part) {
      case CHUNK_SIZE: {
        const size = /^0*([0-9a-f]{1,12})[ \t]*(;|$)/i.exec(text)?.[1];
        if (size === undefined) return "bad";
        this.#left = Number.parseInt(size, 16);
        this.#part = this.#left === 0 ? TRAILER : CHUNK;
        return "more";
      }
      case CHUNK_END:
        this.#part = CHUNK_SIZE;
        return text === "" ? "more" : "bad";
      default:
        return text === "" ? "done" : "more";
    }
  }
}

const FIELDS: Readonly<Record<string, RegExp>> = {
  connection: /\r\nconnection:([^\r]*)/gi,
  "content-length": /\r\ncontent-length:([^\r]*)/gi,
  "transfer-encoding": /\r\ntransfer-encoding:([^\r]*)/gi,
};

/** The value of a field; of several with commas between. Empty when there is none. */
function field(head: string, name: keyof typeof FIELDS): string {
  const pattern = FIELDS[name] as RegExp;
  pattern.lastIndex = 0;
  const first = pattern.exec(head);
  if (first === null) return "";
  let all = (first[1] as string).trim();
  for (let next = pattern.exec(head); next !== null; next = pattern.exec(head)) all += `,${(next[1] as string).trim()}`;
  return all;
}
