import { setTimeout as wait } from "node:timers/promises";
import { LoadSide, type LoadSideConfig, type Spike } from "../demo/load-side.ts";

// Load and balancers of the demonstration, in a process of its own, so that they do not wait for the controller. Ends with whoever began it.

let side: LoadSide | undefined;
process.on("disconnect", () => process.exit(0));
// A terminal tells everyone; the controller decides when this ends.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
process.on("message", async (message: { readonly begin: LoadSideConfig } | { readonly spike: Spike }) => {
  if ("spike" in message) return side?.spike(message.spike);
  side = new LoadSide(message.begin);
  await side.listen();
  while (!side.isReady) await wait(50);
  await side.run((second) => void process.send?.(second));
});
