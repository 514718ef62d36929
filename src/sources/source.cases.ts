import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MetricQuery, Source, SourceReading } from "./source.ts";

/** A source with the world behind it. */
export interface SourceStage {
  readonly source: Source;
  /** What the world says from now on; undefined: nothing. */
  readonly say: (text: string | undefined) => void;
  readonly query: string;
  readonly close?: () => Promise<void>;
}

/** What every source has to do, whatever it reads. */
export function sourceCases(name: string, open: () => Promise<SourceStage>): void {
  describe(`${name}: a source`, () => {
    let stage: SourceStage;
    beforeEach(async () => {
      stage = await open();
    });
    afterEach(async () => {
      await stage.source.close();
      await stage.close?.();
    });
    const query = (metric = "cpu"): MetricQuery => ({ workload: "shop/web", metric, query: stage.query });
    const ask = async (signal = new AbortController().signal): Promise<SourceReading> => (await stage.source.read([query()], signal))[0] as SourceReading;

    test.for([
      ["0.73", 0.73],
      ["0", 0],
      ["-3", -3],
      ["1e3", 1_000],
    ] as const)("reads %s, and says of when it is", async ([text, value]) => {
      stage.say(text);
      const beforeMs = Date.now();
      const reading = await ask();
      expect(reading).toMatchObject({ workload: "shop/web", metric: "cpu", status: "value", value, partial: false });
      expect(Math.abs(reading.sampledAtMs - beforeMs)).toBeLessThan(5_000);
    });

    test("says that nothing is nothing, and never zero", async () => {
      stage.say(undefined);
      const reading = await ask();
      expect(reading.status).toBe("absent");
      expect(reading.reason).toMatch(/\S/);
    });

    test.for(["NaN", "many", "0x10", "1,5"])("says that %s is no number", async (text) => {
      stage.say(text);
      expect((await ask()).status).not.toBe("value");
    });

    test("answers every query, in order, each with its own name", async () => {
      stage.say("5");
      const readings = await stage.source.read([query("a"), query("b"), query("c")], new AbortController().signal);
      expect(readings.map(({ metric, value }) => [metric, value])).toEqual([
        ["a", 5],
        ["b", 5],
        ["c", 5],
      ]);
      expect(await stage.source.read([], new AbortController().signal)).toEqual([]);
    });

    test("does not wait for what is told to stop", async () => {
      stage.say("5");
      expect((await ask(AbortSignal.abort())).status).toBe("absent");
    });
  });
}
