import { parentPort } from "node:worker_threads";
import { doJob, type Job } from "../simulation-job.ts";

// Runs in a thread of its own: one job comes in, one outcome goes out.

parentPort?.on("message", ({ id, job }: { id: number; job: Job }) => parentPort?.postMessage({ id, outcome: doJob(job) }));
