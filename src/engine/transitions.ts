import type { Transition } from "../policy/schedule-window.ts";

/** What a calendar says over time, followed as time goes by. Instants ascend; before the first, `initial` holds. */
export class Transitions<Value> {
  readonly #transitions: readonly Transition<Value>[];
  #next = 0;
  value: Value;
  /** When it changes next; infinite when it does not. Almost always that is all there is to look at. */
  #nextAtMs: number;

  constructor(initial: Value, transitions: readonly Transition<Value>[]) {
    this.value = initial;
    this.#transitions = transitions;
    this.#nextAtMs = transitions[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** The value at `nowMs`, which never goes back. Returns true when it has changed. */
  advance(nowMs: number): boolean {
    if (nowMs < this.#nextAtMs) return false;
    while (this.#nextAtMs <= nowMs) {
      this.value = (this.#transitions[this.#next++] as Transition<Value>).value;
      this.#nextAtMs = this.#transitions[this.#next]?.atMs ?? Number.POSITIVE_INFINITY;
    }
    return true;
  }
}
