import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import type { Trace } from "../sim/trace.ts";
import { doJob, type Job, type Outcome } from "../simulation-job.ts";
import { startWorker } from "./start-worker.ts";

/** A worker starts in some 40 ms and warms up in a few hundred more; below this many steps for each, one thread is faster. */
const STEPS_PER_THREAD = 1_500_000;

interface PoolOptions {
  /** So many threads; as many as pay, up to all cores, when absent. 1 runs in this one. */
  readonly threads?: number | undefined;
  readonly onDone?: (done: number, of: number) => void;
}

/** Threads for so many plant steps of work: as many as told, else as many as pay. */
function threadsFor(steps: number, jobs: number, told: number | undefined): number {
  if (told !== undefined) return Math.min(told, jobs);
  const useful = Math.min(availableParallelism(), jobs, Math.floor(steps / STEPS_PER_THREAD));
  return useful < 2 ? 1 : useful;
}

/**
 * Does jobs on all cores; outcomes in the order of the jobs. A thread that dies takes its job with it, and that is an error.
 * @param steps plant steps of all jobs together, to judge whether threads pay
 */
export async function doJobs(jobs: readonly Job[], steps: number, { threads, onDone }: PoolOptions = {}): Promise<Outcome[]> {
  const count = threadsFor(steps, jobs.length, threads);
  let done = 0;
  if (count === 1) {
    const outcomes: Outcome[] = new Array(jobs.length);
    for (const [i, job] of jobs.entries()) {
      outcomes[i] = doJob(job);
      onDone?.(++done, jobs.length);
      // Lets signals through between two jobs.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return outcomes;
  }
  return await onThreads(jobs, count, () => onDone?.(++done, jobs.length));
}

/** Does jobs in one other thread: this one has something else to do meanwhile. */
export function doJobsAside(jobs: readonly Job[]): Promise<Outcome[]> {
  return onThreads(jobs, 1);
}

async function onThreads(jobs: readonly Job[], count: number, onDone?: () => void): Promise<Outcome[]> {
  const outcomes: Outcome[] = new Array(jobs.length);
  let next = 0;
  const shared = new Map<Trace, Trace>();
  const workers: Worker[] = [];
  try {
    await Promise.all(
      Array.from({ length: count }, () => {
        const worker = startWorker("simulation-worker");
        workers.push(worker);
        return new Promise<void>((resolve, reject) => {
          const give = (): void => {
            const id = next++;
            const job = jobs[id];
            if (job === undefined) resolve();
            else worker.postMessage({ id, job: { ...job, trace: sharedTrace(job.trace, shared) } });
          };
          worker.on("message", ({ id, outcome }: { id: number; outcome: Outcome }) => {
            outcomes[id] = outcome;
            onDone?.();
            give();
          });
          worker.on("error", reject);
          worker.on("exit", (code) => reject(new Error(`a worker thread ended early with code ${code}`)));
          give();
        });
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return outcomes;
}

/** The recording with its load in memory that all threads see, copied once. */
function sharedTrace(trace: Trace, shared: Map<Trace, Trace>): Trace {
  let found = shared.get(trace);
  if (found === undefined) {
    const load = new Float64Array(new SharedArrayBuffer(trace.load.byteLength));
    load.set(trace.load);
    found = { ...trace, load };
    shared.set(trace, found);
  }
  return found;
}
