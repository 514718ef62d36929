import type { FleetAnswer, FleetRow, ObjectiveView, WorkloadAbout, WorkloadState } from "../api/contract.ts";
import { API_VERSION } from "../api/version.ts";
import { attentionOf, isLate, type LookedAfter } from "../control/attention.ts";
import type { Controller, WorkloadView } from "../control/controller.ts";
import { ObjectiveAccount, type ObjectiveStanding } from "../control/objective-account.ts";
import { hashOfDecision } from "../control/orders.ts";
import { paidUnits, utilisationOf } from "../control/shortage.ts";
import { describeReason, whyText } from "../engine/describe-reason.ts";
import type { ResolvedObjective, ResolvedWorkload } from "../policy/resolve.ts";

// What a controller knows, in the words of the contract, with how objectives are kept.

interface Accounts {
  readonly policy: ResolvedWorkload;
  readonly accounts: readonly { readonly objective: ResolvedObjective; readonly text: string; readonly account: ObjectiveAccount }[];
  takenMs: number;
}

/** Worst first. */
const STATES = ["missed", "at_risk", "unknown", "met"] as const satisfies readonly ObjectiveView["state"][];

/** How old the answer about all may be. */
const FLEET_MS = 500;

/** Looks at a controller for people. */
export class LiveViews {
  readonly #controller: Controller;
  readonly #wallMs: () => number;
  readonly #startedMs: number;
  readonly #accounts = new Map<string, Accounts>();
  #fleet: FleetAnswer | undefined;

  constructor(controller: Controller, wallMs: () => number) {
    this.#controller = controller;
    this.#wallMs = wallMs;
    this.#startedMs = wallMs();
  }

  get startedMs(): number {
    return this.#startedMs;
  }

  /** Takes note of what the last tick saw; to be called after each. */
  note(): void {
    for (const { id, last, policy, intervalMs } of this.#controller.views()) {
      const kept = this.#accountsOf(id, policy);
      if (last === undefined || last.atMs === kept.takenMs) continue;
      kept.takenMs = last.atMs;
      for (const { account } of kept.accounts) account.add(last.observation, last.atMs, intervalMs);
    }
  }

  /** Whether ticks of all come as they should. */
  isHealthy(): boolean {
    return this.#controller.views().every((view) => !isLate({ intervalMs: view.intervalMs, seenMs: view.last?.wallMs ?? this.#startedMs }, this.#wallMs()));
  }

  states(): WorkloadState[] {
    return this.#controller.views().map((view) => this.#stateOf(view));
  }

  state(workload: string): WorkloadState | undefined {
    const view = this.#controller.view(workload);
    return view === undefined ? undefined : this.#stateOf(view);
  }

  /** The same for half a second: a page asks for all of it and for its sums at the same moment. */
  fleet(hasDemo: boolean): FleetAnswer {
    const nowMs = this.#wallMs();
    if (this.#fleet === undefined || Math.abs(nowMs - this.#fleet.nowMs) > FLEET_MS) this.#fleet = this.#fleetNow(hasDemo);
    return this.#fleet;
  }

  #fleetNow(hasDemo: boolean): FleetAnswer {
    const looked = this.#controller.views().map((view) => this.#rowOf(view));
    const rows = looked.map(({ row }) => row);
    const sum = (of: (row: FleetRow) => number | null): number => rows.reduce((total, row) => total + (of(row) ?? 0), 0);
    const currencies = [...new Set(rows.filter(({ costPerHour }) => costPerHour !== null).map(({ currency }) => currency))];
    const states = looked.flatMap(({ objectives }) => objectives.map(({ state }) => state));
    const count = (state: ObjectiveView["state"]): number => states.filter((one) => one === state).length;
    return {
      schemaVersion: API_VERSION,
      nowMs: this.#wallMs(),
      isStopped: this.#controller.isStopped,
      hasDemo,
      totals: {
        requested: sum(({ requested }) => requested),
        ready: sum(({ ready }) => ready),
        costs: currencies.map((currency) => ({ currency, perHour: sum((row) => (row.currency === currency ? row.costPerHour : 0)) })),
        objectives: { met: count("met"), at_risk: count("at_risk"), missed: count("missed"), unknown: count("unknown") },
        urgent: rows.filter(({ attention }) => attention[0]?.level === "urgent").length,
      },
      workloads: rows,
    };
  }

  #accountsOf(id: string, policy: ResolvedWorkload): Accounts {
    const before = this.#accounts.get(id);
    if (before?.policy === policy) return before;
    const accounts = policy.objectives.map((objective) => {
      // What did not change goes on with its account.
      const text = JSON.stringify(objective);
      return before?.accounts.find((one) => one.text === text) ?? { objective, text, account: new ObjectiveAccount(objective) };
    });
    const kept = { policy, accounts, takenMs: before?.takenMs ?? Number.NaN };
    this.#accounts.set(id, kept);
    return kept;
  }

  #objectivesOf({ id, policy, last }: WorkloadView): ObjectiveView[] {
    return this.#accountsOf(id, policy).accounts.map(({ objective, account }) => objectiveView(objective, account.standing(last?.atMs ?? 0)));
  }

  #lookedAfter(view: WorkloadView, objectives: readonly ObjectiveView[]): LookedAfter {
    const { mode, posture, policy, intervalMs, last, unreadable, orders, openIntents } = view;
    return {
      ...{ mode, posture, policy, intervalMs, unreadable, orders, openIntents, objectives },
      seenMs: last?.wallMs ?? this.#startedMs,
      observation: last?.observation,
      decision: last?.decision,
      effect: last?.effect,
      reasons: last?.decision?.reasons() ?? [],
    };
  }

  #rowOf(view: WorkloadView): { readonly row: FleetRow; readonly objectives: readonly ObjectiveView[] } {
    const { last, policy } = view;
    const { common, objectives, reasons } = this.#commonOf(view);
    const capacity = last?.observation.capacity;
    const row: FleetRow = {
      ...common,
      requested: capacity?.readable ? capacity.requested : null,
      ready: capacity?.readable ? capacity.ready : null,
      bounds: policy.bounds,
      ceiling: policy.ceiling,
      currency: policy.unit.price?.currency ?? null,
      objective: objectives.toSorted((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || (b.budgetUsed ?? 0) - (a.budgetUsed ?? 0))[0] ?? null,
      reason: last?.decision === undefined ? null : whyText(reasons),
    };
    return { row, objectives };
  }

  /** What is said of a workload on a line, and when it is looked at alone. */
  #commonOf(view: WorkloadView) {
    const { id, mode, posture, last, policy } = view;
    const objectives = this.#objectivesOf(view);
    const looked = this.#lookedAfter(view, objectives);
    const nowMs = this.#wallMs();
    const common = {
      workload: id,
      mode,
      posture: posture ?? null,
      seenMs: last?.wallMs ?? null,
      isLate: isLate(looked, nowMs),
      wanted: last?.decision?.requested ?? null,
      utilisation: last === undefined ? null : (utilisationOf(policy, last.observation) ?? null),
      costPerHour: costOf(view),
      attention: attentionOf(looked, nowMs),
    };
    return { common, objectives, reasons: looked.reasons };
  }

  #stateOf(view: WorkloadView): WorkloadState {
    const { last, unreadable, policyHash, intervalMs, openIntents, orders, policy } = view;
    const capacity = last?.observation.capacity;
    const decision = last?.decision;
    const { common, objectives, reasons } = this.#commonOf(view);
    return {
      ...common,
      policyHash,
      intervalMs,
      about: aboutOf(policy),
      tickMs: last?.atMs ?? null,
      capacity: capacity?.readable ? { requested: capacity.requested, ready: capacity.ready, starting: capacity.starting, draining: capacity.draining } : null,
      unreadable: unreadable ?? null,
      readings: (last?.observation.readings ?? []).map(({ metric, status, value }) => ({
        metric,
        status,
        value: status === "value" && Number.isFinite(value) ? value : null,
      })),
      objectives,
      desired: decision?.desired ?? null,
      effect: last?.effect ?? null,
      decision: decision !== undefined && last?.effect === "awaiting" ? hashOfDecision(decision) : null,
      reasons: reasons.map((reason) => ({ ...reason, text: describeReason(reason) })),
      openIntents,
      orders: orders as WorkloadState["orders"],
    };
  }
}

/** All units that are paid for, for an hour. */
function costOf({ last, policy }: WorkloadView): number | null {
  const capacity = last?.observation.capacity;
  if (!capacity?.readable || policy.unit.price === undefined) return null;
  return paidUnits(capacity) * policy.unit.price.amountPerHour;
}

function objectiveView(objective: ResolvedObjective, standing: ObjectiveStanding): ObjectiveView {
  const { name, kind, minimum, windowMs } = objective;
  const about = { name, kind, minimum, windowMs, ...standing };
  if (objective.kind === "threshold") return { ...about, metric: objective.metric, op: objective.op, limit: objective.value };
  if (objective.kind === "band") return { ...about, metric: objective.metric, from: objective.from, to: objective.to };
  return { ...about, metric: objective.bad ?? objective.good ?? objective.total };
}

function aboutOf({ bounds, ceiling, unit, metrics }: ResolvedWorkload): WorkloadAbout {
  return {
    bounds,
    ceiling,
    price: unit.price === undefined ? null : { amountPerHour: unit.price.amountPerHour, currency: unit.price.currency ?? null },
    metrics: metrics.map(({ name, measures, scope }) => ({ name, measures, scope })),
  };
}
