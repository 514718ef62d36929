import { Worker } from "node:worker_threads";

declare const VERSION: string;

/** A thread that runs a worker of this folder, by its name: as it lies beside the bundle; from sources, through the loader that runs them. */
export function startWorker(name: "simulation-worker" | "load-worker"): Worker {
  if (typeof VERSION !== "undefined") return new Worker(new URL(`../${name}.js`, import.meta.url));
  const entry = JSON.stringify(new URL(`./${name}.ts`, import.meta.url).href);
  return new Worker(`import("tsx/esm/api").then(({ register }) => { register(); return import(${entry}); })`, { eval: true });
}
