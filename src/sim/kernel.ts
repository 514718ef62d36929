import type { Decision, Engine, Observation } from "../engine/model.ts";
import { SharedLimits } from "../engine/shared-limits.ts";
import { createRng } from "../lib/rng.ts";
import type { SimulationColumns } from "./columns.ts";
import { Edges, type SimulationEdge } from "./edges.ts";
import { SimulatedNode, type SimulationNode } from "./node.ts";
import { loadBySteps, settleStepMs } from "./steps.ts";
import type { Trace } from "./trace.ts";

/** What to simulate. The first node gets the load of the trace, the others what those before them call. */
export interface SimulationRequest {
  readonly nodes: readonly [SimulationNode, ...SimulationNode[]];
  /** Ordered by the node they come from. */
  readonly edges: readonly SimulationEdge[];
  /** The load of the trace is multiplied by this. */
  readonly loadFactor: number;
  readonly seed: number;
  readonly interpolate: boolean;
  /** Shortest tick of all engines that are compared on this plant; those of this run when it stands alone. */
  readonly tickMs?: number;
}

/** One node of a simulation, in the order of the request. */
export interface SimulationResult {
  readonly columns: SimulationColumns;
  /** Metrics of the engine that had no reading at all, with why. */
  readonly silentMetrics: readonly string[];
}

/** Watches the first node. */
export interface SimulationObserver {
  /** Called with every decision. Read it at once: the object is reused. */
  onTick?(decision: Decision): void;
  /** Called with every decision that changes capacity. Read it at once: the object is reused. */
  onChange?(decision: Decision): void;
  /** Called with the last decision at or before this engine time, whatever it decided. */
  readonly explainAtMs?: number;
  onExplain?(decision: Decision, observation: Observation): void;
  /** Called now and then with the share that is done, 0..1. */
  onProgress?(done: number): void;
}

/** Steps between two reports of progress. */
const PROGRESS_STEPS = 262_144;

/**
 * Runs one engine for each node against its plant over the trace. Deterministic: same inputs, same bytes. O(steps x nodes);
 * per step nothing is allocated. An engine at time t has seen only steps that ended by t, each through its own metric pipeline.
 */
export function simulate(
  request: SimulationRequest,
  trace: Trace,
  engines: readonly [Engine, ...Engine[]],
  observer: SimulationObserver = {},
): SimulationResult[] {
  const startMs = trace.startMs ?? 0;
  const stepMs = settleStepMs(trace.binMs, Math.min(request.tickMs ?? Number.POSITIVE_INFINITY, ...engines.map(({ intervalMs }) => intervalMs)));
  const seconds = stepMs / 1_000;
  const load = loadBySteps(trace, stepMs, request.loadFactor, request.interpolate);
  const steps = load.length;
  const { edges } = request;
  const rng = createRng(request.seed);
  const firstLoads = [load[0] ?? 0];
  const nodes: SimulatedNode[] = [];
  const shared = request.nodes.length === 1 ? undefined : new SharedLimits(request.nodes.map(({ workload }) => workload));
  for (const [i, node] of request.nodes.entries()) {
    const firstLoad = firstLoads[i] ?? 0;
    const calls = edges.filter(({ from }) => from === i);
    for (const edge of calls) firstLoads[edge.to] = (firstLoads[edge.to] ?? 0) + firstLoad * edge.calls;
    nodes.push(
      new SimulatedNode(node, engines[i] as Engine, {
        trace,
        stepMs,
        steps,
        firstLoad,
        isCaller: calls.length > 0,
        rng: i === 0 ? rng : createRng(request.seed + i),
        ...(i === 0 && { load }),
        ...(shared !== undefined && { shared }),
      }),
    );
  }
  // What each begins with counts before any has asked.
  for (const { engine, plant } of nodes) shared?.note(engine.workload, plant.requested);
  const first = nodes[0] as SimulatedNode;
  const together = edges.length === 0 ? undefined : new Edges(edges, nodes);
  let nextProgress = 0;
  for (let step = 0; step < steps; step++) {
    const nowMs = startMs + step * stepMs;
    first.advance(nowMs, observer);
    if (together === undefined) {
      first.plant.prepare(nowMs);
      first.serve(step, load[step] as number, seconds, nowMs, Number.POSITIVE_INFINITY, 0);
      first.measure(step, seconds, nowMs, 0);
    } else {
      for (let i = 1; i < nodes.length; i++) (nodes[i] as SimulatedNode).advance(nowMs, undefined);
      together.serve(step, load[step] as number, seconds, nowMs);
    }
    if (step >= nextProgress) {
      observer.onProgress?.(step / steps);
      nextProgress = step + PROGRESS_STEPS;
    }
  }
  return nodes.map(({ columns, silentMetrics }) => ({ columns, silentMetrics }));
}
