import { describeReason, whyText } from "../engine/describe-reason.ts";
import type { Decision, Observation } from "../engine/model.ts";
import { type Reason, type ReasonCode, ROLLBACKS } from "../engine/reasons.ts";
import type { Conclusion, Intent } from "../ledger/store.ts";
import { formatOperand, formatSpan } from "../lib/format.ts";
import { oneLine } from "../lib/one-line.ts";
import type { NoticeBody, NoticeKind } from "../notify/notifier.ts";
import { type Effect, type Mode, mayAct } from "./decision.ts";
import { isShort, type NoticedWorkload } from "./shortage.ts";

/** A condition that stands is told again so often. */
const REMINDER_MS = 3_600_000;
/** A condition is over when it was not seen for so long: one that comes and goes is one condition. */
const QUIET_MS = 300_000;
/** Steps of one workload within this time are one notice. */
const STEPS_MS = 60_000;
const TEXT_MAX = 500;

const FAILURES: ReadonlySet<Conclusion["outcome"]> = new Set(["failed", "unknown", "conflict", "rejected"]);

type Told = Pick<NoticeBody, "title" | "text" | "facts">;

interface Standing {
  readonly beganMs: number;
  /** How bad it has been; told again when it gets worse. */
  level: number;
  seenMs: number;
  toldMs: number;
  /** What was not so is so again, for a condition that does not end by itself. */
  isHealed: boolean;
}

interface Steps {
  readonly from: number;
  to: number;
  least: number;
  most: number;
  count: number;
  why: string;
}

/** What is remembered of one workload: a few numbers for each condition that stands. */
interface Remembered {
  readonly standing: Map<string, Standing>;
  /** The step that was begun last, and why. */
  begun?: { readonly requested: number; readonly why: string; readonly rollback: ReasonCode | undefined };
  steps?: Steps;
  stepsToldMs?: number;
  /** Why its capacity cannot be read. */
  unreadable?: string;
  rollbackToldMs?: number;
}

/**
 * Turns decisions and what came of them into what people want to be told of: once when a condition begins or gets worse, once when it
 * ends, every hour while it stands. Deterministic; times are those of the caller and must not decrease. It remembers nothing
 * over a restart, so conditions that stand are told once more then, and the end of one that ended meanwhile is not told.
 * Workloads that may not act tell nothing.
 */
export class NoticeBook {
  #workloads: ReadonlyMap<string, NoticedWorkload>;
  readonly #remembered = new Map<string, Remembered>();
  #stopped: Standing | undefined;
  #out: NoticeBody[] = [];

  constructor(workloads: readonly NoticedWorkload[]) {
    this.#workloads = new Map(workloads.map((workload) => [workload.id, workload]));
  }

  /** Goes on with what changed policies say. */
  reload(workloads: readonly NoticedWorkload[]): void {
    this.#workloads = new Map(workloads.map((workload) => [workload.id, workload]));
  }

  decided(decision: Decision, mode: Mode, effect: Effect, observation: Observation, nowMs: number): NoticeBody[] {
    const about = this.#workloads.get(decision.workload);
    if (about === undefined || !mayAct(mode)) return [];
    const { workload, from, requested, posture } = decision;
    const reasons = decision.reasons();
    const of = (...codes: readonly ReasonCode[]): Reason | undefined => reasons.find(({ code }) => codes.includes(code));
    const it = this.#rememberedOf(workload);
    const level = { normal: 0, partial: 1, blind: 2 }[posture];
    if (level > 0) this.#stands(workload, "holding", "holding", level, nowMs, () => blindness(decision, reasons, it.unreadable));
    else this.#lapses(workload, "holding", "resumed", nowMs, (spanMs) => ({ ...plain(`${workload} sees again`, `after ${formatSpan(spanMs)}`), facts: {} }));
    // When capacity cannot be read, the numbers of a decision mean nothing.
    if (effect === "unreadable") return this.#take();
    if (effect === "begun") it.begun = { requested, why: whyText(reasons), rollback: reasons.find(({ code }) => ROLLBACKS.has(code))?.code };
    if (effect === "awaiting")
      this.#stands(workload, `approval ${Math.sign(requested - from)}`, "approval_wanted", 0, nowMs, () => approval(decision, reasons));
    else for (const direction of [-1, 1]) this.#lapses(workload, `approval ${direction}`, "approval_wanted", nowMs);
    const spend = of("spend_alarm", "spend_exhausted");
    if (spend !== undefined) this.#stands(workload, "budget", "budget_alarm", spend.code === "spend_exhausted" ? 1 : 0, nowMs, () => budget(workload, spend));
    else this.#lapses(workload, "budget", "budget_alarm", nowMs);
    const clamped = of("clamped_max");
    if (clamped !== undefined && isShort(about, observation, reasons))
      this.#stands(workload, "maximum", "at_maximum", 0, nowMs, () => shortage(about, Math.max(decision.desired, clamped.from), clamped.to));
    else
      this.#lapses(workload, "maximum", "at_maximum", nowMs, (spanMs) => ({
        ...plain(`${workload} is no longer short of units at its maximum`, `after ${formatSpan(spanMs)}`),
        facts: {},
      }));
    for (const code of ["drift_restored", "drift_robot"] as const) {
      const reason = of(code);
      if (reason !== undefined)
        this.#stands(workload, code, "drift", 0, nowMs, () => ({
          ...plain(`${workload}: somebody else changes its capacity`, describeReason(reason)),
          facts: { code, from: reason.from, to: reason.to },
        }));
      else this.#lapses(workload, code, "drift", nowMs);
    }
    return this.#take();
  }

  concluded(intent: Intent, outcome: Conclusion["outcome"], message: string | undefined, nowMs: number): NoticeBody[] {
    const { workload } = intent;
    if (!this.#workloads.has(workload)) return [];
    const it = this.#rememberedOf(workload);
    const [from, to] = [intent.expect.units, intent.do.units];
    if (FAILURES.has(outcome)) {
      this.#stands(workload, outcome, "effect_failed", 0, nowMs, () => ({
        ...plain(`${workload}: ${from} -> ${to} units: ${outcome}`, message ?? ""),
        facts: { outcome, from, to },
      }));
      return this.#take();
    }
    if (outcome === "applied" || outcome === "unchanged") {
      for (const failure of FAILURES) {
        const standing = it.standing.get(failure);
        if (standing !== undefined) standing.isHealed = true;
      }
    }
    if (outcome !== "applied") return [];
    const { begun } = it;
    const isOurs = begun?.requested === to;
    const why = isOurs ? begun.why : "begun by an earlier controller";
    // What has to be taken back in several steps is said once.
    if (isOurs && begun.rollback !== undefined && nowMs - (it.rollbackToldMs ?? Number.NEGATIVE_INFINITY) >= QUIET_MS) {
      it.rollbackToldMs = nowMs;
      this.#say("rollback", "once", workload, {
        ...plain(`${workload}: a step was taken back, ${from} -> ${to} units`, why),
        facts: { code: begun.rollback, from, to },
      });
      return this.#take();
    }
    it.steps ??= { from, to, least: from, most: from, count: 0, why };
    it.steps = { ...it.steps, to, least: Math.min(it.steps.least, to), most: Math.max(it.steps.most, to), count: it.steps.count + 1, why };
    this.#saySteps(workload, it, nowMs);
    return this.#take();
  }

  /** Why capacity cannot be read; undefined: it can again. It is told when the posture says that it lasts. */
  unreadable(workload: string, message: string | undefined): void {
    if (!this.#workloads.has(workload)) return;
    const it = this.#rememberedOf(workload);
    if (message === undefined) delete it.unreadable;
    else it.unreadable = message;
  }

  stopped(isStopped: boolean, nowMs: number): NoticeBody[] {
    const was = this.#stopped;
    if (isStopped === (was !== undefined)) return [];
    this.#stopped = isStopped ? { beganMs: nowMs, level: 0, seenMs: nowMs, toldMs: nowMs, isHealed: false } : undefined;
    if (isStopped) this.#say("stopped", "began", undefined, STOPPED);
    else this.#say("stopped", "ended", undefined, { ...plain("Vernier is no longer stopped: effects begin again", sinceText(was, nowMs)), facts: {} });
    return this.#take();
  }

  /** What time alone brings: to be called at every tick. */
  passed(nowMs: number): NoticeBody[] {
    if (this.#stopped !== undefined && nowMs - this.#stopped.toldMs >= REMINDER_MS) {
      this.#stopped.toldMs = nowMs;
      this.#say("stopped", "continues", undefined, { ...STOPPED, text: sinceText(this.#stopped, nowMs) });
    }
    for (const [workload, it] of this.#remembered) {
      this.#saySteps(workload, it, nowMs);
      for (const failure of FAILURES) {
        if (it.standing.get(failure)?.isHealed)
          this.#lapses(workload, failure, "effect_failed", nowMs, (spanMs) => ({
            ...plain(`${workload}: changes of capacity are applied again`, `after ${formatSpan(spanMs)}`),
            facts: { outcome: failure },
          }));
      }
    }
    return this.#take();
  }

  /** What would have been told a little later. */
  end(): NoticeBody[] {
    for (const [workload, it] of this.#remembered) this.#saySteps(workload, it, Number.POSITIVE_INFINITY);
    return this.#take();
  }

  #rememberedOf(workload: string): Remembered {
    const known = this.#remembered.get(workload);
    if (known !== undefined) return known;
    const it: Remembered = { standing: new Map() };
    this.#remembered.set(workload, it);
    return it;
  }

  #stands(workload: string, key: string, kind: NoticeKind, level: number, nowMs: number, told: () => Told): void {
    const { standing } = this.#rememberedOf(workload);
    const it = standing.get(key);
    // Effects do not fail at every tick: what failed so long ago that a reminder would be due is another story.
    if (it === undefined || (kind === "effect_failed" && nowMs - it.seenMs >= REMINDER_MS)) {
      standing.set(key, { beganMs: nowMs, level, seenMs: nowMs, toldMs: nowMs, isHealed: false });
      this.#say(kind, "began", workload, told());
      return;
    }
    const isWorse = level > it.level;
    const isDue = isWorse || nowMs - it.toldMs >= REMINDER_MS;
    it.seenMs = nowMs;
    it.isHealed = false;
    it.level = Math.max(level, it.level);
    if (!isDue) return;
    it.toldMs = nowMs;
    const { title, text, facts } = told();
    this.#say(kind, isWorse ? "began" : "continues", workload, { title, text: [text, sinceText(it, nowMs)].filter((part) => part !== "").join("; "), facts });
  }

  #lapses(workload: string, key: string, kind: NoticeKind, nowMs: number, told?: (spanMs: number) => Told): void {
    const { standing } = this.#rememberedOf(workload);
    const it = standing.get(key);
    if (it === undefined || nowMs - it.seenMs < QUIET_MS) return;
    standing.delete(key);
    if (told !== undefined) this.#say(kind, kind === "resumed" ? "once" : "ended", workload, told(it.seenMs - it.beganMs));
  }

  #saySteps(workload: string, it: Remembered, nowMs: number): void {
    const { steps } = it;
    if (steps === undefined || nowMs - (it.stepsToldMs ?? Number.NEGATIVE_INFINITY) < STEPS_MS) return;
    delete it.steps;
    it.stepsToldMs = nowMs;
    const { from, to, least, most, count, why } = steps;
    const range = count === 1 ? "" : ` in ${count} steps, between ${least} and ${most}`;
    this.#say("step", "once", workload, {
      ...plain(`${workload}: ${from} -> ${to} units${range}`, why),
      facts: { from, to, steps: count, least, most },
    });
  }

  #say(kind: NoticeKind, phase: NoticeBody["phase"], workload: string | undefined, { title, text, facts }: Told): void {
    this.#out.push({ kind, phase, ...(workload !== undefined && { workload }), ...plain(title, text), facts });
  }

  #take(): NoticeBody[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

const STOPPED: Told = {
  title: "Vernier is stopped: no effect begins",
  text: "the kill switch was thrown; capacity stays as it is until it is taken back",
  facts: {},
};

function sinceText(standing: Standing | undefined, nowMs: number): string {
  return standing === undefined ? "" : `for ${formatSpan(nowMs - standing.beganMs)} now`;
}

function blindness({ workload, posture }: Decision, reasons: readonly Reason[], unreadable: string | undefined): Told {
  const why = reasons.filter(({ stage, code }) => (stage === "observe" || stage === "judge") && !code.startsWith("posture_")).map(describeReason);
  if (unreadable !== undefined)
    return { ...plain(`${workload}: its capacity cannot be read, nothing is changed`, [unreadable, ...why].join("; ")), facts: { posture } };
  const title = posture === "blind" ? `${workload} is blind: no usable reading at all` : `${workload} sees only part of it: nothing is taken away`;
  return { ...plain(title, why.join("; ")), facts: { posture } };
}

function approval({ workload, from, requested }: Decision, reasons: readonly Reason[]): Told {
  return {
    ...plain(`${workload}: ${from} -> ${requested} units waits for approval`, `${whyText(reasons)}; vernier approve ${workload} --why …`),
    facts: { from, to: requested },
  };
}

function budget(workload: string, reason: Reason): Told {
  const [spent, most] = [reason.operands["spent"] as number, reason.operands["budget"] as number];
  const title =
    reason.code === "spend_exhausted" ? `${workload}: this month's budget is spent, nothing is added` : `${workload}: most of this month's budget is spent`;
  return { ...plain(title, describeReason(reason)), facts: { spent, budget: most } };
}

function shortage({ id, unit: { price } }: NoticedWorkload, needed: number, max: number): Told {
  const more = price === undefined ? undefined : (needed - max) * price.amountPerHour;
  return {
    ...plain(
      `${id} is at its maximum of ${max} units and needs ${needed}`,
      price === undefined || more === undefined
        ? "raise bounds.max, or take load away"
        : `${needed} units cost ${formatOperand(needed * price.amountPerHour)} ${price.currency}/h, ${formatOperand(more)} ${price.currency}/h more; raise bounds.max, or take load away`,
    ),
    facts: {
      needed,
      max,
      ...(price !== undefined && { costPerHour: needed * price.amountPerHour, currency: price.currency }),
    },
  };
}

/** Texts as lines of bounded length: some of it comes from elsewhere. */
function plain(title: string, text: string): Pick<Told, "title" | "text"> {
  return { title: clip(oneLine(title)), text: clip(oneLine(text)) };
}

function clip(text: string): string {
  const characters = [...text];
  return characters.length <= TEXT_MAX ? text : `${characters.slice(0, TEXT_MAX - 1).join("")}…`;
}
