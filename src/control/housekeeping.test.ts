import { beforeEach, expect, test } from "vitest";
import { MemoryStore } from "../ledger/memory/memory-store.ts";
import { Housekeeping, type StorageLimits } from "./housekeeping.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START_MS = Date.UTC(2026, 10, 23);

let store: MemoryStore;
let warnings: string[];
beforeEach(() => {
  store = new MemoryStore();
  warnings = [];
});

const housekeeping = (limits: Partial<StorageLimits> = {}): Housekeeping =>
  new Housekeeping(store, { retentionMs: 48 * HOUR_MS, budgetBytes: 1e9, place: "data", disk: async () => undefined, ...limits }, (message) => {
    warnings.push(message);
  });

async function observe(atMs: number, bytes: number): Promise<void> {
  await store.commit(await store.head(0), { entries: [], observations: { atMs, bytes: new Uint8Array(bytes) } });
}

async function kept(): Promise<number[]> {
  const times: number[] = [];
  for await (const { atMs } of store.observations(0, 0, Number.MAX_SAFE_INTEGER)) times.push((atMs - START_MS) / HOUR_MS);
  return times;
}

test("forgets what is older than the retention, a part at a time, at once and then every hour", async () => {
  for (let hour = 0; hour < 10; hour++) await observe(START_MS + hour * HOUR_MS, 10 << 20);
  const keeper = housekeeping({ retentionMs: 2 * HOUR_MS });
  const nowMs = START_MS + 9.5 * HOUR_MS;
  await keeper.run(nowMs);
  // 32 MiB at one go: the fourth begins below that and goes whole.
  expect(await kept()).toEqual([4, 5, 6, 7, 8, 9]);
  await keeper.run(nowMs + 1_000);
  expect(await kept()).toEqual([8, 9]);
  await keeper.run(nowMs + 59 * MINUTE_MS);
  expect(await kept()).toEqual([8, 9]);
  await keeper.run(nowMs + 61 * MINUTE_MS);
  expect(await kept()).toEqual([9]);
  expect(warnings).toEqual([]);
});

test("forgets the oldest beyond the budget, but not what a restart needs to see", async () => {
  for (let hour = 0; hour < 10; hour++) await observe(START_MS + hour * HOUR_MS, 1_000);
  const keeper = housekeeping({ budgetBytes: 4_500 });
  const nowMs = START_MS + 9.5 * HOUR_MS;
  await keeper.run(nowMs);
  expect(await kept()).toEqual([6, 7, 8, 9]);
  await observe(START_MS + 9.25 * HOUR_MS, 1_000);
  await keeper.run(nowMs + 30_000);
  expect((await kept()).length).toBe(5);
  await keeper.run(nowMs + MINUTE_MS);
  expect(await kept()).toEqual([7, 8, 9, 9.25]);
  expect(warnings).toEqual([]);
  await housekeeping({ budgetBytes: 100 }).run(nowMs);
  expect(await kept()).toEqual([9, 9.25]);
});

test("says once an hour that what is never forgotten is more than the budget", async () => {
  await store.commit(await store.head(0), { entries: [{ at: "2026-11-23T00:00:00.000Z", body: { kind: "decision", text: "x".repeat(5_000) } }] });
  const keeper = housekeeping({ budgetBytes: 2_000 });
  for (let minute = 0; minute < 60; minute++) await keeper.run(START_MS + minute * MINUTE_MS);
  expect(warnings).toEqual([expect.stringMatching(/^"data" takes 5 KiB, more than the disk budget of 2 KiB, and nothing is left that could be forgotten/)]);
  await keeper.run(START_MS + 60 * MINUTE_MS);
  expect(warnings).toHaveLength(2);
});

test.for([
  ["a large one with less than 500 MiB", 499 << 20, 100 * 2 ** 30, true],
  ["a large one with more", 501 << 20, 100 * 2 ** 30, false],
  ["a small one with less than a twentieth", 40 << 20, 1 << 30, true],
  ["a small one with more", 60 << 20, 1 << 30, false],
] as const)("warns of a disk that is nearly full, once an hour: %s", async ([, freeBytes, totalBytes, isWarned]) => {
  const keeper = housekeeping({ disk: async () => ({ freeBytes, totalBytes }) });
  for (let minute = 0; minute < 59; minute++) await keeper.run(START_MS + minute * MINUTE_MS);
  expect(warnings.length).toBe(isWarned ? 1 : 0);
  if (isWarned) expect(warnings[0]).toMatch(/^the disk of "data" has \d+ MiB of (1|100) GiB left: what cannot be recorded is not done/);
  await keeper.run(START_MS + HOUR_MS);
  expect(warnings.length).toBe(isWarned ? 2 : 0);
});
