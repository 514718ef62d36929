import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterAll, expect, test } from "vitest";
import { MemoryStore } from "./memory/memory-store.ts";
import { SqliteStore, StoreTooNew } from "./sqlite/sqlite-store.ts";
import { storeCases } from "./store.cases.ts";
import { StoreHeld } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "vernier-store-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const fresh = (): string => join(folder, String(++count));
const NOW = "2026-11-23T00:00:00.000Z";

storeCases("memory", () => new MemoryStore());
storeCases("SQLite", () => SqliteStore.open(fresh(), NOW));

test("a second controller is refused at once, with who has it; a reader is not", async () => {
  const place = fresh();
  const store = SqliteStore.open(place, NOW);
  await store.commit(await store.head(0), { entries: [{ at: NOW, body: { kind: "start" } }] });
  const beganMs = performance.now();
  expect(() => SqliteStore.open(place, NOW)).toThrow(StoreHeld);
  expect(() => SqliteStore.open(place, NOW)).toThrow(`held by the controller with process id ${process.pid} on`);
  expect(performance.now() - beganMs).toBeLessThan(2_000);
  const reader = SqliteStore.read(place);
  expect((await reader.head(0)).seq).toBe(1);
  await reader.close();
  await store.close();
  const next = SqliteStore.open(place, NOW);
  expect((await next.head(0)).seq).toBe(1);
  await next.close();
});

test("a store of a later version is refused, and left alone", async () => {
  const place = fresh();
  await SqliteStore.open(place, NOW).close();
  const database = new DatabaseSync(join(place, "ledger.db"));
  database.exec("PRAGMA user_version = 99");
  database.close();
  expect(() => SqliteStore.open(place, NOW)).toThrow(StoreTooNew);
  expect(() => SqliteStore.open(place, NOW)).toThrow("was written by a later version (format 99");
  expect(readdirSync(place)).toContain("ledger.db");
});

test("what was acknowledged survives the death of the process at any moment", async () => {
  const place = fresh();
  const script = join(folder, "writer.mts");
  writeFileSync(
    script,
    `import { SqliteStore } from ${JSON.stringify(join(import.meta.dirname, "sqlite/sqlite-store.ts"))};
const store = SqliteStore.open(${JSON.stringify(place)}, ${JSON.stringify(NOW)});
for (;;) {
  const sealed = await store.commit(await store.head(0), { entries: [{ at: ${JSON.stringify(NOW)}, body: { kind: "tick" } }] });
  process.stdout.write(sealed[0].entry.seq + "\\n");
}`,
  );
  let acknowledged = 0;
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, ["--import", "tsx", script], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.length > 200 + 300 * round) child.kill("SIGKILL");
    });
    await once(child, "close");
    acknowledged = Math.max(acknowledged, ...text.split("\n").slice(0, -1).map(Number));
    const store = SqliteStore.open(place, NOW);
    const { seq } = await store.head(0);
    expect(seq).toBeGreaterThanOrEqual(acknowledged);
    expect(seq).toBeLessThanOrEqual(acknowledged + 1);
    await store.close();
  }
  expect(acknowledged).toBeGreaterThan(100);
});
