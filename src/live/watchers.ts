import type { Clock } from "../control/clock.ts";
import type { ControllerEvents } from "../control/ports.ts";
import type { Policy } from "../policy/parse.ts";
import { traceSettings } from "../telemetry/settings.ts";
import { Tracer } from "../telemetry/tracer.ts";
import { openNotify } from "./notify.ts";

/** Whoever watches a controller from outside: people who are told, and a collector of traces. */
export interface Watchers {
  listen(events: ControllerEvents): ControllerEvents;
  /** Makes ready for changed policies, which what it returns goes on with. @throws PathError   @throws FileError when they cannot be used */
  prepare(policies: readonly Policy[]): () => void;
  close(): Promise<void>;
}

interface WatcherOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Nobody is told of what is only tried out. */
  readonly isDryRun: boolean;
}

/** @throws PathError   @throws FileError when a secret that is referred to is not there, or is none */
export function openWatchers(
  policies: readonly Policy[],
  { environment, version, isDryRun }: WatcherOptions,
  clock: Clock,
  warn: (message: string) => void,
): Watchers {
  const settings = traceSettings(environment, version);
  const tracer = typeof settings === "object" ? new Tracer(settings, version, warn) : undefined;
  const people = openNotify(isDryRun ? [] : policies, { environment, clock, warn });
  if (typeof settings === "string") warn(settings);
  return {
    listen: (events) =>
      people.listen({
        ...events,
        ...(tracer !== undefined && {
          onStages: (stages) => {
            events.onStages?.(stages);
            tracer.tick(stages, clock.wallMs() - clock.engineMs());
          },
        }),
      }),
    prepare: (changed) => people.prepare(isDryRun ? [] : changed),
    close: async () => {
      await Promise.all([people.close(), tracer?.close()]);
    },
  };
}
