import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { describe, expect, test } from "vitest";
import { sendHttp } from "./http.ts";
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
    [`HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(10_000)}\r\n`, "not_http"],
  ] as const)("answered with %j is told apart", async ([raw, code]) => {
    await expect(on(raw, (url) => send(url))).rejects.toMatchObject({ name: "HttpError", code });
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
