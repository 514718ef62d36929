import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FILES_POLICY, LiveFolder } from "./support/live-folder.ts";

// Slower than others, so that a busy machine does not make readings old.
const POLICY = FILES_POLICY.replace("interval: 1s", "interval: 4s");

let folder: LiveFolder;
let server: Server | undefined;
beforeEach(() => {
  folder = new LiveFolder();
  folder.write("units", "4\n");
  folder.write("cpu", "0.7\n");
  folder.write("vernier.yaml", POLICY);
});
afterEach(async () => {
  await stop();
  await folder.remove();
});

async function stop(): Promise<void> {
  if (server === undefined) return;
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  server = undefined;
}

/** A Prometheus that answers every query so; its own clock may be off. */
async function prometheus(answer: (response: ServerResponse) => void): Promise<void> {
  server = createServer((request, response) => {
    request.resume().on("end", () => answer(response));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder.write(
    "vernier.yaml",
    POLICY.replace("files: {type: file}", `prom: {type: prometheus, url: "${url}"}`).replace("source: files, query: cpu", 'source: prom, query: "avg(cpu)"'),
  );
}

const vector = (response: ServerResponse, values: readonly string[], atMs = Date.now()): void => {
  const result = values.map((value, i) => ({ metric: { i: String(i) }, value: [atMs / 1_000, value] }));
  response.setHeader("date", new Date(atMs).toUTCString());
  response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
};

interface Found {
  readonly workloads: readonly { readonly problems: readonly string[]; readonly metrics: readonly { readonly value: number | null }[] }[];
  readonly clocks: readonly { readonly server: string; readonly aheadMs: number }[];
  readonly notChecked: readonly string[];
}

async function look(): Promise<{ readonly code: number | null; readonly live: Found; readonly text: string }> {
  const asJson = await folder.vernierBeside("check", "--live", "--json");
  const asText = await folder.vernierBeside("check", "--live");
  expect(asText.code).toBe(asJson.code);
  return { code: asJson.code, live: (JSON.parse(asJson.out) as { live: Found }).live, text: asText.out };
}

test("shows what a controller would see, the delay by its parts and what it did not look at, and changes nothing", async () => {
  const { code, out } = folder.vernier("check", "--live");
  expect(code).toBe(0);
  expect(out).toMatch(
    /^vernier\.yaml: valid, 1 workload\n\nshop\/web \(live\)\n {2}cpu +0\.7, .* old \(stale after 12s\)\n {2}capacity +4 requested, 4 ready\n/,
  );
  expect(out).toMatch(/delay +6s500ms from .*: 500ms half a window \+ 0s lag \+ 1s scrape \(cpu\) \+ 4s interval \+ 1s start-up/);
  expect(out).toContain("cannot compare and set");
  expect(out.match(/^not checked: /gm)).toHaveLength(3);
  expect(folder.read("units")).toBe("4\n");
  expect(() => folder.read(".vernier/ledger.db")).toThrow();
});

test("finds what would keep it from working: no metric, no capacity, nothing to act on", () => {
  folder.write("cpu", "");
  folder.write("units", "many\n");
  expect(folder.vernier("check", "--live")).toMatchObject({
    code: 1,
    out: expect.stringMatching(
      /problem cpu cannot be read: "cpu" is empty\n {2}problem capacity cannot be read: .*says "many".*\n[\s\S]*1 of 1 workload could not work/,
    ),
  });
  folder.write("vernier.yaml", POLICY.replace("    target: {type: file, path: units}\n", ""));
  expect(folder.vernier("check", "--live")).toMatchObject({ code: 1, err: expect.stringContaining("[target_missing]") });
  folder.write("vernier.yaml", POLICY.replace("min: 2", "min: 200"));
  expect(folder.vernier("check", "--live")).toMatchObject({ code: 1, out: expect.stringContaining("nothing was asked: a policy with errors does not run") });
});

const USELESS: readonly (readonly [string, (response: ServerResponse) => void, string])[] = [
  ["several series", (response) => vector(response, ["1", "2", "3"]), "the query gives 3 series, expected one"],
  ["no series", (response) => vector(response, []), "the query gives no series"],
  ["not a number", (response) => vector(response, ["NaN"]), "the value is NaN"],
  ["refused", (response) => void response.writeHead(403).end("no"), "answered 403"],
  ["no answer in time", () => {}, "no answer in time"],
];

test.for(USELESS)("says why Prometheus gives no value: %s", async ([, answer, why]) => {
  await prometheus(answer);
  const { code, live, text } = await look();
  expect(code).toBe(1);
  expect(live.workloads[0]?.problems).toEqual([expect.stringContaining(why)]);
  expect(text).toContain(why);
});

test("compares the clocks, by what the answers of a server say the time is", async () => {
  await prometheus((response) => vector(response, ["0.95"]));
  const right = await look();
  expect(right.code).toBe(0);
  expect(right.live.workloads[0]?.metrics[0]?.value).toBe(0.95);
  expect(right.live.clocks).toHaveLength(1);
  expect(right.text).toMatch(/the clock of http:\/\/127\.0\.0\.1:\d+ agrees with this one/);
  expect(right.live.notChecked[0]).toContain("permission");
  await stop();
  await prometheus((response) => vector(response, ["0.95"], Date.now() + 60_000));
  const wrong = await look();
  expect(wrong.code).toBe(1);
  expect(wrong.live.clocks[0]?.aheadMs).toBeGreaterThan(55_000);
  expect(wrong.live.workloads[0]?.problems[0]).toMatch(/ahead of this clock, and counts as invalid: set the clocks right/);
  expect(wrong.text).toMatch(/the clock of http:\S+ \S+ ahead of this one: set both right/);
});

test("reports several policies at once, and every workload of them", () => {
  folder.write("other.yaml", POLICY.replace("shop/web", "shop/b").replace("path: units", "path: units-b").replace("mode: live", "mode: shadow"));
  folder.write("units-b", "50\n");
  const { code, out } = folder.vernier("check", "--live", "vernier.yaml", "other.yaml");
  expect(code).toBe(0);
  expect(out).toMatch(
    /shop\/web \(live\)[\s\S]*shop\/b \(shadow\)[\s\S]*note mode shadow: nothing is changed\n {2}note has 50 units, outside its bounds of 2 to 20/,
  );
  expect(out).toContain("all 2 workloads could work");
});
