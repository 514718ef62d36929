import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Actuator, CapacityFound, SetOrder } from "./actuator.ts";

/** An actuator with the world behind it. */
export interface Stage {
  readonly actuator: Actuator;
  /** Somebody else sets capacity. */
  readonly change: (units: number) => void;
}

const NEVER = new AbortController().signal;

/** What every actuator has to do, whatever it acts on. `open` makes a world with 4 units. */
export function actuatorCases(name: string, open: () => Stage | Promise<Stage>): void {
  describe(`${name}: an actuator`, () => {
    let stage: Stage;
    beforeEach(async () => {
      stage = await open();
    });
    afterEach(() => stage.actuator.close());
    const found = async (): Promise<CapacityFound> => {
      const capacity = await stage.actuator.observe(NEVER);
      if (capacity.kind !== "found") throw new Error(capacity.message);
      return capacity;
    };
    const order = (units: number, { requested, version, uid }: CapacityFound, more: Partial<SetOrder> = {}): SetOrder => ({
      intentId: "intent-1",
      epoch: 1,
      units,
      expect: { requested, version, uid },
      ...more,
    });

    test("says whether it may change capacity, and changes nothing to find out", async () => {
      const before = await found();
      expect((await stage.actuator.permission()).kind).not.toBe("denied");
      expect(await found()).toEqual(before);
    });

    test("sets a number, and reads it back", async () => {
      const before = await found();
      expect(before).toMatchObject({ requested: 4, ready: 4, starting: 0, draining: 0 });
      expect(await stage.actuator.set(order(6, before), NEVER)).toEqual({ kind: "applied" });
      expect((await found()).requested).toBe(6);
      expect(await stage.actuator.set(order(2, await found(), { intentId: "intent-2" }), NEVER)).toEqual({ kind: "applied" });
      expect((await found()).requested).toBe(2);
    });

    test("changes nothing the second time", async () => {
      const before = await found();
      await stage.actuator.set(order(6, before), NEVER);
      const after = await found();
      const again = await stage.actuator.set(order(6, before), NEVER);
      // One that cannot tell sets the same number once more, which changes nothing either.
      expect(stage.actuator.abilities.comparesAndSets ? ["unchanged"] : ["unchanged", "applied"]).toContain(again.kind);
      expect((await found()).requested).toBe(after.requested);
    });

    test("does not begin what was stopped before", async () => {
      const before = await found();
      const stopped = AbortSignal.abort();
      expect((await stage.actuator.set(order(9, before), stopped)).kind).toBe("failed");
      expect((await found()).requested).toBe(4);
    });

    test("sees what others did, and where it can, leaves it alone", async () => {
      const before = await found();
      stage.change(7);
      expect((await found()).requested).toBe(7);
      if (!stage.actuator.abilities.comparesAndSets) return;
      expect((await stage.actuator.set(order(5, before), NEVER)).kind).toBe("conflict");
      expect((await found()).requested).toBe(7);
    });

    test("refuses a controller that has been replaced, where the world keeps who acts", async () => {
      if (!stage.actuator.abilities.keepsEpoch) return;
      expect((await stage.actuator.set(order(5, await found(), { epoch: 7 }), NEVER)).kind).toBe("applied");
      expect((await stage.actuator.set(order(6, await found(), { epoch: 6 }), NEVER)).kind).toBe("conflict");
      expect((await found()).requested).toBe(5);
    });
  });
}
