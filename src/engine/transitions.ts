import type { Transition } from "../policy/schedule-window.ts";

/** What a calendar says over time, followed as time goes by. Instants ascend; before the first, `initial` holds. */
export class Transitions<Value> {
  readonly #transitions: readonly Transition<Value>[];
  #next = 0;
  value: Value;
  /** When it changes next; infinite when it does not. Before then, nobody has to ask. */
  nextAtMs: number;

  constructor(initial: Value, transitions: readonly Transition<Value>[]) {
    this.value = initial;
    this.#transitions = transitions;
    this.nextAtMs = transitions[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** The value at `nowMs`, which never goes back. Returns true when it has changed. */
  advance(nowMs: number): boolean {
    const before = this.#next;
    while (this.#next < this.#transitions.length && (this.#transitions[this.#next] as Transition<Value>).atMs <= nowMs) {
      this.value = (this.#transitions[this.#next] as Transition<Value>).value;
      this.#next++;
    }
    this.nextAtMs = this.#transitions[this.#next]?.atMs ?? Number.POSITIVE_INFINITY;
    return this.#next !== before;
  }
}
