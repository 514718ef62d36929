import { describe, expect, test } from "vitest";
import { parsePolicy } from "../policy/parse.ts";
import { FLEETS, fleetPolicy } from "./fleets.ts";
import { Scoreboard } from "./scoreboard.ts";

describe("the account of a fleet", () => {
  const second = (arrived: number, p95 = 100) => {
    const counts = { arrived, answered: arrived, failed: 0, p95 };
    return { name: "a", ...counts, total: counts };
  };
  const board = () => new Scoreboard({ unitRate: 20, ceiling: 0.8, unitPrice: 0.5, speed: 60 });

  test("counts units that are paid for by the clock of the recording", () => {
    const one = board();
    for (let i = 0; i < 60; i++) one.add(second(10), { ready: 4, paid: 6 }, 1);
    // A minute at sixty times the speed is an hour.
    expect(one.score).toMatchObject({ unitHours: 6, money: 3, aboveCeiling: 0, p95Ms: 100 });
  });

  test("is short when a mean of some seconds is above the ceiling of what is ready, not at a single busy second", () => {
    const one = board();
    for (let i = 0; i < 10; i++) one.add(second(16), { ready: 1, paid: 1 }, 1);
    expect(one.score.aboveCeiling).toBe(0);
    one.add(second(16.1), { ready: 1, paid: 1 }, 1);
    expect(one.score.aboveCeiling).toBeCloseTo(1 / 11);
    const calm = board();
    for (let i = 0; i < 10; i++) calm.add(second(i === 5 ? 40 : 5), { ready: 1, paid: 1 }, 1);
    expect(calm.score.aboveCeiling).toBe(0);
  });
});

test("the policy of the fleets is one that runs, each on ports of its own", () => {
  const text = fleetPolicy({ command: ["/usr/bin/node", "service.js"], troubleFile: "trouble.json", firstPort: 21_001 });
  const { workloads } = parsePolicy(text, "demo");
  expect(workloads.map(({ id }) => id)).toEqual(FLEETS.map(({ name }) => `demo/${name}`));
  const ports = workloads.flatMap(({ written: { target } }) => (target?.type === "process" && target.ports !== undefined ? [target.ports] : []));
  expect(ports).toHaveLength(3);
  for (const [i, { from }] of ports.entries()) expect(from).toBeGreaterThan(ports[i - 1]?.to ?? 0);
});
