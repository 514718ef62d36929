import { expect, test } from "vitest";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import { absent, type MetricQuery, present, type Source, type SourceReading } from "../sources/source.ts";
import { SystemClock } from "./clock.ts";
import { WorkloadReadings } from "./workload-readings.ts";

test("says once what is wrong with a reading, also that it is not whole, and when nothing is any more", async () => {
  const answers: ((query: MetricQuery) => SourceReading)[] = [];
  const source: Source = {
    read: async (queries) => queries.map((query) => (answers.shift() as (query: MetricQuery) => SourceReading)(query)),
    close: async () => {},
  };
  const said: string[] = [];
  const metric = { name: "load", windowMs: 1_000 } as ResolvedMetric;
  const readings = new WorkloadReadings("shop/web", [{ metric, from: { source, query: "q" } }], new SystemClock(), (name, trouble) =>
    said.push(`${name} ${trouble === undefined ? "well" : `${trouble.isPartial ? "partial" : "missing"}: ${trouble.reason}`}`),
  );
  const ask = async (answer: (query: MetricQuery) => SourceReading): Promise<unknown> => {
    answers.push(answer);
    return (await readings.read(new AbortController().signal))[0];
  };
  const now = Date.now();
  expect(await ask((query) => present(query, 5, now))).toMatchObject({ status: "value", value: 5, partial: false });
  const partial = (query: MetricQuery): SourceReading => ({ ...present(query, 4, now, true), reason: "1 of 2 targets failed" });
  expect(await ask(partial)).toMatchObject({ status: "value", value: 4, partial: true });
  await ask(partial);
  await ask((query) => present(query, 4, now, true));
  await ask((query) => absent(query, "1 of 2 targets failed"));
  await ask((query) => present(query, 5, now));
  expect(said).toEqual(["load partial: 1 of 2 targets failed", "load partial: its source says so", "load missing: 1 of 2 targets failed", "load well"]);
});
