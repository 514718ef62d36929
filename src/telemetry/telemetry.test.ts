import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Receiver, startReceiver } from "../../test/support/receiver.ts";
import type { TickStages } from "../control/ports.ts";
import { traceSettings } from "./settings.ts";
import { Tracer } from "./tracer.ts";

describe("settings", () => {
  const resource = { "service.name": "vernier", "service.version": "1.2.3" };
  test.for<[Record<string, string>, unknown]>([
    [{}, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: " " }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/" }, { url: "http://c:4318/v1/traces", headers: {}, resource }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otlp" }, { url: "https://c/otlp/v1/traces", headers: {}, resource }],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://b/in", OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%3Db, y=1" },
      { url: "http://b/in", headers: { "x-key": "a=b", y: "1" }, resource },
    ],
    [
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://a",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=x,deployment.environment=prod%20eu,bad,=2,c=%",
        OTEL_SERVICE_NAME: "v2",
      },
      { url: "http://a/v1/traces", headers: {}, resource: { ...resource, "service.name": "v2", "deployment.environment": "prod eu" } },
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_SDK_DISABLED: "TRUE" }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_TRACES_EXPORTER: "none" }, undefined],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, expect.stringContaining("grpc")],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "canary:4317" }, expect.not.stringContaining("canary")],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://canary:canary@a" }, expect.not.stringContaining("canary")],
  ])("%j", ([environment, expected]) => {
    expect(traceSettings(environment, "1.2.3")).toEqual(expected);
  });
});

const TICK: TickStages = { beganMs: 1_000, observedMs: 1_200, decidedMs: 1_210, committedMs: 1_215, actedMs: 1_700, workloads: 3, intents: 1 };

describe("traces", () => {
  let receiver: Receiver | undefined;
  afterEach(async () => {
    vi.useRealTimers();
    await receiver?.close();
    receiver = undefined;
  });

  async function tracerTo(answer?: (count: number, response: ServerResponse) => void): Promise<{ tracer: Tracer; warnings: string[]; receiver: Receiver }> {
    receiver = await startReceiver(answer);
    const warnings: string[] = [];
    const settings = { url: `${receiver.url}/v1/traces?canary`, headers: { "x-key": "k" }, resource: { "service.name": "vernier" } };
    return { tracer: new Tracer(settings, "1.2.3", (message) => warnings.push(message)), warnings, receiver };
  }

  /** Nanoseconds have more digits than a number. */
  const millis = (nanos: unknown): number => Number(String(nanos).replace(/000000$/, ""));
  const spansOf = (body: string): Record<string, unknown>[] => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans;

  test("of a tick are a span with a child for each stage, in wall time", async () => {
    const { tracer, warnings, receiver } = await tracerTo();
    tracer.tick(TICK, 1_700_000_000_000);
    tracer.tick({ ...TICK, intents: 0 }, 1_700_000_000_000);
    await tracer.close();
    expect(warnings).toEqual([]);
    const [{ headers, body } = { headers: {}, body: "" }] = receiver.received;
    expect(headers).toMatchObject({ "content-type": "application/json", "x-key": "k" });
    expect(JSON.parse(body)).toMatchObject({
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "vernier" } }] },
          scopeSpans: [{ scope: { name: "vernier", version: "1.2.3" } }],
        },
      ],
    });
    const spans = spansOf(body);
    const [root, ...children] = spans.slice(0, 5);
    expect(root).toEqual({
      ...{ traceId: expect.stringMatching(/^[0-9a-f]{32}$/), spanId: expect.stringMatching(/^[0-9a-f]{16}$/), name: "tick", kind: 1, status: {} },
      ...{ startTimeUnixNano: "1700000001000000000", endTimeUnixNano: "1700000001700000000" },
      attributes: [
        { key: "vernier.workloads", value: { intValue: "3" } },
        { key: "vernier.intents", value: { intValue: "1" } },
      ],
    });
    expect(children.map(({ name, startTimeUnixNano, endTimeUnixNano }) => [name, millis(startTimeUnixNano), millis(endTimeUnixNano)])).toEqual([
      ["observe", 1_700_000_001_000, 1_700_000_001_200],
      ["decide", 1_700_000_001_200, 1_700_000_001_210],
      ["commit", 1_700_000_001_210, 1_700_000_001_215],
      ["act", 1_700_000_001_215, 1_700_000_001_700],
    ]);
    for (const { parentSpanId, traceId } of children) expect([parentSpanId, traceId]).toEqual([root?.["spanId"], root?.["traceId"]]);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(9);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(2);
  });

  test("go out in batches after a while, of which each is taken or dropped", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { tracer, warnings, receiver } = await tracerTo((count, response) => response.writeHead(count === 1 ? 503 : 200).end());
    // 120 x 5 spans: 512, and 88 of which the rest of the 103rd tick is a part.
    for (let i = 0; i < 120; i++) tracer.tick(TICK, 0);
    vi.advanceTimersByTime(5_000);
    await receiver.arrived(2);
    await vi.waitFor(() => expect(warnings).toHaveLength(2));
    expect(receiver.received.map(({ body }) => spansOf(body).length)).toEqual([512, 88]);
    expect(warnings).toEqual(["traces are dropped until the collector takes them: answered 503", "traces are taken again; 512 spans were dropped"]);
    vi.useRealTimers();
    await tracer.close();
    expect(receiver.received).toHaveLength(2);
  });

  test("wait for a collector in bounded number, and for one that is away not at all", async () => {
    const { tracer, warnings, receiver } = await tracerTo();
    for (let i = 0; i < 1_000; i++) tracer.tick(TICK, 0);
    await tracer.close();
    // 409 whole ticks of 5 spans are the most in 2,048.
    expect(receiver.received.flatMap(({ body }) => spansOf(body))).toHaveLength(2_045);
    await receiver.close();
    for (let i = 0; i < 3; i++) tracer.tick(TICK, 0);
    await tracer.close();
    tracer.tick(TICK, 0);
    await tracer.close();
    expect(warnings).toEqual([expect.stringMatching(/^traces are dropped until the collector takes them: no connection, or it was cut/)]);
  });
});
