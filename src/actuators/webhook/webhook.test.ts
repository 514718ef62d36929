import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Breaker } from "../../lib/breaker.ts";
import { readSecret } from "../../lib/secrets.ts";
import { signatureTrouble, signedHeaders, signingKey } from "../../lib/webhook-signature.ts";
import { actuatorCases } from "../actuator.cases.ts";
import type { SetOrder } from "../actuator.ts";
import { WebhookActuator, type WebhookConfig } from "./webhook-actuator.ts";

const SECRET = "correct horse battery staple";
const OTHER = "another secret, long enough to be one";
const NEVER = new AbortController().signal;
const NOW_MS = Date.UTC(2026, 10, 23);
const ORDER: SetOrder = { intentId: "intent-7", epoch: 3, units: 6, expect: { requested: 4, version: "a" } };
const folder = mkdtempSync(join(tmpdir(), "vernier-webhook-"));
afterAll(() => rmSync(folder, { recursive: true }));

let nowMs: number;
beforeEach(() => {
  nowMs = NOW_MS;
});
const actuatorAt = (port: number, config: Partial<WebhookConfig> = {}, deadlineMs = 2_000): WebhookActuator =>
  new WebhookActuator({
    workload: "shop/web",
    url: new URL(`http://127.0.0.1:${port}/orders`),
    observe: new URL(`http://127.0.0.1:${port}/capacity`),
    secrets: () => [SECRET],
    asking: {
      limits: { deadlineMs, bytesMax: 1 << 16 },
      breaker: new Breaker({ nowMs: () => nowMs, random: () => 1 }),
      wallMs: () => nowMs,
    },
    ...config,
  });

describe("the receiver of the readme", () => {
  const world = join(folder, "world.json");
  let receiver: ChildProcess;
  let port = 0;
  beforeAll(async () => {
    const [, code] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(import.meta.dirname, "readme.md"), "utf8")) as unknown as [string, string];
    expect(code.trim().split("\n").length).toBeLessThanOrEqual(25);
    const path = join(folder, "receiver.mjs");
    // Told to take any port, it says which.
    writeFileSync(path, code.replace('"127.0.0.1");', '"127.0.0.1", function () { process.send(this.address().port); });'));
    receiver = spawn(process.execPath, [path], { env: { HOOK_SECRET: SECRET, PORT: "0", WORLD: world }, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    port = await new Promise<number>((done) => receiver.once("message", done as (message: unknown) => void));
  });
  afterAll(() => {
    receiver.kill("SIGKILL");
  });

  actuatorCases("webhook", () => {
    nowMs = Date.now();
    writeFileSync(world, JSON.stringify({ requested: 4, epoch: 0 }));
    return { actuator: actuatorAt(port), change: (units) => writeFileSync(world, JSON.stringify({ requested: units, epoch: 0 })) };
  });

  test("takes orders from nobody else", async () => {
    nowMs = Date.now();
    writeFileSync(world, JSON.stringify({ requested: 4, epoch: 0 }));
    const stranger = actuatorAt(port, { secrets: () => [OTHER] });
    expect(await stranger.set({ ...ORDER, expect: { requested: 4 } }, NEVER)).toEqual({ kind: "failed", message: "answered 401" });
    expect(await stranger.observe(NEVER)).toMatchObject({ kind: "unreadable", code: "denied" });
    nowMs -= 301_000;
    expect(await actuatorAt(port).set(ORDER, NEVER)).toMatchObject({ kind: "failed" });
    expect(JSON.parse(readFileSync(world, "utf8"))).toEqual({ requested: 4, epoch: 0 });
  });
});

interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}
type Answer = (received: Received, response: ServerResponse) => void;

/** A receiver that does as it is told, in this process. */
class Receiver {
  readonly received: Received[] = [];
  capacity = "4";
  answer: Answer = acknowledge({ status: "applied" });
  observed: Answer = (_, response) => response.end(this.capacity);
  readonly #server: Server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => {
      const received = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      this.received.push(received);
      (received.method === "GET" ? this.observed : this.answer)(received, response);
    });
  });

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

interface Signing {
  readonly secret?: string | undefined;
  readonly atMs?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers an order with a signed acknowledgement. */
function acknowledge(fields: Readonly<Record<string, unknown>>, how: Signing = {}): Answer {
  return (received, response) => {
    const { intentId } = (JSON.parse(received.body) as { data: { intentId: string } }).data;
    signed(JSON.stringify({ intentId, ...fields }), how)(received, response);
  };
}

function signed(body: string, { secret = SECRET, atMs, status = 200, headers = {} }: Signing = {}): Answer {
  return (_, response) => {
    const at = String(Math.floor((atMs ?? nowMs) / 1_000));
    const signature = `v1,${createHmac("sha256", secret).update(`ack.${at}.${body}`).digest("base64")}`;
    response.writeHead(status, { "webhook-id": "ack", "webhook-timestamp": at, "webhook-signature": signature, ...headers }).end(body);
  };
}

const plain =
  (status: number, body = "", headers: Readonly<Record<string, string>> = {}): Answer =>
  (_, response) =>
    response.writeHead(status, headers).end(body);

let receiver: Receiver;
let port: number;
beforeEach(async () => {
  receiver = new Receiver();
  port = await receiver.listen();
});
afterEach(() => receiver.close());
const actuator = (config?: Partial<WebhookConfig>, deadlineMs?: number): WebhookActuator => actuatorAt(port, config, deadlineMs);

describe("an order", () => {
  test("is a signed CloudEvent, the same at every attempt", async () => {
    const one = actuator();
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "applied" });
    nowMs += 90_000;
    await one.set(ORDER, NEVER);
    const [first, second] = receiver.received as [Received, Received];
    expect(first).toMatchObject({
      method: "POST",
      path: "/orders",
      headers: { "content-type": "application/cloudevents+json; charset=utf-8", "idempotency-key": "intent-7", "webhook-id": "intent-7" },
    });
    expect(JSON.parse(first.body)).toEqual({
      specversion: "1.0",
      id: "intent-7",
      source: "vernier",
      type: "dev.vernier.capacity.set",
      subject: "shop/web",
      time: "2026-11-23T00:00:00Z",
      datacontenttype: "application/json",
      data: { workload: "shop/web", units: 6, expect: { requested: 4, version: "a" }, epoch: 3, intentId: "intent-7" },
    });
    expect(second.body).toBe(first.body);
    expect(Number(second.headers["webhook-timestamp"]) - Number(first.headers["webhook-timestamp"])).toBe(90);
    for (const { headers, body } of [first, second]) {
      const text = `intent-7.${headers["webhook-timestamp"] as string}.${body}`;
      expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", SECRET).update(text).digest("base64")}`);
    }
    await one.set({ ...ORDER, intentId: "intent-8" }, NEVER);
    expect(JSON.parse(receiver.received[2]?.body as string)).toMatchObject({ id: "intent-8", time: "2026-11-23T00:01:30Z" });
  });

  test("is signed by both secrets while one takes the place of the other, and either may sign what comes of it", async () => {
    const one = actuator({ secrets: () => [OTHER, SECRET] });
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "applied" });
    receiver.answer = acknowledge({ status: "applied" }, { secret: OTHER });
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "applied" });
    const { headers, body } = receiver.received[0] as Received;
    expect((headers["webhook-signature"] as string).split(" ")).toHaveLength(2);
    for (const secret of [SECRET, OTHER]) expect(signatureTrouble(headers, body, [signingKey(secret) as Buffer], nowMs)).toBeUndefined();
  });

  test("without a secret is not signed, and counts when it is about this intent", async () => {
    const one = actuator({ secrets: () => [] });
    receiver.answer = plain(200, '{"intentId": "intent-7", "status": "applied"}');
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "applied" });
    expect(receiver.received[0]?.headers).not.toHaveProperty("webhook-signature");
    receiver.answer = plain(200, '{"intentId": "intent-6", "status": "applied"}');
    expect(await one.set(ORDER, NEVER)).toMatchObject({ kind: "unknown" });
  });

  test("is not given without a secret that can be used", async () => {
    const path = join(folder, "secret");
    const one = actuator({ secrets: () => [readSecret(path)] });
    expect(await one.set(ORDER, NEVER)).toMatchObject({ kind: "failed", message: expect.stringContaining("cannot read") });
    expect(await one.observe(NEVER)).toMatchObject({ kind: "unreadable", code: "denied" });
    writeFileSync(path, "short");
    expect(await one.set(ORDER, NEVER)).toMatchObject({ kind: "failed", message: "a secret of fewer than 24 bytes can be guessed; make a longer one" });
    expect(receiver.received).toEqual([]);
    // Whoever renews it need not tell us.
    writeFileSync(path, SECRET);
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "applied" });
  });
});

describe("an answer", () => {
  const body = (fields: object): string => JSON.stringify({ intentId: "intent-7", ...fields });
  const applied = body({ status: "applied" });
  test.for<[string, Answer, object]>([
    ["unchanged", acknowledge({ status: "unchanged" }), { kind: "unchanged" }],
    ["applied, signed a little while ago", acknowledge({ status: "applied" }, { atMs: NOW_MS - 299_000 }), { kind: "applied" }],
    ["applied with 202", acknowledge({ status: "applied" }, { status: 202 }), { kind: "applied" }],
    ["a conflict", acknowledge({ status: "conflict", message: "there are\n5" }), { kind: "conflict", message: "there are 5" }],
    ["a failure", acknowledge({ status: "failed" }), { kind: "failed", message: "the receiver says no more" }],
    ["a refusal", acknowledge({ status: "rejected", until: "2026-11-23T00:10:00Z" }), { kind: "rejected", untilMs: NOW_MS + 600_000 }],
    ["a refusal for a year", acknowledge({ status: "rejected", until: "2027-11-23T00:00:00Z" }), { kind: "rejected", untilMs: NOW_MS + 3_600_000 }],
    ["a refusal until nobody knows when", acknowledge({ status: "rejected", until: "soon" }), { kind: "rejected", message: "the receiver says no more" }],
    ["accepted where nobody waits", acknowledge({ status: "accepted" }, { status: 202 }), { kind: "unknown", message: /does not wait for it/ }],
    ["409", plain(409, '{"message": "there are 5"}'), { kind: "conflict", message: "answered 409: there are 5" }],
    ["412", plain(412), { kind: "conflict" }],
    ["429 with seconds", plain(429, "", { "retry-after": "120" }), { kind: "rejected", untilMs: NOW_MS + 120_000 }],
    ["503 with a date", plain(503, "", { "retry-after": "Mon, 23 Nov 2026 00:02:00 GMT" }), { kind: "rejected", untilMs: NOW_MS + 120_000 }],
    ["429 with a year", plain(429, "", { "retry-after": "31536000" }), { kind: "rejected", untilMs: NOW_MS + 3_600_000 }],
    ["429 alone", plain(429), { kind: "rejected" }],
    ["503 alone", plain(503), { kind: "unknown" }],
    ["503 with no time", plain(503, "", { "retry-after": "soon" }), { kind: "unknown" }],
    ["400", plain(400), { kind: "failed" }],
    ["404", plain(404, "<html>"), { kind: "failed", message: "answered 404" }],
    ["500", plain(500, applied), { kind: "unknown" }],
    ["502", plain(502), { kind: "unknown" }],
    ["307", plain(307, "", { location: "/elsewhere" }), { kind: "unknown", message: "answered 307" }],
    ["303", plain(303, applied, { location: "http://127.0.0.1:1/" }), { kind: "unknown" }],
    ["nothing", plain(200), { kind: "unknown", message: /is not signed/ }],
    ["204", plain(204), { kind: "unknown" }],
    ["unsigned", plain(200, applied), { kind: "unknown", message: "answered 200, but the answer is not signed" }],
    ["signed by somebody else", acknowledge({ status: "applied" }, { secret: OTHER }), { kind: "unknown", message: /not signed by a secret of ours/ }],
    ["signed too long ago", acknowledge({ status: "applied" }, { atMs: NOW_MS - 301_000 }), { kind: "unknown", message: /too long ago/ }],
    ["signed tomorrow", acknowledge({ status: "applied" }, { atMs: NOW_MS + 86_400_000 }), { kind: "unknown" }],
    ["signed at no time", acknowledge({ status: "applied" }, { headers: { "webhook-timestamp": "NaN" } }), { kind: "unknown" }],
    ["signed as another message", acknowledge({ status: "applied" }, { headers: { "webhook-id": "ack2" } }), { kind: "unknown" }],
    ["signed with nothing", acknowledge({ status: "applied" }, { headers: { "webhook-signature": "v1," } }), { kind: "unknown" }],
    ["signed with another scheme", acknowledge({ status: "applied" }, { headers: { "webhook-signature": "v1a,AAAA" } }), { kind: "unknown" }],
    ["of another intent", acknowledge({ intentId: "intent-6", status: "applied" }), { kind: "unknown", message: /not about this intent/ }],
    ["of no intent", signed('{"status": "applied"}'), { kind: "unknown" }],
    ["of a list of intents", signed('[{"intentId": "intent-7", "status": "applied"}]'), { kind: "unknown", message: /is no object/ }],
    ["of a prototype", signed('{"__proto__": {"intentId": "intent-7", "status": "applied"}}'), { kind: "unknown" }],
    ["of no status", signed('{"intentId": "intent-7"}'), { kind: "unknown", message: /no status that we know/ }],
    ["of a status that is a word of objects", signed('{"intentId": "intent-7", "status": "constructor"}'), { kind: "unknown" }],
    ["a page", signed("<html>OK</html>"), { kind: "unknown", message: /is not JSON/ }],
    ["null", signed("null"), { kind: "unknown" }],
    ["what was sent, as it was sent", (received, response) => response.writeHead(200, signatureOf(received)).end(received.body), { kind: "unknown" }],
    ["too much", plain(200, " ".repeat(1 << 17)), { kind: "unknown", message: "an answer of more than 64 KiB" }],
    ["compressed", acknowledge({ status: "applied" }, { headers: { "content-encoding": "gzip" } }), { kind: "unknown" }],
    ["half of it", (_, response) => response.writeHead(200, { "content-length": "100" }).write("{", () => response.destroy()), { kind: "unknown" }],
    ["a cut connection", (_, response) => response.destroy(), { kind: "unknown" }],
    ["none", () => {}, { kind: "unknown", message: "no full answer within 0.4 s" }],
    ["our secret, said back", plain(400, JSON.stringify({ message: `who is ${SECRET}?` })), { kind: "failed", message: "answered 400: who is ***?" }],
  ])("%s", async ([, answer, outcome]) => {
    receiver.answer = answer;
    const found = await actuator(undefined, 400).set(ORDER, NEVER);
    const { message, ...fields } = outcome as { message?: string | RegExp; [field: string]: unknown };
    expect(found).toMatchObject(fields);
    if (message !== undefined) expect(found).toHaveProperty("message", message instanceof RegExp ? expect.stringMatching(message) : message);
    // One attempt, whatever came back: who gave the order decides.
    expect(receiver.received).toHaveLength(1);
  });

  test("that was caught on its way is of no use for another intent, nor later for the same", async () => {
    const one = actuator();
    let caught: Answer = plain(500);
    receiver.answer = (received, response) => {
      const at = nowMs;
      caught = acknowledge({ intentId: (JSON.parse(received.body) as { id: string }).id, status: "applied" }, { atMs: at });
      caught(received, response);
    };
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "applied" });
    const body = JSON.stringify({ intentId: "intent-7", status: "applied" });
    receiver.answer = signed(body, { atMs: NOW_MS });
    nowMs += 60_000;
    expect(await one.set({ ...ORDER, intentId: "intent-8" }, NEVER)).toMatchObject({
      kind: "unknown",
      message: expect.stringContaining("not about this intent"),
    });
    nowMs += 300_000;
    expect(await one.set(ORDER, NEVER)).toMatchObject({ kind: "unknown", message: expect.stringContaining("too long ago") });
  });

  test("of nobody at all is a failure when nothing was said, and unknown when something was", async () => {
    const { limits, ...asking } = {
      limits: { deadlineMs: 500, bytesMax: 1 << 16 },
      breaker: new Breaker({ nowMs: () => 0, random: () => 1 }),
      wallMs: () => nowMs,
    };
    const to = (url: string, lookup?: () => void) =>
      actuator({ url: new URL(url), asking: { ...asking, limits: { ...limits, ...(lookup !== undefined && { lookup }) } } }).set(ORDER, NEVER);
    expect(await to("http://127.0.0.1:1/")).toEqual({ kind: "failed", message: "connection refused" });
    expect(await to("http://nobody.invalid/")).toMatchObject({ kind: "failed" });
    expect(await to("http://slow.invalid/", () => {})).toMatchObject({ kind: "failed", message: "no full answer within 0.5 s" });
    expect(await to("http://169.254.169.254/latest/meta-data")).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("needs allow: [169.254.169.254]"),
    });
    expect(await to(`https://127.0.0.1:${port}/`)).toEqual({ kind: "failed", message: "the other side speaks no TLS" });
    const mute = createTcpServer((socket) => socket.on("error", () => {}).once("data", () => socket.resetAndDestroy()));
    await new Promise<void>((done) => mute.listen(0, "127.0.0.1", done));
    expect(await to(`http://127.0.0.1:${(mute.address() as AddressInfo).port}/`)).toMatchObject({ kind: "unknown" });
    mute.close();
    const stop = new AbortController();
    receiver.answer = () => stop.abort();
    expect(await actuator().set(ORDER, stop.signal)).toMatchObject({ kind: "unknown", message: "stopped" });
  });
});

describe("an order that was accepted", () => {
  const accept = (until?: string): Answer =>
    acknowledge({ status: "accepted", message: "asked the night shift", ...(until !== undefined && { until }) }, { status: 202 });

  test("is unknown, and what is there is not told until it is what was ordered", async () => {
    const one = actuator({ acknowledgeMs: 3_600_000 });
    receiver.answer = accept();
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "unknown", message: "accepted: asked the night shift" });
    const pending = (found: number): object => ({
      kind: "unreadable",
      code: "pending",
      message: `6 units were accepted and may come until 2026-11-23T01:00:00Z, ${found} are there`,
    });
    expect(await one.observe(NEVER)).toEqual(pending(4));
    receiver.capacity = "5";
    nowMs += 3_599_000;
    expect(await one.observe(NEVER)).toEqual(pending(5));
    receiver.capacity = "6";
    expect(await one.observe(NEVER)).toMatchObject({ kind: "found", requested: 6 });
    receiver.capacity = "3";
    expect(await one.observe(NEVER)).toMatchObject({ kind: "found", requested: 3 });
  });

  test.for([
    [undefined, 3_600_000],
    ["2026-11-23T00:20:00Z", 1_200_000],
    ["2027-01-01T00:00:00Z", 3_600_000],
  ] as const)("until %s is given up after %i ms", async ([until, ms]) => {
    const one = actuator({ acknowledgeMs: 3_600_000 });
    receiver.answer = accept(until);
    await one.set(ORDER, NEVER);
    nowMs = NOW_MS + ms - 1;
    expect(await one.observe(NEVER)).toMatchObject({ kind: "unreadable", code: "pending" });
    nowMs = NOW_MS + ms;
    expect(await one.observe(NEVER)).toMatchObject({ kind: "found", requested: 4 });
  });

  test("by somebody else is not accepted", async () => {
    const one = actuator({ acknowledgeMs: 3_600_000 });
    receiver.answer = acknowledge({ status: "accepted" }, { status: 202, secret: OTHER });
    expect(await one.set(ORDER, NEVER)).toMatchObject({ kind: "unknown" });
    expect(await one.observe(NEVER)).toMatchObject({ kind: "found", requested: 4 });
  });

  test("is forgotten for the next one, if that goes out", async () => {
    const one = actuator({ acknowledgeMs: 3_600_000 });
    receiver.answer = accept();
    await one.set(ORDER, NEVER);
    expect(await one.set({ ...ORDER, units: 5 }, AbortSignal.abort())).toEqual({ kind: "failed", message: "stopped before it began" });
    expect(await one.observe(NEVER)).toMatchObject({ kind: "unreadable", code: "pending" });
    receiver.answer = acknowledge({ status: "applied" });
    await one.set({ ...ORDER, intentId: "intent-8", units: 5 }, NEVER);
    expect(await one.observe(NEVER)).toMatchObject({ kind: "found", requested: 4 });
  });
});

describe("capacity", () => {
  test("is asked for with a signature, and read as a number or in fields", async () => {
    expect(await actuator().observe(NEVER)).toEqual({ kind: "found", requested: 4, ready: 4, starting: 0, draining: 0 });
    const { headers, path } = receiver.received[0] as Received;
    expect(path).toBe("/capacity");
    expect(signatureTrouble(headers, "", [signingKey(SECRET) as Buffer], nowMs)).toBeUndefined();
    receiver.capacity = '{"requested": 12, "ready": 9, "starting": 3, "version": "a", "uid": "u"}';
    expect(await actuator().observe(NEVER)).toEqual({ kind: "found", requested: 12, ready: 9, starting: 3, draining: 0, version: "a", uid: "u" });
  });

  test.for<[string, Answer, string, RegExp]>([
    ["no number", plain(200, "many"), "strange", /answered "many", expected a number of units/],
    ["half a unit", plain(200, "1.5"), "strange", /requested is 1.5/],
    ["a secret of ours", plain(200, SECRET), "strange", /answered "\*\*\*"/],
    ["401", plain(401), "denied", /answered 401/],
    ["404", plain(404), "gone", /answered 404/],
    ["503", plain(503), "unreachable", /answered 503/],
    ["elsewhere", plain(302, "", { location: "http://169.254.169.254/" }), "unreachable", /pointing to http:\/\/169.254.169.254\//],
    ["too much", plain(200, "4".repeat(1 << 17)), "unreachable", /more than 64 KiB/],
    ["nothing", () => {}, "deadline", /no full answer/],
  ])("cannot be read from %s", async ([, answer, code, message]) => {
    receiver.observed = answer;
    expect(await actuator(undefined, 300).observe(NEVER)).toMatchObject({ kind: "unreadable", code, message: expect.stringMatching(message) });
  });

  test("is not asked for while nobody is there, and orders go out whatever came of asking", async () => {
    const one = actuator();
    receiver.observed = plain(500);
    for (let i = 0; i < 9; i++) await one.observe(NEVER);
    expect(receiver.received).toHaveLength(5);
    expect(await one.observe(NEVER)).toEqual({
      kind: "unreadable",
      code: "unreachable",
      message: "answered 500; failed 5 times or more, next attempt within 30 s",
    });
    expect(await one.set(ORDER, NEVER)).toEqual({ kind: "applied" });
    receiver.observed = plain(200, "6");
    nowMs += 30_000;
    expect(await one.observe(NEVER)).toMatchObject({ kind: "found", requested: 6 });
  });
});

describe("a signature", () => {
  test("is that of Standard Webhooks", () => {
    const key = signingKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") as Buffer;
    const message = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: "1614265330", body: '{"test": 2432232314}' };
    expect(signedHeaders(message, [key])["webhook-signature"]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  test("stands for no other text, time or identity", () => {
    const keys = [signingKey(SECRET) as Buffer];
    const message = { id: "a", at: String(NOW_MS / 1_000), body: '{"units": 6}' };
    const headers = signedHeaders(message, keys);
    expect(signatureTrouble(headers, message.body, keys, NOW_MS)).toBeUndefined();
    for (let i = 0; i < message.body.length; i++) {
      const changed = `${message.body.slice(0, i)}${String.fromCharCode(message.body.charCodeAt(i) ^ 1)}${message.body.slice(i + 1)}`;
      expect(signatureTrouble(headers, changed, keys, NOW_MS), changed).toBe("is not signed by a secret of ours");
    }
    for (const other of [{ "webhook-id": "b" }, { "webhook-timestamp": String(NOW_MS / 1_000 + 1) }, { "webhook-signature": "v1," }])
      expect(signatureTrouble({ ...headers, ...other }, message.body, keys, NOW_MS)).toBe("is not signed by a secret of ours");
    for (const secret of ["", "short", "whsec_", "whsec_AAAA", "x".repeat(23)]) expect(signingKey(secret)).toBeUndefined();
  });
});

function signatureOf({ headers }: Received): Record<string, string> {
  return Object.fromEntries(["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [name, headers[name] as string]));
}
