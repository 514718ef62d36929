import type { SimulatedNode } from "./node.ts";

/** Calls from one node to another: each request served at `from` makes so many at `to`, and waits for the answers. */
export interface SimulationEdge {
  /** Positions in the list of nodes; callers come before those they call. */
  readonly from: number;
  readonly to: number;
  readonly calls: number;
}

/**
 * Load comes to the first node, which serves no more than all that it calls, directly or through others, can answer: a
 * request holds its place until the last answer is there. So nothing piles up but at the first node, and no more is answered
 * anywhere than is served there. What is tried reaches those that are called all the same, or nothing would show that they
 * are short, or wake them.
 */
export class Edges {
  readonly #edges: readonly SimulationEdge[];
  readonly #nodes: readonly SimulatedNode[];
  /** Calls at each node for one request at the first, over all ways. */
  readonly #callsEach: Float64Array;
  /** Of this step, per second. */
  readonly #tried: Float64Array;

  constructor(edges: readonly SimulationEdge[], nodes: readonly SimulatedNode[]) {
    this.#edges = edges;
    this.#nodes = nodes;
    this.#callsEach = new Float64Array(nodes.length);
    this.#callsEach[0] = 1;
    for (const { from, to, calls } of edges) this.#callsEach[to] = (this.#callsEach[to] as number) + calls * (this.#callsEach[from] as number);
    this.#tried = new Float64Array(nodes.length);
  }

  /** Serves one step at all nodes. The first gets `load` per second from outside. */
  serve(step: number, load: number, seconds: number, nowMs: number): void {
    const nodes = this.#nodes;
    const tried = this.#tried;
    const first = nodes[0] as SimulatedNode;
    let allowed = Number.POSITIVE_INFINITY;
    let narrowest = 0;
    first.plant.prepare(nowMs);
    for (let i = 1; i < nodes.length; i++) {
      const { plant } = nodes[i] as SimulatedNode;
      plant.prepare(nowMs);
      const rate = plant.capacityRate / (this.#callsEach[i] as number);
      if (rate >= allowed) continue;
      allowed = rate;
      narrowest = i;
    }
    // Whoever has too little itself waits for nobody.
    if (first.plant.capacityRate <= allowed) narrowest = 0;
    first.serve(step, load, seconds, nowMs, allowed, narrowest);
    const answered = first.plant.served / seconds;
    tried.fill(0);
    // Where nobody answers at all, what waits is tried again and again.
    tried[0] = load + (first.plant.retries + (allowed > 0 ? 0 : first.plant.backlog)) / seconds;
    for (const { from, to, calls } of this.#edges) {
      // Nobody passes on more than it can work on itself; what was waiting counts when it is answered.
      const { capacityRate } = (nodes[from] as SimulatedNode).plant;
      const passed = Math.max(answered * (this.#callsEach[from] as number), Math.min(tried[from] as number, capacityRate));
      tried[to] = (tried[to] as number) + passed * calls;
    }
    for (let i = 1; i < nodes.length; i++)
      (nodes[i] as SimulatedNode).answer(step, tried[i] as number, answered * (this.#callsEach[i] as number), seconds, nowMs);
    // Who waits for an answer waits for what its answerer waits for.
    for (let i = nodes.length - 1; i >= 0; i--) {
      let dependencyMs = 0;
      for (const { from, to, calls } of this.#edges) if (from === i) dependencyMs += calls * (nodes[to] as SimulatedNode).meanLatencyMs;
      (nodes[i] as SimulatedNode).measure(step, seconds, nowMs, dependencyMs);
    }
  }
}
