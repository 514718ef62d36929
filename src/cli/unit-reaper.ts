import { setTimeout as wait } from "node:timers/promises";
import { endUnits } from "../actuators/process/end-units.ts";

// Runs beside a controller: when its standard input closes, whoever held the other end is gone, and the units of the folder end.

const folder = process.argv[2] as string;
/** A lock goes with its holder, but not at the same instant. */
const ATTEMPTS = 100;
const ATTEMPT_EVERY_MS = 50;

// Whoever ends the controller ends it by that.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
await new Promise((gone) => process.stdin.once("end", gone).once("error", gone).resume());
for (let i = 0; i < ATTEMPTS; i++) {
  const ending = await endUnits(folder, { who: "what ends the units of a controller that is gone", environment: process.env, say: () => {} });
  // Held for as long: another controller has taken over, and has its own.
  if (ending.kind === "ended") break;
  await wait(ATTEMPT_EVERY_MS);
}
