import type { Worker } from "node:worker_threads";
import { addUp, busyShare, type LoadRequest, type Played, playShare, type Share } from "../load/play.ts";
import type { LoadReport } from "../load/tally.ts";
import { startWorker } from "./start-worker.ts";

export interface LoadOutcome {
  readonly report: LoadReport;
  /** Share of one core that the busiest thread was busy. */
  readonly busy: number;
}

type FromWorker = Played & ({ readonly kind: "second" } | { readonly kind: "whole"; readonly busy: number });

/**
 * Plays a load on so many threads, each with its share of the requests.
 * @param targets who there is now; for one thread only
 */
export async function playOnThreads(
  threads: number,
  request: LoadRequest,
  onSecond: (report: LoadReport) => void,
  signal: AbortSignal,
  targets?: () => readonly string[],
): Promise<LoadOutcome> {
  if (threads === 1) {
    const before = performance.eventLoopUtilization();
    const { report } = await playShare(request, { index: 0, of: 1 }, onSecond, signal, targets);
    return { report, busy: busyShare(before) };
  }
  /** Seconds that some threads have told and others have not: of a thread that has ended none more come. */
  const seconds = new Map<number, Played[]>();
  let running = threads;
  const tell = (isLast: boolean): void => {
    for (const [second, played] of [...seconds].sort(([a], [b]) => a - b)) {
      if (played.length < running && !isLast) continue;
      seconds.delete(second);
      onSecond(addUp(played));
    }
  };
  const workers: Worker[] = [];
  const stop = (): void => {
    for (const worker of workers) worker.postMessage("stop");
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    const wholes = await Promise.all(
      Array.from({ length: threads }, (_, index) => {
        const worker = startWorker("load-worker");
        workers.push(worker);
        let at = 0;
        return new Promise<Played & { readonly busy: number }>((resolve, reject) => {
          worker.on("message", (message: FromWorker) => {
            if (message.kind === "whole") {
              running--;
              tell(running === 0);
              return resolve(message);
            }
            seconds.set(at, [...(seconds.get(at) ?? []), message]);
            at++;
            tell(false);
          });
          worker.on("error", reject);
          worker.on("exit", (code) => reject(new Error(`a worker thread ended early with code ${code}`)));
          worker.postMessage({ request, share: { index, of: threads } satisfies Share });
        });
      }),
    );
    return { report: addUp(wholes), busy: Math.max(...wholes.map(({ busy }) => busy)) };
  } finally {
    signal.removeEventListener("abort", stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
