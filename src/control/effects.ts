import type { Actuator } from "../actuators/actuator.ts";
import type { Intent } from "../ledger/store.ts";
import { anyOf } from "../lib/any-signal.ts";
import { ACTING_MAX_MS, type CarriedOut, carryOut, READING_MAX_MS } from "./effect.ts";
import type { ControllerPorts } from "./ports.ts";

/** Effects that take longer go on beside the next tick. */
const PATIENCE_MS = 500;
/** Readings that begin within so long share a deadline that is many times as far away. */
const SAME_TIME_MS = 250;
/** Whoever stops us waits for ten seconds. */
const STOP_GRACE_MS = 8_000;

/** Effects on their way, and those of which nobody has written down yet what came of them. */
export class Effects {
  readonly #ports: Pick<ControllerPorts, "clock" | "isStopped">;
  readonly #conclude: () => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #done: { readonly intent: Intent; readonly result: CarriedOut }[] = [];
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #ended = new AbortController();
  readonly #graces = new WeakMap<AbortSignal, AbortSignal>();

  /** @param conclude writes down what {@link Effects.takeDone} gives   @param onFailure told when that was not possible between ticks */
  constructor(ports: Pick<ControllerPorts, "clock" | "isStopped">, conclude: () => Promise<void>, onFailure: (error: unknown) => void) {
    this.#ports = ports;
    this.#conclude = conclude;
    this.#onFailure = onFailure;
  }

  /** What has ended since the last time. */
  takeDone(): { readonly intent: Intent; readonly result: CarriedOut }[] {
    return this.#done.splice(0);
  }

  /** Waits for all that is on its way. */
  async settled(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /** Nobody waits any longer. */
  end(): void {
    this.#ended.abort();
  }

  /** Begins effects, and waits a little for what comes of them: a slow one must not keep the others from ticking. */
  async begin(intents: readonly { readonly intent: Intent; readonly actuator: Actuator }[], signal: AbortSignal): Promise<void> {
    const { clock, isStopped } = this.#ports;
    const grace = this.#graceAfter(signal);
    const deadline = anyOf(clock.timeout(ACTING_MAX_MS), grace);
    const readBackBy = this.#sharedDeadlines(grace);
    const begun = intents.map(async ({ intent, actuator }) => {
      const result: CarriedOut =
        signal.aborted || isStopped() || clock.wallMs() > intent.deadlineMs
          ? { outcome: "abandoned", message: "stopped before it began" }
          : await carryOut(intent, actuator, { deadline, readBackBy });
      this.#done.push({ intent, result });
    });
    const all = Promise.all(begun);
    this.#inFlight.add(all);
    await Promise.race([all, aborted(clock.timeout(PATIENCE_MS))]);
    await this.#conclude();
    const finish = async (): Promise<void> => {
      await all;
      this.#inFlight.delete(all);
      try {
        await this.#conclude();
      } catch (error) {
        this.#onFailure(error);
      }
    };
    void finish();
  }

  /** Gives deadlines for reading back: the same one for all that are asked for at about the same time, for there may be thousands. */
  #sharedDeadlines(grace: AbortSignal): () => AbortSignal {
    const { clock } = this.#ports;
    let last: { readonly atMs: number; readonly signal: AbortSignal } | undefined;
    return () => {
      const nowMs = clock.engineMs();
      if (last === undefined || Math.abs(nowMs - last.atMs) > SAME_TIME_MS) last = { atMs: nowMs, signal: anyOf(clock.timeout(READING_MAX_MS), grace) };
      return last.signal;
    };
  }

  /** Aborts a while after `signal` has, unless everything has ended by then. One for each signal, however many effects. */
  #graceAfter(signal: AbortSignal): AbortSignal {
    const known = this.#graces.get(signal);
    if (known !== undefined) return known;
    const grace = new AbortController();
    this.#graces.set(signal, grace.signal);
    const giveUp = async (): Promise<void> => {
      await this.#ports.clock.sleep(STOP_GRACE_MS, this.#ended.signal);
      grace.abort();
    };
    signal.addEventListener("abort", () => void giveUp(), { once: true });
    return grace.signal;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
