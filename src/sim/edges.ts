import type { SimulatedNode } from "./node.ts";

/** Calls from one node to another: each request served at `from` makes so many at `to`, and waits for them. */
export interface SimulationEdge {
  /** Positions in the list of nodes; callers come before those they call. */
  readonly from: number;
  readonly to: number;
  readonly calls: number;
}

/**
 * Load runs down the edges, what is possible runs up: a node serves no more than those that it calls can answer. What it
 * cannot pass on waits with it, as with callers that hold a connection until the answer comes.
 */
export class Edges {
  readonly #edges: readonly SimulationEdge[];
  readonly #nodes: readonly SimulatedNode[];
  /** Calls a second that each edge wanted in the last step, and those that each node can still answer in this one. */
  readonly #wanted: Float64Array;
  readonly #left: Float64Array;

  constructor(edges: readonly SimulationEdge[], nodes: readonly SimulatedNode[]) {
    this.#edges = edges;
    this.#nodes = nodes;
    this.#wanted = new Float64Array(edges.length);
    this.#left = new Float64Array(nodes.length);
  }

  /** Serves one step at all nodes. The first gets `load` per second from outside. */
  serve(step: number, load: number, seconds: number, nowMs: number): void {
    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      const node = this.#nodes[i] as SimulatedNode;
      node.plant.prepare(nowMs);
      let possible = node.plant.capacityRate;
      for (const { from, to, calls } of this.#edges) if (from === i) possible = Math.min(possible, (this.#left[to] as number) / calls);
      // What waits already is answered first.
      this.#left[i] = Math.max(0, possible - node.plant.backlog / seconds);
    }
    for (let i = 0; i < this.#nodes.length; i++) {
      const node = this.#nodes[i] as SimulatedNode;
      const fresh = i === 0 ? load : this.#callsTo(i);
      const wants = Math.min(node.plant.capacityRate, fresh + node.plant.backlog / seconds);
      let allowed = Number.POSITIVE_INFINITY;
      for (const [at, edge] of this.#edges.entries()) if (edge.from === i) allowed = Math.min(allowed, this.#share(at, edge, wants * edge.calls) / edge.calls);
      node.serve(step, fresh, seconds, nowMs, allowed);
      for (const { from, to, calls } of this.#edges)
        if (from === i) this.#left[to] = Math.max(0, (this.#left[to] as number) - (node.plant.served / seconds) * calls);
    }
    // Who waits for an answer waits for what its answerer waits for.
    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      let dependencyMs = 0;
      for (const { from, to, calls } of this.#edges) if (from === i) dependencyMs += calls * (this.#nodes[to] as SimulatedNode).meanLatencyMs;
      (this.#nodes[i] as SimulatedNode).measure(step, seconds, nowMs, dependencyMs);
    }
  }

  #callsTo(node: number): number {
    let rate = 0;
    for (const { from, to, calls } of this.#edges) if (to === node) rate += calls * (this.#nodes[from] as SimulatedNode).servedRate;
    return rate;
  }

  /**
   * What an edge may pass on: all that is left but for what the others, whose turn comes later, wanted in the last step; in
   * proportion when that is more than there is.
   */
  #share(at: number, { to }: SimulationEdge, wants: number): number {
    this.#wanted[at] = wants;
    const left = this.#left[to] as number;
    let others = 0;
    for (let later = at + 1; later < this.#edges.length; later++) if ((this.#edges[later] as SimulationEdge).to === to) others += this.#wanted[later] as number;
    return wants + others <= left ? left - others : others === 0 ? left : (left * wants) / (wants + others);
  }
}
