import { setMaxListeners } from "node:events";

/**
 * Aborts when one of them does, which is to happen one day: one of them is a timeout, or none lives for long. Thousands may listen: every
 * workload of a tick shares a deadline.
 *
 * Not `AbortSignal.any`: what that makes does not keep alive what it is made of, so that a timeout that nobody else holds never fires
 * after a garbage collection (Node 20.20: 2,000 of 2,000), and what is made of a signal that lives long stays noted there for ever.
 */
export function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  const either = new AbortController();
  setMaxListeners(0, either.signal, ...signals);
  const end = (event: Event): void => abort(event.target as AbortSignal);
  const abort = ({ reason }: AbortSignal): void => {
    for (const signal of signals) signal.removeEventListener("abort", end);
    either.abort(reason);
  };
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted !== undefined) abort(aborted);
  else for (const signal of signals) signal.addEventListener("abort", end, { once: true });
  return either.signal;
}

/** Time that a piece of work has. */
export interface Deadline {
  /** Whether it was over before the work was done, and before whoever waits for it gave up. */
  isOver: boolean;
}

/** Does something with a signal that aborts after `ms`, or when `signal` does; nothing of it is left when it is done. */
export async function within<T>(ms: number, signal: AbortSignal | undefined, work: (either: AbortSignal, deadline: Deadline) => Promise<T>): Promise<T> {
  const deadline = { isOver: false };
  const either = new AbortController();
  const stop = (): void => either.abort(signal?.reason);
  if (signal?.aborted) stop();
  else if (signal !== undefined) {
    setMaxListeners(0, signal);
    signal.addEventListener("abort", stop, { once: true });
  }
  const timer = setTimeout(() => {
    deadline.isOver = !either.signal.aborted;
    either.abort(new DOMException(`not done within ${ms} ms`, "TimeoutError"));
  }, ms);
  // As `AbortSignal.timeout`: nobody stays for a deadline alone.
  timer.unref();
  try {
    return await work(either.signal, deadline);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
