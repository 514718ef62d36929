import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type Exchange, HttpOrigin, requestBytes } from "./http-origin.ts";
import { ResponseReader } from "./response-reader.ts";

const CRLF = "\r\n";
const lines = (...all: readonly string[]): string => all.join(CRLF);
const ANSWERS: readonly (readonly [string, string, number, boolean])[] = [
  ["a length", lines("HTTP/1.1 200 OK", "Content-Length: 3", "", "ok\n"), 200, true],
  ["no body", lines("HTTP/1.1 204 No Content", "", ""), 204, true],
  ["what has not changed", lines("HTTP/1.1 304 Not Modified", "content-length: 9", "", ""), 304, true],
  ["a length of nothing", lines("HTTP/1.1 500 Oh", "content-length:0", "", ""), 500, true],
  ["chunks", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "5;x=y", "hello", "A", "0123456789", "0", "", ""), 200, true],
  ["chunks and trailers", lines("HTTP/1.1 200 OK", "transfer-encoding: gzip, chunked", "", "1", "x", "0", "a: b", "", ""), 200, true],
  ["what comes before", lines("HTTP/1.1 103 Early Hints", "link: x", "", "HTTP/1.1 404 Not Found", "content-length: 1", "", "x"), 404, true],
  ["the end of the connection", lines("HTTP/1.1 200 OK", "connection: close", "content-length: 2", "", "hi"), 200, false],
  ["an old server", lines("HTTP/1.0 200 OK", "content-length: 2", "", "hi"), 200, false],
  ["an old server that goes on", lines("HTTP/1.0 200 OK", "connection: keep-alive", "content-length: 2", "", "hi"), 200, true],
];

describe("an answer", () => {
  test.each(ANSWERS)("with %s is read to its end, in whatever pieces it comes", (_, text, status, keepsAlive) => {
    const bytes = Buffer.from(text, "latin1");
    for (let size = 1; size <= bytes.length; size++) {
      const reader = new ResponseReader();
      for (let round = 0; round < 2; round++) {
        reader.reset();
        expect(reader.isUntouched).toBe(true);
        for (let at = 0; at < bytes.length; at += size) {
          const piece = bytes.subarray(at, at + size);
          expect(reader.push(piece, piece.length), `${size} at ${at}`).toBe(at + size >= bytes.length ? "done" : "more");
        }
        expect([reader.status, reader.keepsAlive]).toEqual([status, keepsAlive]);
      }
    }
  });

  test.each([
    ["something else", "SSH-2.0-OpenSSH\r\n"],
    ["another version", "HTTP/2 200 OK\r\n\r\n"],
    ["no status", "HTTP/1.1 abc\r\n\r\n"],
    ["a length that is none", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx"],
    ["lines without carriage returns", "HTTP/1.1 200 OK\ncontent-length: 1\n\nx"],
    ["a chunk without a length", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"],
    ["a chunk that is longer than it says", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n"],
    ["another protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(20_000)}`],
    ["a line without an end", `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${"1".repeat(20_000)}`],
  ])("that is %s is none", (_, text) => {
    const reader = new ResponseReader();
    const bytes = Buffer.from(text);
    expect(reader.push(bytes, bytes.length)).toBe("bad");
  });

  test("without a length ends with the connection, and only then", () => {
    const reader = new ResponseReader();
    const bytes = Buffer.from("HTTP/1.1 200 OK\r\n\r\nall that there is");
    expect(reader.push(bytes, bytes.length)).toBe("more");
    expect(reader.end()).toBe("done");
    expect(reader.keepsAlive).toBe(false);
    const packed = new ResponseReader();
    const gzip = Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nxyz");
    expect([packed.push(gzip, gzip.length), packed.end(), packed.keepsAlive]).toEqual(["more", "done", false]);
    const cut = new ResponseReader();
    const half = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    cut.push(half, half.length);
    expect(cut.end()).toBe("bad");
  });
});

test.each([
  ["more than was asked for", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1", false],
  ["more after nothing", "HTTP/1.1 204 No Content\r\n\r\nx", false],
  ["a line too many", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\r\n", false],
  ["the same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\nx", true],
  ["two codings in two lines", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", true],
  ["a chunk size with many zeros", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n00000000000000001\r\nx\r\n0\r\n\r\n", true],
] as const)("an answer with %s is one", (_, text, keepsAlive) => {
  const reader = new ResponseReader();
  const bytes = Buffer.from(text);
  expect([reader.push(bytes, bytes.length), reader.keepsAlive]).toEqual(["done", keepsAlive]);
});

describe("an origin", () => {
  let server: Server | undefined;
  let origin: HttpOrigin | undefined;
  let sockets: Socket[] = [];
  afterEach(() => {
    origin?.destroy();
    for (const socket of sockets) socket.destroy();
    server?.close();
    sockets = [];
  });
  /** @param answer what is written for the nth request on a connection; undefined closes it */
  const serving = async (answer: (asked: number, connection: number, text: string) => string | undefined): Promise<string> => {
    server = createServer((socket) => {
      const connection = sockets.push(socket);
      let asked = 0;
      socket
        .on("error", () => {})
        .on("data", (chunk: Buffer) => {
          const said = answer(++asked, connection, chunk.toString("latin1"));
          if (said === undefined) socket.end();
          else socket.write(said);
        });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const get = (url: string, onSent: (exchange: Exchange) => void = () => {}): Promise<number> =>
    new Promise((resolve) => {
      const exchange: Exchange = { bytes: requestBytes(`${url}/`), ended: resolve };
      origin?.send(exchange);
      onSent(exchange);
    });
  const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

  test("uses a connection again, as many as it may, and lets others wait", async () => {
    const url = await serving(() => OK);
    origin = new HttpOrigin(url, 2);
    expect(await Promise.all(Array.from({ length: 50 }, () => get(url)))).toEqual(new Array(50).fill(200));
    expect(sockets).toHaveLength(2);
  });

  test("asks for what it is told to, with the headers that are given", async () => {
    let seen = "";
    const url = await serving((_, __, text) => {
      seen = text;
      return OK;
    });
    origin = new HttpOrigin(url, 1);
    await new Promise<void>((resolve) =>
      origin?.send({
        bytes: requestBytes(`${url}/a?b=c d`, [
          ["X-Team", "shop"],
          ["cookie", "a=1"],
          ["cookie", "b=2"],
        ]),
        ended: () => resolve(),
      }),
    );
    expect(seen).toBe(`GET /a?b=c%20d HTTP/1.1\r\nhost: ${new URL(url).host}\r\nX-Team: shop\r\ncookie: a=1\r\ncookie: b=2\r\n\r\n`);
    expect(() => requestBytes(`${url}/`, [["a", "b\r\nc: d"]])).toThrow(TypeError);
    expect(requestBytes(`${url}/`, [["Host", "elsewhere"]]).toString()).not.toMatch(/host: 127/);
  });

  test("sends once more what crossed with the closing of a connection that had been idle", async () => {
    // The second request on the first two connections meets a server that has just let go of it.
    const url = await serving((asked, connection) => (asked === 2 && connection <= 2 ? undefined : OK));
    origin = new HttpOrigin(url, 1);
    expect(await get(url)).toBe(200);
    await new Promise((go) => setTimeout(go, 550));
    expect(await get(url)).toBe(200);
    expect(sockets).toHaveLength(2);
  });

  test("counts a connection that is dropped under a request as that, however often it answered before", async () => {
    const url = await serving((asked, connection) => (asked === 1 ? OK : connection === 1 ? undefined : ""));
    origin = new HttpOrigin(url, 1);
    expect(await get(url)).toBe(200);
    expect(await get(url)).toBe(0);
    // Idle before, and dropped when it had had the request for a while.
    expect(await get(url)).toBe(200);
    await new Promise((go) => setTimeout(go, 550));
    setTimeout(() => sockets[1]?.end(), 200);
    expect(await get(url)).toBe(0);
    expect(sockets).toHaveLength(2);
  });

  test("says that there was no answer, on a new connection or in the middle of one", async () => {
    const url = await serving((_, connection) =>
      connection === 1 ? undefined : connection === 2 ? "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx" : "nonsense",
    );
    origin = new HttpOrigin(url, 1);
    expect(await get(url)).toBe(0);
    const half = get(url);
    await expect.poll(() => sockets.length).toBe(2);
    setTimeout(() => sockets[1]?.end(), 50);
    expect(await half).toBe(0);
    expect(await get(url)).toBe(0);
    server?.close();
    for (const socket of sockets) socket.destroy();
    origin = new HttpOrigin("http://127.0.0.1:1", 1);
    expect(await get("http://127.0.0.1:1")).toBe(0);
  });

  test("is done with what is aborted, under way or waiting, and goes on", async () => {
    const url = await serving((_, connection) => (connection === 1 ? "" : OK));
    origin = new HttpOrigin(url, 1);
    const all: Exchange[] = [];
    const answers = [get(url, (one) => all.push(one)), get(url, (one) => all.push(one)), get(url, (one) => all.push(one))];
    await expect.poll(() => sockets.length).toBe(1);
    origin.abort(all[1] as Exchange);
    origin.abort(all[0] as Exchange);
    expect(await Promise.all(answers)).toEqual([0, 0, 200]);
  });

  test("ends the same exchange as often as it was sent, whatever is aborted", async () => {
    let asked = 0;
    const url = await serving(() => (++asked === 1 ? "" : OK));
    origin = new HttpOrigin(url, 1);
    const blocking: Exchange = { bytes: requestBytes(`${url}/`), ended: () => {} };
    let ends = 0;
    let begins = 0;
    const exchange: Exchange = { bytes: requestBytes(`${url}/`), began: () => begins++, ended: () => ends++ };
    origin.send(blocking);
    await expect.poll(() => asked).toBe(1);
    for (let i = 0; i < 3; i++) origin.send(exchange);
    origin.abort(exchange);
    origin.abort(exchange);
    expect([begins, ends]).toEqual([0, 2]);
    origin.abort(blocking);
    await expect.poll(() => ends).toBe(3);
    expect([begins, asked]).toEqual([1, 2]);
  });

  test("does not send again what was aborted on a connection that had answered before", async () => {
    let asked = 0;
    const url = await serving(() => (++asked === 2 ? "" : OK));
    origin = new HttpOrigin(url, 1);
    expect(await get(url)).toBe(200);
    const second = get(
      url,
      (exchange) =>
        void expect
          .poll(() => asked)
          .toBe(2)
          .then(() => origin?.abort(exchange)),
    );
    expect(await second).toBe(0);
    expect(await get(url)).toBe(200);
    expect([asked, sockets.length]).toEqual([3, 2]);
  });

  test("closed, answers what it has and leaves no connection", async () => {
    const url = await serving(() => OK);
    origin = new HttpOrigin(url, 1);
    const answers = [get(url), get(url), get(url)];
    origin.close();
    expect(await Promise.all(answers)).toEqual([200, 200, 200]);
    await expect.poll(() => sockets.filter(({ destroyed }) => !destroyed).length).toBe(0);
  });

  test("does not use a connection that the other side is about to close", async () => {
    const keeping = createHttp({ keepAliveTimeout: 1_000 }, (_, response) => response.end("ok")).listen(0, "127.0.0.1");
    await once(keeping, "listening");
    let connections = 0;
    keeping.on("connection", () => connections++);
    const url = `http://127.0.0.1:${(keeping.address() as AddressInfo).port}`;
    origin = new HttpOrigin(url, 4);
    expect(await get(url)).toBe(200);
    expect(await get(url)).toBe(200);
    // It says one second, and the way there takes a moment.
    expect(connections).toBe(2);
    keeping.close();
    keeping.closeAllConnections();
  });
});
