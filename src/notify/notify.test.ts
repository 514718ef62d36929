import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { type Receiver, startReceiver } from "../../test/support/receiver.ts";
import { PathError } from "../lib/system-error.ts";
import { Courier } from "./courier.ts";
import type { Notice, Notifier, Sent } from "./notifier.ts";
import { SlackNotifier } from "./slack/slack-notifier.ts";
import { WebhookNotifier } from "./webhook/webhook-notifier.ts";

const NEVER = new AbortController().signal;
const NOTICE: Notice = {
  ...{ id: "4f0c", time: "2026-11-23T04:00:00Z", kind: "at_maximum", phase: "began", workload: "shop/web", dropped: 0 },
  ...{ title: "shop/web is at its maximum of 10 units and needs 14", text: "raise bounds.max", facts: { needed: 14, max: 10 } },
};
const WALL_MS = Date.UTC(2026, 10, 23, 4, 0, 7);

let receiver: Receiver | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});
async function receive(answer?: (count: number, response: ServerResponse) => void): Promise<Receiver> {
  receiver = await startReceiver(answer);
  return receiver;
}
const webhook = (url: string, more: { secret?: () => string; headers?: () => Record<string, string> } = {}): WebhookNotifier =>
  new WebhookNotifier({ url: () => url, headers: () => ({}), wallMs: () => WALL_MS, ...more });

describe("a webhook", () => {
  test("gets a CloudEvent, signed as Standard Webhooks says", async () => {
    const { url, received } = await receive();
    const key = Buffer.alloc(24, 7);
    const secret = (): string => `whsec_${key.toString("base64")}`;
    expect(await webhook(`${url}/in?a=1`, { secret, headers: () => ({ authorization: "Bearer t" }) }).send(NOTICE, NEVER)).toEqual({ kind: "delivered" });
    const [{ path, headers, body } = { path: "", headers: {}, body: "" }] = received;
    expect(path).toBe("/in?a=1");
    expect(JSON.parse(body)).toEqual({
      ...{ specversion: "1.0", id: "4f0c", source: "vernier", type: "dev.vernier.notice.at_maximum", subject: "shop/web" },
      ...{ time: "2026-11-23T04:00:00Z", datacontenttype: "application/json" },
      data: { kind: "at_maximum", phase: "began", workload: "shop/web", title: NOTICE.title, text: NOTICE.text, facts: { needed: 14, max: 10 } },
    });
    const at = String(WALL_MS / 1_000);
    expect(headers).toMatchObject({
      "content-type": "application/cloudevents+json; charset=utf-8",
      authorization: "Bearer t",
      "webhook-id": "4f0c",
      "webhook-timestamp": at,
      "webhook-signature": `v1,${createHmac("sha256", key).update(`4f0c.${at}.${body}`).digest("base64")}`,
    });
  });

  test("is not signed without a secret, and not sent with one that can be guessed or cannot be read", async () => {
    const { url, received } = await receive();
    await webhook(url).send(NOTICE, NEVER);
    expect(received[0]?.headers).not.toHaveProperty("webhook-signature");
    expect(await webhook(url, { secret: () => "x".repeat(23) }).send(NOTICE, NEVER)).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("24 bytes"),
    });
    const gone = (): never => {
      throw new PathError("cannot read", "secret", Object.assign(new Error("no"), { code: "ENOENT" }));
    };
    expect(await webhook(url, { secret: gone }).send(NOTICE, NEVER)).toEqual({ kind: "failed", message: 'cannot read "secret": no such file', mayHeal: true });
    expect(received).toHaveLength(1);
  });

  test.for([
    [200, { kind: "delivered" }],
    [302, { kind: "failed", message: "answered 302", mayHeal: false }],
    [400, { kind: "failed", message: "answered 400", mayHeal: false }],
    [410, { kind: "failed", message: "answered 410", mayHeal: false }],
    [408, { kind: "failed", message: "answered 408", mayHeal: true }],
    [425, { kind: "failed", message: "answered 425", mayHeal: true }],
    [429, { kind: "failed", message: "answered 429", mayHeal: true, afterMs: 30_000 }],
    [503, { kind: "failed", message: "answered 503", mayHeal: true, afterMs: 13_000 }],
  ] as const)("that answers %d", async ([status, expected]) => {
    const asks = { 429: "30", 503: "Mon, 23 Nov 2026 04:00:20 GMT" }[status as number];
    const { url, received } = await receive((_, response) =>
      response.writeHead(status, { ...(asks !== undefined && { "retry-after": asks }), ...(status === 302 && { location: "/elsewhere" }) }).end("secret words"),
    );
    expect(await webhook(url).send(NOTICE, NEVER)).toEqual(expected);
    expect(received).toHaveLength(1);
  });

  test("that is not there, cuts the line or says no HTTP is said in words without its address", async () => {
    const { url } = await receive((_, response) => response.socket?.end("nonsense\r\n\r\n"));
    const cut = await webhook(`${url}/canary`).send(NOTICE, NEVER);
    await receiver?.close();
    const gone = await webhook(`${url}/canary`).send(NOTICE, NEVER);
    const bad = await webhook("http://canary:canary@127.0.0.1/").send(NOTICE, NEVER);
    for (const sent of [cut, gone, bad]) {
      expect(sent).toMatchObject({ kind: "failed", mayHeal: true });
      expect(JSON.stringify(sent)).not.toMatch(/canary|127\.0/);
    }
    expect(gone).toMatchObject({ message: "no connection, or it was cut (ECONNREFUSED)" });
    receiver = undefined;
  });

  test("is not waited for when we end", async () => {
    const { url, arrived } = await receive(() => {});
    const ending = new AbortController();
    const sent = webhook(url).send(NOTICE, ending.signal);
    await arrived(1);
    ending.abort();
    expect(await sent).toEqual({ kind: "failed", message: "stopped", mayHeal: true });
  });
});

describe("slack", () => {
  const sendTo = async (notice: Notice): Promise<{ text: string; blocks: { text?: { text: string; type: string; verbatim: boolean } }[] }> => {
    const { url, received } = await receive();
    expect(await new SlackNotifier({ url: () => `${url}/services/T/B/x`, wallMs: () => WALL_MS }).send(notice, NEVER)).toEqual({ kind: "delivered" });
    expect(received[0]).toMatchObject({ path: "/services/T/B/x", headers: { "content-type": "application/json; charset=utf-8" } });
    return JSON.parse(received[0]?.body ?? "");
  };

  test("gets text and blocks", async () => {
    expect(await sendTo({ ...NOTICE, phase: "continues", dropped: 3 })).toEqual({
      text: "still: shop/web is at its maximum of 10 units and needs 14: raise bounds.max",
      blocks: [
        {
          type: "section",
          text: { type: "mrkdwn", text: "*still: shop/web is at its maximum of 10 units and needs 14*\nraise bounds.max", verbatim: true },
        },
        {
          type: "context",
          elements: [{ type: "mrkdwn", text: "at_maximum · 2026-11-23T04:00:00Z · 3 earlier notices were given up", verbatim: true }],
        },
      ],
    });
  });

  test("is given no links, mentions or markup of others", async () => {
    const evil = "<!channel> <@U1> <https://evil.example|click> a & b [x](https://evil.example) @here www.evil.example";
    const { text, blocks } = await sendTo({ ...NOTICE, title: evil, text: evil });
    for (const one of [text, blocks[0]?.text?.text ?? ""]) {
      expect(one).toContain("&lt;!channel&gt; &lt;@\u200bU1&gt;");
      expect(one).toContain("a &amp; b");
      expect(one).not.toMatch(/[<>]|@\w|:\/\/|\]\(|www\.\w/);
    }
  });

  test("takes the longest notice whole: a section of Slack holds 3,000 characters", async () => {
    const long = "&".repeat(500);
    const { blocks } = await sendTo({ ...NOTICE, title: long, text: long });
    expect(blocks[0]?.text?.text).toMatch(/^\*(&amp;)+…\*\n(&amp;)+…$/);
    expect(blocks[0]?.text?.text.length).toBeLessThanOrEqual(3_000);
  });
});

/** A target that answers as it is told, in a world where waiting moves the clock. */
class Scripted implements Notifier {
  readonly notices: Notice[] = [];
  readonly attemptsMs: number[] = [];
  readonly warnings: string[] = [];
  nowMs = 0;
  isTimeStill = false;
  answer: (attempt: number) => Sent | Promise<Sent> = () => ({ kind: "delivered" });
  readonly courier = new Courier("oncall", this, {
    nowMs: () => this.nowMs,
    sleep: async (ms, signal) => {
      if (this.isTimeStill) await once(signal, "abort");
      else this.nowMs += ms;
    },
    random: () => 0,
    warn: (message) => this.warnings.push(message),
  });

  async send(notice: Notice): Promise<Sent> {
    this.notices.push(notice);
    this.attemptsMs.push(this.nowMs);
    return await this.answer(this.notices.length);
  }
}

const failed = (more: Partial<Extract<Sent, { kind: "failed" }>> = {}): Sent => ({ kind: "failed", message: "answered 503", mayHeal: true, ...more });

/** Lets everything go on that waits for nothing outside. */
const settled = (): Promise<void> => new Promise((go) => setImmediate(go));

describe("a courier", () => {
  test("tries again, later each time, with the same notice", async () => {
    const target = new Scripted();
    target.answer = (attempt) => (attempt < 9 ? failed() : { kind: "delivered" });
    target.courier.take({ ...NOTICE, id: "a" });
    await settled();
    // Half of 1, 2, 4, … 60 s, without the part that is left to chance.
    expect(target.attemptsMs).toEqual([0, 500, 1_500, 3_500, 7_500, 15_500, 31_500, 61_500, 91_500]);
    expect(new Set(target.notices.map((notice) => JSON.stringify(notice))).size).toBe(1);
    expect(target.warnings).toEqual(["notify oncall: a notice was not delivered: answered 503", "notify oncall: notices are delivered again"]);
  });

  test("says nothing of a target that takes a notice at the third attempt", async () => {
    const target = new Scripted();
    target.answer = (attempt) => (attempt % 3 === 0 ? { kind: "delivered" } : failed());
    for (const id of ["a", "b"]) target.courier.take({ ...NOTICE, id });
    await settled();
    expect([target.notices.length, target.warnings]).toEqual([6, []]);
  });

  test("gives a notice up after a quarter of an hour, and says so in the next", async () => {
    const target = new Scripted();
    target.answer = () => failed();
    target.courier.take({ ...NOTICE, id: "a" });
    await settled();
    expect(target.attemptsMs.at(-1)).toBeLessThan(900_000);
    expect(target.nowMs).toBeGreaterThanOrEqual(900_000);
    target.answer = () => ({ kind: "delivered" });
    target.courier.take({ ...NOTICE, id: "b" });
    target.courier.take({ ...NOTICE, id: "c" });
    await settled();
    expect(target.notices.slice(-2)).toMatchObject([
      { id: "b", dropped: 1 },
      { id: "c", dropped: 0 },
    ]);
    expect(target.warnings.at(-1)).toBe("notify oncall: notices are delivered again; 1 were given up");
  });

  test("waits as long as it is asked to", async () => {
    const target = new Scripted();
    target.answer = (attempt) => (attempt === 1 ? failed({ afterMs: 120_000 }) : { kind: "delivered" });
    target.courier.take({ ...NOTICE, id: "a" });
    await settled();
    expect(target.attemptsMs).toEqual([0, 120_000]);
  });

  test("leaves a target alone that asks for longer than a notice lives, and not for longer than an hour", async () => {
    const target = new Scripted();
    target.answer = (attempt) => (attempt === 1 ? failed({ afterMs: 86_400_000 }) : { kind: "delivered" });
    target.courier.take({ ...NOTICE, id: "a" });
    target.courier.take({ ...NOTICE, id: "b" });
    await settled();
    expect(target.attemptsMs).toEqual([0]);
    target.courier.take({ ...NOTICE, id: "c" });
    await settled();
    expect(target.notices.at(-1)).toMatchObject({ id: "c", dropped: 2 });
    expect(target.attemptsMs).toEqual([0, 3_600_000]);
  });

  test("does not repeat what will never be taken, nor stumble over a notifier with a bug", async () => {
    const target = new Scripted();
    target.answer = (attempt) => {
      if (attempt === 1) return failed({ mayHeal: false });
      if (attempt === 2) throw new TypeError("https://canary.example");
      return { kind: "delivered" };
    };
    for (const id of ["a", "b", "c"]) target.courier.take({ ...NOTICE, id });
    await settled();
    expect(target.notices.map(({ id, dropped }) => [id, dropped])).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 2],
    ]);
    expect(target.warnings.join()).not.toContain("canary");
  });

  test("keeps the newest hundred when nothing goes out", async () => {
    const target = new Scripted();
    let free: (sent: Sent) => void = () => {};
    target.answer = (attempt) =>
      attempt === 1
        ? new Promise((resolve) => {
            free = resolve;
          })
        : { kind: "delivered" };
    // The first is on its way at once; of 105 that wait the oldest 5 go.
    for (let i = 0; i <= 105; i++) target.courier.take({ ...NOTICE, id: String(i) });
    free({ kind: "delivered" });
    await settled();
    expect(target.notices.map(({ id }) => id)).toEqual(["0", ...Array.from({ length: 100 }, (_, i) => String(i + 6))]);
    expect(target.notices[1]?.dropped).toBe(5);
    expect(target.warnings).toEqual(["notify oncall: more than 100 notices wait; the oldest are given up"]);
  });

  test("waits a little at the end, and then says what was left", async () => {
    const target = new Scripted();
    target.isTimeStill = true;
    for (const id of ["a", "b"]) target.courier.take({ ...NOTICE, id });
    await target.courier.close();
    target.isTimeStill = false;
    expect([target.notices.length, target.warnings]).toEqual([2, []]);
    const stuck = new AbortController();
    target.answer = () =>
      new Promise((resolve) => {
        stuck.signal.addEventListener("abort", () => resolve(failed()));
      });
    for (const id of ["c", "d"]) target.courier.take({ ...NOTICE, id });
    const closed = target.courier.close();
    await settled();
    stuck.abort();
    await closed;
    expect(target.warnings).toEqual(["notify oncall: ended with 2 notices not delivered"]);
  });
});
