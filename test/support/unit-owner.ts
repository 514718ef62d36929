import type { ProcessConfig } from "../../src/actuators/process/process-actuator.ts";
import { processActuator } from "./units.ts";

// A controller to be killed: sets what it is told, one number after the other, and stays. Says when it has begun, and when it is done.

const [folder = "", numbers = "[]", config = "{}"] = process.argv.slice(2);
const NEVER = new AbortController().signal;
const actuator = processActuator(folder, JSON.parse(config) as Partial<ProcessConfig>, (trouble) => process.stderr.write(`${trouble}\n`));
await actuator.observe(NEVER);
process.stdout.write("begun\n");
for (const units of JSON.parse(numbers) as number[]) {
  const found = await actuator.observe(NEVER);
  if (found.kind !== "found") throw new Error(found.message);
  const { requested, version, uid } = found;
  const { kind } = await actuator.set({ intentId: "i", epoch: 1, units, expect: { requested, version, uid } }, NEVER);
  if (kind !== "applied" && kind !== "unchanged") throw new Error(kind);
}
process.stdout.write("done\n");
