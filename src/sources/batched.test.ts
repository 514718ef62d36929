import { expect, test } from "vitest";
import { BatchedSource } from "./batched.ts";
import { type MetricQuery, present, type Source } from "./source.ts";

const query = (workload: string): MetricQuery => ({ workload, metric: "cpu", query: "q" });

test("asks once for all that is wanted at the same moment with the same deadline, and gives each its own", async () => {
  const asked: string[][] = [];
  const source: Source = {
    read: async (queries) => {
      asked.push(queries.map(({ workload }) => workload));
      return queries.map((one) => present(one, Number(one.workload), 0));
    },
    close: async () => {},
  };
  const batched = new BatchedSource(source, () => 0);
  const [first, second] = [new AbortController().signal, new AbortController().signal];
  const values = async (workloads: readonly string[], signal: AbortSignal): Promise<number[]> =>
    (await batched.read(workloads.map(query), signal)).map(({ value }) => value);
  expect(await Promise.all([values(["1", "2"], first), values(["3"], first), values([], first), values(["4"], second)])).toEqual([[1, 2], [3], [], [4]]);
  expect(asked).toEqual([["1", "2", "3"], ["4"]]);
  expect(await values(["5"], first)).toEqual([5]);
  expect(asked).toHaveLength(3);
});

test("a source that has a bug says so to all, and is asked again", async () => {
  let fails = true;
  const batched = new BatchedSource(
    {
      read: async (queries) => {
        if (fails) throw new Error("a bug");
        return queries.map((one) => present(one, 1, 0));
      },
      close: async () => {},
    },
    () => 5,
  );
  const signal = new AbortController().signal;
  expect((await Promise.allSettled([batched.read([query("1")], signal), batched.read([query("2")], signal)])).map(({ status }) => status)).toEqual([
    "rejected",
    "rejected",
  ]);
  expect(batched.last).toEqual({ askedMs: 5, wholeMs: undefined, tookMs: 0, queries: 2, values: 0, trouble: "a bug" });
  fails = false;
  expect(await batched.read([query("1")], signal)).toHaveLength(1);
  expect(batched.last).toEqual({ askedMs: 5, wholeMs: 5, tookMs: 0, queries: 1, values: 1, trouble: undefined });
});
