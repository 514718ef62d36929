import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { HttpError, sendHttp } from "./http.ts";
import { retried, retryAfterMs } from "./retry.ts";

async function on<T>(listener: RequestListener | string, use: (url: URL) => Promise<T>): Promise<T> {
  const server: Server | ReturnType<typeof createTcpServer> =
    typeof listener === "string" ? createTcpServer((socket) => socket.on("error", () => {}).end(listener)) : createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  try {
    return await use(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a`));
  } finally {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  }
}

const LIMITS = { deadlineMs: 2_000, bytesMax: 1 << 20 };
const send = (url: URL, limits = LIMITS, signal?: AbortSignal) => sendHttp({ url, headers: {} }, limits, signal);

describe("a request", () => {
  test("ends at its deadline, though bytes keep dripping", async () => {
    const began = performance.now();
    const drip: RequestListener = (_, response) => {
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    };
    await expect(on(drip, (url) => send(url, { ...LIMITS, deadlineMs: 200 }))).rejects.toMatchObject({
      code: "deadline",
      message: "no full answer within 0.2 s",
    });
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  test("ends when it is stopped", async () => {
    const stop = new AbortController();
    await expect(
      on(
        () => stop.abort(),
        (url) => send(url, LIMITS, stop.signal),
      ),
    ).rejects.toMatchObject({ code: "stopped" });
  });

  test.for([
    ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "interrupted"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "interrupted"],
    ["SSH-2.0-OpenSSH_9.2\r\n", "not_http"],
    ["", "interrupted"],
    ["HTTP/1.1 302 Found\r\nLocation: http://[broken\r\nContent-Length: 0\r\n\r\n", "redirected"],
    ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "interrupted"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n555", "not_http"],
    ["HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n5", "not_http"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n5", "not_http"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 3\r\n\r\n555", "not_http"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n555\r\n0\r\n\r\n", "not_http"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n5", "not_http"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "answer_too_large"],
  ] as const)("answered with %j is told apart", async ([raw, code]) => {
    await expect(on(raw, (url) => send(url))).rejects.toMatchObject({ name: "HttpError", code });
  });

  test.for([
    ["a hundred thousand headers", Array.from({ length: 100_000 }, (_, i) => `h${i}: 5`).join("\r\n")],
    ["one enormous header", `a: ${"5".repeat(10_000_000)}`],
    ["an enormous extension of a chunk", `transfer-encoding: chunked\r\n\r\n1;${"a".repeat(1_000_000)}\r\n5\r\n0`],
    ["trailers without end", `transfer-encoding: chunked\r\n\r\n1\r\n5\r\n0\r\n${"a: b\r\n".repeat(100_000)}`],
  ] as const)("answered with %s takes none of it", async ([, raw]) => {
    await expect(on(`HTTP/1.1 200 OK\r\n${raw}\r\n\r\n`, (url) => send(url))).rejects.toMatchObject({ code: "not_http" });
  });

  test("takes no more of a body without end than it may", async () => {
    let sent = 0;
    const endless: RequestListener = (_, response) => {
      const more = (): void => {
        if (response.destroyed) return;
        sent += 65_536;
        response.write(Buffer.alloc(65_536), more);
      };
      more();
    };
    await expect(on(endless, (url) => send(url, { ...LIMITS, bytesMax: 1 << 18 }))).rejects.toMatchObject({
      code: "answer_too_large",
      message: "an answer of more than 256 KiB",
    });
    // What is on its way in buffers comes on top.
    expect(sent).toBeLessThan(16 << 20);
  });

  test("asks for nothing compressed, and unpacks nothing: a bomb stays as small as it came", async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    const asked: unknown[] = [];
    const answer: RequestListener = (request, response) => {
      asked.push(request.headers["accept-encoding"]);
      response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
    };
    await expect(on(answer, (url) => send(url))).rejects.toMatchObject({ code: "not_http", message: "the answer is compressed, which was not asked for" });
    expect(asked).toEqual(["identity"]);
  });

  test("waits for no answer behind notes without end that there will be one", async () => {
    const notes: RequestListener = (_, response) => {
      const timer = setInterval(() => response.writeContinue(), 20);
      response.on("close", () => clearInterval(timer));
    };
    await expect(on(notes, (url) => send(url, { ...LIMITS, deadlineMs: 200 }))).rejects.toMatchObject({ code: "deadline" });
  });

  test("knows whether the other side may have it", async () => {
    const isSent = async (ask: Promise<unknown>): Promise<unknown> => {
      try {
        return await ask;
      } catch (error) {
        return error instanceof HttpError ? error.isSent : error;
      }
    };
    expect(await isSent(send(new URL("http://127.0.0.1:1/")))).toBe(false);
    expect(await isSent(send(new URL("http://nobody.invalid/")))).toBe(false);
    expect(await isSent(sendHttp({ url: new URL("http://slow.invalid/"), headers: {} }, { ...LIMITS, deadlineMs: 50, lookup: () => {} }))).toBe(false);
    expect(await isSent(send(new URL("http://127.0.0.1:1/"), LIMITS, AbortSignal.abort()))).toBe(false);
    expect(await isSent(on("", (url) => send(url)))).toBe(true);
    expect(
      await isSent(
        on(
          (request) => request.socket.destroy(),
          (url) => send(url),
        ),
      ),
    ).toBe(true);
    expect(
      await isSent(
        on(
          () => {},
          (url) => send(url, { ...LIMITS, deadlineMs: 200 }),
        ),
      ),
    ).toBe(true);
    // Nothing was said to whom we do not trust.
    expect(await isSent(on("HTTP/1.1 200 OK\r\n\r\n", (url) => send(new URL(url.href.replace("http:", "https:")))))).toBe(false);
  });

  test("that is an order goes out once, on a connection of its own, and not to where it is sent on to", async () => {
    const seen: unknown[] = [];
    const sockets = new Set<unknown>();
    const listener: RequestListener = (request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        sockets.add(request.socket);
        seen.push([request.method, request.headers["content-type"], request.headers["content-length"], body]);
        response.writeHead(307, { location: "/b" }).end("there");
      });
    };
    await on(listener, async (url) => {
      const order = { url, headers: { "content-type": "application/cloudevents+json" }, order: '{"a":"ü"}' };
      expect(await sendHttp(order, LIMITS)).toMatchObject({ status: 307, body: "there" });
      await sendHttp(order, LIMITS);
    });
    expect(seen).toEqual(Array.from({ length: 2 }, () => ["POST", "application/cloudevents+json", "10", '{"a":"ü"}']));
    expect(sockets.size).toBe(2);
  });

  test("to nobody is told apart", async () => {
    await expect(send(new URL("http://127.0.0.1:1/"))).rejects.toMatchObject({ code: "unreachable", message: "connection refused" });
    await expect(send(new URL("http://nobody.invalid/"))).rejects.toMatchObject({ code: "unreachable" });
    await on(
      (_, response) => response.end(),
      async (url) => {
        await expect(send(new URL(url.href.replace("http:", "https:")))).rejects.toMatchObject({ code: "tls_refused" });
      },
    );
  });

  test("is sent on without the user and password of whoever sends it on", async () => {
    const seen: unknown[] = [];
    const round: RequestListener = (request, response) => {
      seen.push(request.headers.authorization);
      if (request.url === "/a") response.writeHead(307, { location: `http://who:what@${request.headers.host}/b` }).end();
      else response.end();
    };
    expect(await on(round, (url) => send(url))).toMatchObject({ status: 200 });
    expect(seen).toEqual([undefined, undefined]);
  });

  test("does not go round in circles", async () => {
    let times = 0;
    const round: RequestListener = (_, response) => {
      times++;
      response.writeHead(307, { location: "/a" }).end();
    };
    await expect(on(round, (url) => send(url))).rejects.toMatchObject({ code: "redirected", message: expect.stringContaining("more than 5 times") });
    expect(times).toBe(6);
  });
});

describe("trying again", () => {
  const backoff = (waits: number[], random = 0.5) => ({
    attempts: 5,
    baseMs: 100,
    mostMs: 300,
    askedMostMs: 1_000,
    random: () => random,
    sleep: async (ms: number) => {
      waits.push(ms);
    },
  });

  test("waits twice as long each time, up to the most, half of it at random", async () => {
    const waits: number[] = [];
    const work = () => Promise.reject(new Error("no"));
    await expect(retried(work, () => ({ again: true }), backoff(waits))).rejects.toThrow("no");
    expect(waits).toEqual([75, 150, 225, 225]); // 0.75 x 100, 200, 300, 300
  });

  test("never waits less than asked, and not at all beyond what is bearable", async () => {
    const waits: number[] = [];
    await expect(
      retried(
        () => Promise.reject(new Error("no")),
        () => ({ again: true, afterMs: 900 }),
        backoff(waits),
      ),
    ).rejects.toThrow("no");
    expect(waits).toEqual([900, 900, 900, 900]);
    await expect(
      retried(
        () => Promise.reject(new Error("no")),
        () => ({ again: true, afterMs: 1_001 }),
        backoff(waits),
      ),
    ).rejects.toThrow("no");
    expect(waits).toHaveLength(4);
  });

  test.for([
    ["5", 5_000],
    [" 0 ", 0],
    ["Mon, 23 Nov 2026 00:01:00 GMT", 60_000],
    ["Sun, 22 Nov 2026 00:00:00 GMT", 0],
    ["-5", undefined],
    ["soon", undefined],
    ["2026", 2_026_000],
    [undefined, undefined],
  ] as const)("reads Retry-After: %s", ([header, ms]) => {
    expect(retryAfterMs(header, Date.UTC(2026, 10, 23))).toBe(ms);
  });
});
