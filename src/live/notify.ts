import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { Clock } from "../control/clock.ts";
import { NoticeBook } from "../control/notices.ts";
import type { ControllerEvents } from "../control/ports.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import { FileError } from "../lib/file-error.ts";
import { messageOf } from "../lib/system-error.ts";
import { formatTimestamp } from "../lib/timestamp.ts";
import { Courier } from "../notify/courier.ts";
import type { Notice, NoticeBody, NoticeKind, Notifier, Sent } from "../notify/notifier.ts";
import { SlackNotifier } from "../notify/slack/slack-notifier.ts";
import { WebhookNotifier } from "../notify/webhook/webhook-notifier.ts";
import type { Policy } from "../policy/parse.ts";
import type { NotifyTarget } from "../policy/schema-live.ts";
import { isSendable } from "../sources/credentials.ts";
import { secretsOf } from "./secret-references.ts";

// Composition root of what people are told: the one place that knows every notifier.

export interface NotifyOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

/** Passes on to people what happens. */
export interface Notifying {
  listen(events: ControllerEvents): ControllerEvents;
  /**
   * Makes ready for changed policies, which what it returns goes on with: what waits for a target that is still there still goes to it.
   * @throws PathError   @throws FileError when a secret is not there, or is none
   */
  prepare(policies: readonly Policy[]): () => void;
  /** Hands over what waits, and gives it a few seconds. */
  close(): Promise<void>;
}

/** Whom a policy notifies. */
interface Target {
  readonly name: string;
  /** As it is written: the same target, if nothing of it has changed. */
  readonly key: string;
  readonly type: NotifyTarget["type"];
  readonly events: ReadonlySet<NoticeKind> | undefined;
  readonly notifier: Notifier;
}

/** What one policy file has people told of, and whom. */
interface Group {
  readonly book: NoticeBook;
  readonly targets: readonly (Target & { readonly courier: Courier })[];
}

/** @throws PathError   @throws FileError when a secret is not there, or is none */
export function openNotify(policies: readonly Policy[], { environment, clock, warn }: NotifyOptions): Notifying {
  const ports = { nowMs: () => clock.engineMs(), sleep: (ms: number, signal: AbortSignal) => clock.sleep(ms, signal), random: Math.random, warn };
  let groups: ReadonlyMap<string, Group> = new Map();
  let groupOf: ReadonlyMap<string, Group> = new Map();
  const leaving: Promise<void>[] = [];
  const prepare = (all: readonly Policy[]): (() => void) => {
    // Whatever cannot be used is found before anything takes its place.
    const named = all
      .filter(({ settings }) => Object.keys(settings.notify).length > 0)
      .map((policy) => ({ policy, targets: targetsOf(policy, environment, () => clock.wallMs()) }));
    return () => use(named);
  };
  const use = (named: readonly { readonly policy: Policy; readonly targets: readonly Target[] }[]): void => {
    const before = groups;
    groups = new Map(
      named.map(({ policy: { file, workloads }, targets }) => {
        const { book, targets: known } = before.get(file) ?? { book: new NoticeBook([]), targets: [] };
        book.reload(workloads.map(({ resolved }) => resolved));
        const used = targets.map(
          (target) => known.find(({ key }) => key === target.key) ?? { ...target, courier: new Courier(target.name, target.notifier, ports) },
        );
        return [file, { book, targets: used }];
      }),
    );
    groupOf = new Map(named.flatMap(({ policy: { file, workloads } }) => workloads.map(({ id }) => [id, groups.get(file) as Group])));
    const stay = new Set([...groups.values()].flatMap(({ targets }) => targets.map(({ courier }) => courier)));
    for (const { courier } of [...before.values()].flatMap(({ targets }) => targets)) if (!stay.has(courier)) leaving.push(courier.close());
  };
  prepare(policies)();
  let isBroken = false;
  const tell = (group: Group, make: (book: NoticeBook, nowMs: number) => readonly NoticeBody[]): void => {
    try {
      for (const body of make(group.book, clock.engineMs())) {
        const notice = { ...body, id: randomUUID(), time: formatTimestamp(clock.wallMs()) };
        for (const { events, courier } of group.targets) if (isWanted(events, body.kind)) courier.take(notice);
      }
    } catch (error) {
      // A mistake in what people are told must not end what keeps their capacity right.
      if (!isBroken) warn(`notify: a notice could not be made, which is a mistake of ours: ${messageOf(error)}`);
      isBroken = true;
    }
  };
  return {
    listen: (events) => ({
      ...events,
      onDecision: (decision, mode, effect, observation) => {
        events.onDecision?.(decision, mode, effect, observation);
        const group = groupOf.get(decision.workload);
        if (group !== undefined) tell(group, (book, nowMs) => book.decided(decision, mode, effect, observation, nowMs));
      },
      onOutcome: (intent, outcome, message) => {
        events.onOutcome?.(intent, outcome, message);
        const group = groupOf.get(intent.workload);
        if (group !== undefined) tell(group, (book, nowMs) => book.concluded(intent, outcome, message, nowMs));
      },
      onUnreadable: (workload, message) => {
        events.onUnreadable?.(workload, message);
        groupOf.get(workload)?.book.unreadable(workload, message);
      },
      onStopped: (isStopped) => {
        events.onStopped?.(isStopped);
        for (const group of groups.values()) tell(group, (book, nowMs) => book.stopped(isStopped, nowMs));
      },
      onTick: (tookMs, workloads) => {
        events.onTick?.(tookMs, workloads);
        for (const group of groups.values()) tell(group, (book, nowMs) => book.passed(nowMs));
      },
    }),
    prepare,
    close: async () => {
      for (const group of groups.values()) tell(group, (book) => book.end());
      await Promise.all([...leaving, ...[...groups.values()].flatMap(({ targets }) => targets.map(({ courier }) => courier.close()))]);
    },
  };
}

/** Whom policies notify, in words without any secret; undefined when nobody. */
export function notifiesText(policies: readonly Policy[]): string | undefined {
  const all = policies.flatMap(({ settings }) =>
    Object.entries(settings.notify).map(([name, { type, events }]) => `${name} (${type}: ${events === undefined ? "everything" : events.join(", ")})`),
  );
  return all.length === 0 ? undefined : all.join("; ");
}

/** Sends one test notice to each target, once. */
export async function testNotify(
  policies: readonly Policy[],
  environment: NotifyOptions["environment"],
  signal: AbortSignal,
): Promise<readonly { readonly name: string; readonly type: string; readonly sent: Sent }[]> {
  const targets = policies.flatMap((policy) => targetsOf(policy, environment, Date.now));
  return await Promise.all(
    targets.map(async ({ name, type, notifier }) => {
      const notice: Notice = {
        ...{ id: randomUUID(), time: formatTimestamp(Date.now()), kind: "test", phase: "once", dropped: 0 },
        ...{ title: `Vernier can reach ${name}`, text: "this is a test; nothing has happened", facts: {} },
      };
      return { name, type, sent: await notifier.send(notice, signal) };
    }),
  );
}

function isWanted(events: Target["events"], kind: NoticeKind): boolean {
  return events === undefined || events.has(kind) || (kind === "resumed" && events.has("holding"));
}

function targetsOf(policy: Policy, environment: NotifyOptions["environment"], wallMs: () => number): Target[] {
  return Object.entries(policy.settings.notify).map(([name, target]): Target => {
    const secretOf = (reference: Reference): (() => string) => {
      const read = secretsOf([reference], dirname(policy.file), environment);
      return () => read()[0] as string;
    };
    const refuse = (key: string, message: string, hint: string): never => {
      const path = ["notify", name, key];
      throw new FileError(policy.file, [
        { severity: "error", code: "secret_unusable", path: path.join("."), ...policy.document.locate(path, "value"), message, hint },
      ]);
    };
    const url = (): string => {
      const text = typeof target.url === "string" ? target.url : secretOf(target.url)();
      if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol) || new URL(text).username !== "")
        refuse("url", "what is referred to is no http or https address", "put the whole address there, as the receiver gave it to you");
      return text;
    };
    const headers = (): Readonly<Record<string, string>> => {
      if (target.type !== "webhook") return {};
      const all: Record<string, string> = {};
      for (const [header, reference] of Object.entries(target.headers ?? {})) all[header.toLowerCase()] = secretOf(reference)();
      if (target.bearerToken !== undefined) all["authorization"] = `Bearer ${secretOf(target.bearerToken)()}`;
      for (const [header, value] of Object.entries(all))
        if (!isSendable(header, value) || header.startsWith("webhook-"))
          refuse("headers", `the header ${header} cannot be sent`, "leave out headers that frame a message or sign it, and line breaks in values");
      return all;
    };
    const secret = target.type === "webhook" && target.secret !== undefined ? secretOf(target.secret) : undefined;
    // What is missing is said at the start, not in the night when something is to be told.
    for (const needed of [url, headers, secret]) needed?.();
    const notifier = target.type === "slack" ? new SlackNotifier({ url, wallMs }) : new WebhookNotifier({ url, secret, headers, wallMs });
    return {
      name,
      key: canonicalJson({ name, ...target }),
      type: target.type,
      events: target.events === undefined ? undefined : new Set(target.events),
      notifier,
    };
  });
}

type Reference = Exclude<NotifyTarget["url"], string>;
