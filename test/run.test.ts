import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeExporter } from "./support/fake-exporter.ts";
import { FakePrometheus } from "./support/fake-prometheus.ts";
import { LiveFolder, FILES_POLICY as POLICY, until } from "./support/live-folder.ts";

const CLI = resolve("dist/cli/main.cjs");
let folder: LiveFolder;
let child: ChildProcess;
beforeEach(() => {
  folder = new LiveFolder();
  write("units", "4\n");
  write("cpu", "0.7\n");
  write("vernier.yaml", POLICY);
});
afterEach(() => folder.remove());

const write = (name: string, text: string): void => folder.write(name, text);
const units = (): number => Number(folder.read("units"));
const vernier = (...args: string[]) => folder.vernier(...args);
const out = (): string => folder.out;
const end = (signal: NodeJS.Signals): Promise<number | null> => folder.end(child, signal);

async function start(...args: string[]): Promise<void> {
  child = await folder.start(...args);
}

describe("vernier run", () => {
  test("follows load both ways on a real target, writes down why, and ends cleanly", async () => {
    await start();
    write("cpu", "0.95\n");
    await until(() => units() > 4);
    // What was asked for is there at once; the load spreads.
    write("cpu", "0.7\n");
    await until(() => out().includes("6 units applied"));
    expect(out()).toMatch(/shop\/web 4 -> 6: cpu: a load of 3\.8 over a target of 0\.7/);
    await until(() => vernier("status").out.includes("6 requested"));
    expect(vernier("status")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/running since 20[\s\S]*shop\/web +live +normal +6 requested, 6 ready[\s\S]*4 -> 6, applied: cpu/),
    });
    expect(await end("SIGTERM")).toBe(0);
    expect(vernier("status").out).toContain("the controller has ended");
    const left = units();
    expect(vernier("ledger", "verify")).toMatchObject({ code: 0, out: expect.stringContaining("whole") });
    expect(vernier("ledger", "replay")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\d+ ticks after 1 start, \d+ changes as recorded, byte for byte/),
    });
    expect(vernier("ledger", "tail").out).toMatch(
      /start[\s\S]*decision {2}shop\/web {2}4 -> 6 \(live\): .*target_tracking[\s\S]*outcome {3}shop\/web {2}applied[\s\S]*stop/,
    );
    expect(units()).toBe(left);
    // Key and ledger are for their owner alone.
    expect(statSync(join(folder.path, ".vernier")).mode & 0o077).toBe(0);
    for (const name of ["checkpoint.key", "ledger.db", "checkpoints.ndjson"]) expect(statSync(join(folder.path, ".vernier", name)).mode & 0o077, name).toBe(0);
  });

  test("refuses a second controller at once, and says who has it", async () => {
    await start();
    const beganMs = performance.now();
    expect(vernier("run", "--once")).toMatchObject({ code: 3, err: expect.stringMatching(/held by the controller with process id \d+ on \S+, since 20/) });
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    expect(vernier("ledger", "tail", "--count", "1").code).toBe(0);
  });

  test("changes nothing in a dry run, in shadow, or while it is told to stop", () => {
    write("cpu", "0.95\n");
    expect(vernier("run", "--once", "--dry-run")).toMatchObject({
      code: 0,
      out: expect.stringContaining("4 -> 6 (shadow: not done)"),
      err: expect.stringContaining("1 not live (shop/web: shadow)"),
    });
    write("vernier.yaml", POLICY.replace("    mode: live\n", ""));
    expect(vernier("run", "--once").out).toContain("(shadow: not done)");
    write("vernier.yaml", POLICY);
    write(".vernier/STOP", "");
    vernier("run", "--once");
    expect(units()).toBe(4);
    rmSync(join(folder.path, ".vernier/STOP"));
    // A reading is good for three seconds.
    write("cpu", "0.95\n");
    vernier("run", "--once");
    expect(units()).toBe(6);
  });

  test("holds when nothing can be seen, and says what is missing", async () => {
    await start("--json");
    // There is no sight to lose before something was seen.
    await until(() => vernier("ledger", "tail").out.includes("new -> normal"));
    rmSync(join(folder.path, "cpu"));
    await until(() => out().includes('"posture":"blind"'));
    expect(units()).toBe(4);
    write("cpu", "0.95\n");
    await until(() => units() > 4);
    for (const line of out().trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("event");
  });

  test("computes rates from what units expose, and says what is missing when one of them does not", async () => {
    const units = [await FakeExporter.start(), await FakeExporter.start()] as const;
    try {
      const beganMs = Date.now();
      // Together 37 requests per second: more than four units of 8, as much as five have.
      const counts =
        (perSecond: number): Parameters<FakeExporter["does"]>[0] =>
        (_, response) => {
          const seconds = 100 + (Date.now() - beganMs) / 1_000;
          response.end(`requests_total{code="200"} ${perSecond * seconds}\nrequests_total{code="503"} ${9 * seconds}\n`);
        };
      units[0].does(counts(20));
      units[1].does(counts(17));
      const publish = (...published: readonly FakeExporter[]): void =>
        write("endpoints.json", JSON.stringify({ version: 1, endpoints: published.map(({ port }, i) => ({ unit: `web-${i}`, host: "127.0.0.1", port })) }));
      write(
        "vernier.yaml",
        `version: 1
sources: {app: {type: scrape, endpoints: endpoints.json}}
workloads:
  shop/web:
    kind: stateless
    mode: live
    bounds: {min: 2, max: 20}
    interval: 1s
    target: {type: file, path: units}
    unit: {startup: 1s, serves: {rate: 10/s}}
    metrics:
      load: {measures: rate, window: 4s, lag: 0s, scrape: 1s, source: app, query: 'sum(rate(requests_total{code!~"5.."}[4s]))'}
      alive: {measures: up, window: 1s, lag: 0s, scrape: 1s, source: app, query: avg(up)}
    strategies: [{type: targetTracking, metric: load, target: 8/s}]
`,
      );
      await start();
      await until(() => /load cannot be read: ".*endpoints\.json" is not there/.test(out()));
      publish(...units);
      await until(() => out().includes("load cannot be read: needs two scrapes within 4 s"));
      await until(() => out().includes("5 units applied"));
      expect(out()).toMatch(/shop\/web 4 -> 5: load: a load of 3[678]\./);
      // One that hangs has to be given up while there is time for what the others said.
      units[1].does(() => {});
      await until(() => out().includes(`load is incomplete: 1 of 2 targets failed; ${units[1].instance}: no full answer within 0.225 s`));
      // A part of the load is no load to act on.
      await until(() => out().includes("shop/web blind: "));
      units[1].does(counts(17));
      await until(() => out().includes("shop/web normal: "));
      for (const unit of units) await unit.close();
      await until(() => out().includes("load cannot be read: no target answers; "));
      expect(await end("SIGTERM")).toBe(0);
      expect(readFileSync(join(folder.path, "units"), "utf8")).toBe("5\n");
      for (const command of ["verify", "replay"]) expect(vernier("ledger", command).code).toBe(0);
    } finally {
      for (const unit of units) await unit.close();
    }
  });

  test("says before it starts what a policy lacks for live use", () => {
    write("vernier.yaml", POLICY.replace(", query: cpu", ""));
    expect(vernier("run", "--once")).toMatchObject({ code: 1, err: expect.stringMatching(/vernier\.yaml:11:15 error .*query is missing.*\[source_missing\]/) });
    expect(existsSync(join(folder.path, ".vernier"))).toBe(false);
  });

  test("survives being killed at any moment: nothing done that is not written, the ledger whole", async () => {
    for (let round = 0; round < 5; round++) {
      await start();
      write("cpu", round % 2 === 0 ? "0.99\n" : "0.6\n");
      const enoughAt = Date.now() + 400 + 350 * round;
      await until(() => Date.now() > enoughAt);
      await end("SIGKILL");
    }
    write("cpu", "0.7\n");
    vernier("run", "--once");
    const tail = vernier("ledger", "tail", "--count", "1000", "--json")
      .out.trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { body: Record<string, unknown> }).body);
    const intents = tail.filter(({ kind }) => kind === "intent");
    const concluded = new Set(tail.filter(({ kind, outcome }) => kind === "outcome" && outcome !== "unknown").map(({ intentId }) => intentId));
    expect(intents.length).toBeGreaterThan(0);
    for (const { id } of intents) expect(concluded).toContain(id);
    const applied = tail
      .filter(({ outcome }) => outcome === "applied")
      .map(({ intentId }) => intents.find(({ id }) => id === intentId)?.["do"] as { units: number });
    expect(units()).toBe(applied.at(-1)?.units ?? 4);
    expect(vernier("ledger", "verify").code).toBe(0);
  });

  const EXEC = POLICY.replace("{type: file, path: units}", '{type: exec, observe: [cat, units], set: [sh, set.sh, "{units}"], timeout: 20s}');

  test("takes what it began with it when it is killed: nothing happens later that nobody wrote down", async () => {
    write("vernier.yaml", EXEC);
    write("set.sh", "echo begun > begun; sleep 2; echo $1 > units\n");
    write("cpu", "0.95\n");
    await start();
    await until(() => existsSync(join(folder.path, "begun")));
    await end("SIGKILL");
    await new Promise((go) => setTimeout(go, 2_500));
    expect(units()).toBe(4);
    write("set.sh", "echo $1 > units\n");
    vernier("run", "--once");
    expect(vernier("ledger", "tail").out).toMatch(/outcome {3}shop\/web {2}abandoned, \w+: found 4 units/);
    expect(vernier("ledger", "verify").code).toBe(0);
  });

  test("lets no slow target, and none that leaves something running, keep the others waiting", async () => {
    write("units-b", "4\n");
    write("cpu-b", "0.7\n");
    write("set.sh", "setsid sleep 30 & sleep 30\n");
    write(
      "vernier.yaml",
      `${EXEC}${POLICY.slice(POLICY.indexOf("  shop/web:")).replace("shop/web", "shop/b").replace("path: units", "path: units-b").replace("query: cpu", "query: cpu-b")}`,
    );
    write("cpu", "0.95\n");
    await start();
    await until(() => out().includes("4 -> 6"));
    write("cpu-b", "0.95\n");
    await until(() => Number(readFileSync(join(folder.path, "units-b"), "utf8")) > 4);
    const beganMs = Date.now();
    expect(await end("SIGTERM")).toBe(0);
    expect(Date.now() - beganMs).toBeLessThan(10_500);
    expect(vernier("ledger", "tail").out).toMatch(/outcome {3}shop\/web {2}(unknown|failed)/);
  });

  test("goes on when nobody reads what it says any more", async () => {
    await start();
    child.stdout?.destroy();
    write("cpu", "0.95\n");
    await until(() => units() > 4);
    expect(child.exitCode).toBe(null);
    expect(await end("SIGTERM")).toBe(0);
  });

  test("writes through a link, and leaves permissions as they are", () => {
    write("real", "4\n");
    chmodSync(join(folder.path, "real"), 0o664);
    rmSync(join(folder.path, "units"));
    symlinkSync("real", join(folder.path, "units"));
    write("cpu", "0.95\n");
    vernier("run", "--once");
    expect(readFileSync(join(folder.path, "real"), "utf8")).toBe("6\n");
    expect(statSync(join(folder.path, "real")).mode & 0o777).toBe(0o664);
  });

  test("refuses the same workload or the same target twice, and live without a target", () => {
    write("other.yaml", POLICY);
    expect(vernier("run", "--once", "vernier.yaml", "other.yaml")).toMatchObject({ code: 1, err: expect.stringContaining("[id_duplicate]") });
    write("other.yaml", POLICY.replace("shop/web", "shop/b").replace("path: units", "path: ./units"));
    expect(vernier("run", "--once", "vernier.yaml", "other.yaml")).toMatchObject({ code: 1, err: expect.stringContaining("[target_shared]") });
    write("other.yaml", POLICY.replace("    target: {type: file, path: units}\n", ""));
    expect(vernier("run", "--once", "other.yaml")).toMatchObject({ code: 1, err: expect.stringContaining("[target_missing]") });
    expect(units()).toBe(4);
  });

  test("says why it cannot see, and what it does about it", () => {
    rmSync(join(folder.path, "cpu"));
    expect(vernier("run", "--once")).toMatchObject({ code: 1, out: expect.stringMatching(/cpu cannot be read: cannot read "cpu": ENOENT/) });
    write("cpu", "0.95\n");
    rmSync(join(folder.path, "units"));
    expect(vernier("run", "--once")).toMatchObject({
      code: 1,
      out: expect.stringMatching(/capacity cannot be read: cannot read .*units": ENOENT; nothing is changed/),
    });
    write("units", "4\n");
    // Even a link that leads nowhere is a brake.
    symlinkSync("nowhere", join(folder.path, ".vernier/STOP"));
    expect(vernier("run", "--once").out).toMatch(/stopped: no effect begins[\s\S]*4 -> 6 \(stopped: not done\)/);
    expect(units()).toBe(4);
  });

  test("says in words what is wrong with its folder", () => {
    vernier("run", "--once");
    write(".vernier/checkpoint.key", "no key");
    expect(vernier("run", "--once")).toMatchObject({ code: 3, err: expect.stringContaining("this is no Ed25519 key") });
    rmSync(join(folder.path, ".vernier/checkpoint.key"));
    write(".vernier/ledger.db", "garbage that is no database at all, and long enough to be looked at as one");
    for (const args of [["run", "--once"], ["ledger", "tail"], ["status"]])
      expect(vernier(...args), args.join(" ")).toMatchObject({ code: 3, err: expect.stringContaining("damaged") });
  });

  test("orders by webhook once, waits for people, and believes what is there", async () => {
    const orders: { id: string; data: { units: number } }[] = [];
    let there = 4;
    let isAccepting = true;
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        if (request.method === "GET") return response.end(String(there));
        const order = JSON.parse(body) as (typeof orders)[number];
        orders.push(order);
        if (!isAccepting) there = order.data.units;
        return response
          .writeHead(isAccepting ? 202 : 200, { "content-type": "application/json" })
          .end(JSON.stringify({ intentId: order.id, status: isAccepting ? "accepted" : "applied", message: "asked the night shift" }));
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    write("vernier.yaml", POLICY.replace("{type: file, path: units}", `{type: webhook, url: "${at}/orders", observe: "${at}/capacity", acknowledge: 1h}`));
    write("cpu", "0.95\n");
    await start();
    await until(() => /6 units unknown: accepted: asked the night shift; 6 units were accepted and may come until \S+Z, 4 are there/.test(out()));
    // What is read stays fresh, so that only the open order keeps it from asking twice.
    const while95 = (isDone: () => boolean) => (): boolean => {
      write("cpu", "0.95\n");
      return isDone();
    };
    await until(while95(() => out().includes("shop/web blind")));
    expect(orders).toHaveLength(1);
    isAccepting = false;
    there = 6;
    await until(while95(() => out().includes("6 units applied: found 6 units when it could be read again")));
    await until(while95(() => there > 6));
    await until(() => out().includes(`${there} units applied`));
    expect(new Set(orders.map(({ id }) => id)).size).toBe(orders.length);
    expect(await end("SIGTERM")).toBe(0);
    expect(vernier("ledger", "verify").code).toBe(0);
    server.closeAllConnections();
    server.close();
  });

  test("reads Prometheus, and a token from a file, which is written nowhere", async () => {
    const fake = new FakePrometheus(() => "0.95");
    const address = await fake.listen();
    write("token", "s3cret-canary\n");
    write(
      "vernier.yaml",
      POLICY.replace("files: {type: file}", `prom: {type: prometheus, url: "http://${address}", bearerToken: {file: token}}`).replace(
        "source: files, query: cpu",
        'source: prom, query: "avg(cpu)"',
      ),
    );
    const result = await new Promise<string>((done) => {
      const one = spawn(process.execPath, [CLI, "run", "--once"], { cwd: folder.path });
      let text = "";
      one.stdout.on("data", (chunk: Buffer) => (text += chunk));
      one.stderr.on("data", (chunk: Buffer) => (text += chunk));
      one.on("close", () => done(text));
    });
    await fake.close();
    expect(result).toContain("4 -> 6");
    expect(units()).toBe(6);
    expect(result + vernier("ledger", "tail", "--json").out).not.toContain("s3cret-canary");
    for (const name of ["ledger.db", "ledger.db-wal", "checkpoints.ndjson"])
      if (existsSync(join(folder.path, ".vernier", name))) expect(readFileSync(join(folder.path, ".vernier", name)).includes("s3cret-canary")).toBe(false);
  });
});

describe("vernier ledger", () => {
  test("finds what was changed in an export, also by the verifier that runs alone", () => {
    write("cpu", "0.95\n");
    vernier("run", "--once");
    expect(vernier("ledger", "export", "--out", "export.ndjson").code).toBe(0);
    const alone = (name: string) => spawnSync(process.execPath, [resolve("dist/verify-ledger.js"), name], { cwd: folder.path, encoding: "utf8" }).status;
    expect([vernier("ledger", "verify", "export.ndjson").code, alone("export.ndjson")]).toEqual([0, 0]);
    const text = readFileSync(join(folder.path, "export.ndjson"), "utf8");
    for (const [name, changed] of Object.entries({
      edited: text.replace('"requested":6', '"requested":7'),
      cut: text.split("\n").slice(0, -2).join("\n"),
      removed: text.split("\n").toSpliced(2, 1).join("\n"),
    })) {
      expect(changed).not.toBe(text);
      write(name, changed);
      expect([vernier("ledger", "verify", name).code, alone(name)], name).toEqual([1, 1]);
    }
    expect(vernier("ledger", "verify", "export.ndjson", "--witness", ".vernier/checkpoints.ndjson").code).toBe(0);
    expect(vernier("ledger", "verify", "export.ndjson", "--key", "AAAA")).toMatchObject({ code: 1, out: expect.stringContaining("not one of those given") });
    expect(vernier("ledger", "verify", "--data", "nothing")).toMatchObject({ code: 3, err: expect.stringContaining('cannot read ledger "nothing"') });
    expect(vernier("ledger", "verify", "nothing.ndjson")).toMatchObject({ code: 3 });
  });
});
