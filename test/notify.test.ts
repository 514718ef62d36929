import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Receiver, startReceiver } from "./support/receiver.ts";

const CLI = resolve("dist/cli/main.cjs");
const CANARY = "c4n4ry-0123456789-abcdefghij";
let folder: string;
let receiver: Receiver;
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "vernier-notify-"));
  receiver = await startReceiver();
  write("units", "4\n");
  write("cpu", "0.95\n");
  write("key", `${CANARY}-key\n`);
  write("vernier.yaml", POLICY);
});
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
  child = undefined;
  await receiver.close();
  rmSync(folder, { recursive: true });
});

const POLICY = `version: 1
sources: {files: {type: file}}
notify:
  oncall: {type: webhook, url: {env: HOOK}, secret: {file: key}, bearerToken: {env: TOKEN}, headers: {X-Api-Key: {env: TOKEN}}, events: [step, holding, stopped]}
  team: {type: slack, url: {env: SLACK}, events: [step]}
workloads:
  shop/web:
    kind: stateless
    mode: live
    bounds: {min: 2, max: 20}
    interval: 1s
    target: {type: file, path: units}
    unit: {startup: 1s}
    metrics: {cpu: {measures: utilisation, window: 1s, lag: 0s, scrape: 1s, source: files, query: cpu}}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
`;

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const at = (path: string) => receiver.received.filter((one) => one.path === path);
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...{ HOOK: `${receiver.url}/${CANARY}/hook`, SLACK: `${receiver.url}/${CANARY}/slack`, TOKEN: `${CANARY}-token` },
});

function start(args: readonly string[], env = environment()): { all: () => string; ended: Promise<number | null> } {
  const one = spawn(process.execPath, [CLI, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  child = one;
  let all = "";
  for (const stream of [one.stdout, one.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      all += part;
    });
  }
  return { all: () => all, ended: once(one, "close").then(() => one.exitCode) };
}

async function vernier(...args: string[]): Promise<{ code: number | null; text: string }> {
  return await ending(start(args));
}

async function ending({ all, ended }: ReturnType<typeof start>): Promise<{ code: number | null; text: string }> {
  const code = await ended;
  return { code, text: all() };
}

async function until(isDone: () => boolean, what: () => string): Promise<void> {
  for (let i = 0; i < 400 && !isDone(); i++) await new Promise((go) => setTimeout(go, 25));
  if (!isDone()) throw new Error(`waited in vain: ${what()}`);
}

/** What is kept in the data folder, all files. */
const kept = (): string =>
  existsSync(join(folder, ".vernier"))
    ? readdirSync(join(folder, ".vernier"))
        .map((name) => readFileSync(join(folder, ".vernier", name), "latin1"))
        .join()
    : "";

describe("vernier run with people to notify", () => {
  test("says whom, tells them once it is written down, and each what it asked for", async () => {
    const { code, text } = await vernier("run", "--once");
    expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining("notifies oncall (webhook: step, holding, stopped); team (slack: step)") });
    const [hook, ...more] = at(`/${CANARY}/hook`);
    expect(more).toEqual([]);
    expect(hook?.headers).toMatchObject({
      authorization: `Bearer ${CANARY}-token`,
      "x-api-key": `${CANARY}-token`,
      "webhook-signature": expect.stringMatching(/^v1,.{44}$/),
    });
    expect(JSON.parse(hook?.body ?? "")).toMatchObject({
      type: "dev.vernier.notice.step",
      subject: "shop/web",
      data: { title: "shop/web: 4 -> 6 units", text: expect.stringContaining("cpu: a load of 3.8"), facts: { from: 4, to: 6 } },
    });
    expect(JSON.parse(at(`/${CANARY}/slack`)[0]?.body ?? "").text).toMatch(/^shop\/web: 4 -&gt; 6 units: cpu/);
  });

  test("goes on ticking when nobody takes what it has to tell, and keeps secrets to itself", async () => {
    await receiver.close();
    const { all, ended } = start(["run", "--listen", "0"]);
    await until(() => all().includes("notify team: a notice was not delivered"), all);
    rmSync(join(folder, "cpu"));
    await until(() => all().includes("blind"), all);
    const api = JSON.parse(readFileSync(join(folder, ".vernier/api.json"), "utf8")) as { address: string };
    const metrics = await (await fetch(`${api.address}/metrics`)).text();
    expect(metrics).toMatch(/vernier_warnings_total [2-9]/);
    child?.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(all()).toContain("notify oncall: ended with");
    const { text: ledger } = await vernier("ledger", "export");
    for (const [where, text] of Object.entries({ said: all(), metrics, ledger, kept: kept() })) expect(text, where).not.toContain(CANARY);
  });

  test("tells of the kill switch and of lost sight, and nobody in a dry run", async () => {
    await vernier("run", "--once", "--dry-run");
    expect(receiver.received).toEqual([]);
    const { all, ended } = start(["run"]);
    // There is no sight to lose before something was seen.
    await until(() => all().includes("4 -> 6"), all);
    rmSync(join(folder, "cpu"));
    write(".vernier/STOP", "");
    const kinds = (): string[] => at(`/${CANARY}/hook`).map(({ body }) => (JSON.parse(body) as { data: { kind: string } }).data.kind);
    await until(() => kinds().includes("stopped") && kinds().includes("holding"), all);
    child?.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(kinds().filter((kind) => kind !== "step")).toHaveLength(2);
  });

  test("refuses to start without its secrets, and does not repeat what it found instead", async () => {
    rmSync(join(folder, "key"));
    expect(await vernier("run", "--once")).toMatchObject({ code: 3, text: expect.stringMatching(/cannot read ".*key": no such file/) });
    write("key", `${CANARY}-key\n`);
    write("vernier.yaml", POLICY.replace("{env: SLACK}", "{env: NOWHERE}"));
    expect(await vernier("run", "--once")).toMatchObject({ code: 3, text: expect.stringContaining('environment variable "NOWHERE": it is not set') });
    write("vernier.yaml", POLICY.replace("{env: SLACK}", "{env: TOKEN}"));
    const { code, text } = await vernier("run", "--once");
    expect({ code, text }).toMatchObject({ code: 1, text: expect.stringMatching(/vernier\.yaml:5:\d+ error notify\.team\.url: .*\[secret_unusable\]/) });
    expect(text).not.toContain(CANARY);
    write("vernier.yaml", POLICY.replace("{env: SLACK}", `"https://hooks.slack.com/services/T/B/x"`));
    expect(await vernier("run", "--once")).toMatchObject({ code: 1, text: expect.stringContaining("expected a reference to a secret") });
    expect(receiver.received).toEqual([]);
  });
});

describe("vernier notify test", () => {
  test("tells everybody once, and says who took it", async () => {
    const { code, text } = await vernier("notify", "test");
    expect({ code, text }).toEqual({ code: 0, text: "oncall (webhook) took it\nteam (slack) took it\n" });
    expect(JSON.parse(at(`/${CANARY}/hook`)[0]?.body ?? "")).toMatchObject({ type: "dev.vernier.notice.test", data: { title: "Vernier can reach oncall" } });
    expect(kept()).toBe("");
  });

  test("fails when one of them does not, and when there is nobody", async () => {
    await receiver.close();
    const { code, text } = await vernier("notify", "test", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(text)).toMatchObject({ schemaVersion: 1, targets: [{ name: "oncall", sent: { kind: "failed", mayHeal: true } }, { name: "team" }] });
    expect(text).not.toContain(CANARY);
    write("vernier.yaml", POLICY.replace(/notify:[\s\S]*?(?=workloads:)/, ""));
    expect(await vernier("notify", "test")).toMatchObject({ code: 2, text: expect.stringContaining("no policy notifies anybody") });
  });
});

test("traces of ticks go to the collector that the environment names", async () => {
  write("vernier.yaml", POLICY.replace(/notify:[\s\S]*?(?=workloads:)/, ""));
  const env = {
    ...environment(),
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${CANARY}`,
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test",
  };
  const { code, text } = await ending(start(["run", "--once"], env));
  expect({ code, text }).toMatchObject({ code: 0, text: expect.not.stringContaining(CANARY) });
  expect(at("/v1/traces")).toHaveLength(1);
  const [sent] = at("/v1/traces");
  expect(sent?.headers["x-key"]).toBe(CANARY);
  const [{ resource, scopeSpans }] = JSON.parse(sent?.body ?? "").resourceSpans;
  expect(resource.attributes).toContainEqual({ key: "deployment.environment", value: { stringValue: "test" } });
  expect(scopeSpans[0].spans.map(({ name }: { name: string }) => name)).toEqual(["tick", "observe", "decide", "commit", "act"]);
});
