import { dirname, resolve } from "node:path";
import type { ProcessActuator } from "../actuators/process/process-actuator.ts";
import type { Clock } from "../control/clock.ts";
import { readingTimeMs } from "../control/effect.ts";
import type { MetricSource } from "../control/workload-readings.ts";
import { allowAddresses } from "../lib/addresses.ts";
import type { Asking } from "../lib/ask.ts";
import { Breaker } from "../lib/breaker.ts";
import type { HttpLimits } from "../lib/http.ts";
import type { Policy, PolicyWorkload } from "../policy/parse.ts";
import type { ResolvedMetric } from "../policy/resolve-metrics.ts";
import { BatchedSource } from "../sources/batched.ts";
import { ExecSource } from "../sources/exec/exec-source.ts";
import { FileSource } from "../sources/file/file-source.ts";
import { HttpJsonSource } from "../sources/http-json/http-json-source.ts";
import { PrometheusSource } from "../sources/prometheus/prometheus-source.ts";
import { ScrapeSource } from "../sources/scrape/scrape-source.ts";
import type { Source } from "../sources/source.ts";
import { UnitsSource } from "../sources/units/units-source.ts";
import { credentialsOf } from "./secret-references.ts";

const SOURCE_DEADLINE_MS = 10_000;
const SOURCE_BYTES_MAX = 1 << 20;
/** One answer may be for thousands of workloads. */
const GROUPED_BYTES_MAX = 32 << 20;
/** Requests to a Prometheus that may find out whether it is well again: one alone could be a query that is too much for it. */
const PROBES_MAX = 8;
/** Of the time that a tick has for reading, what targets have for answering. */
const SCRAPE_SHARE = 0.9;

type Environment = Readonly<Record<string, string | undefined>>;

/** The sources of a policy, by name. @throws PathError when a variable with a secret cannot be used */
export function sourcesOf({ settings, file, workloads }: Policy, environment: Environment, clock: Clock, units: Source): Map<string, BatchedSource> {
  const wallMs = (): number => clock.wallMs();
  const sources = new Map<string, Source>();
  for (const [name, source] of Object.entries(settings.sources)) {
    const folder = dirname(file);
    switch (source.type) {
      case "units":
        sources.set(name, units);
        break;
      case "file":
        sources.set(name, new FileSource(folder));
        break;
      case "exec":
        sources.set(
          name,
          new ExecSource(
            {
              command: source.command as [string, ...string[]],
              deadlineMs: source.timeout,
              passEnvironment: source.environment,
              cwd: resolve(folder),
            },
            environment,
            wallMs,
          ),
        );
        break;
      case "http-json":
      case "prometheus": {
        const isPrometheus = source.type === "prometheus";
        const limits = {
          deadlineMs: SOURCE_DEADLINE_MS,
          bytesMax: isPrometheus ? GROUPED_BYTES_MAX : SOURCE_BYTES_MAX,
          allow: allowAddresses(source.allow ?? []),
        };
        const asking = askingOf(clock, limits, isPrometheus ? PROBES_MAX : 1);
        const config = { url: new URL(source.url), credentials: credentialsOf(source.bearerToken, folder, environment), asking };
        sources.set(name, isPrometheus ? new PrometheusSource(config) : new HttpJsonSource(config));
        break;
      }
      case "scrape": {
        const { targets = [], endpoints, path = "/metrics", timeout, maxSeries } = source;
        const readers = workloads.filter(({ written }) => Object.values(written.metrics).some((metric) => metric.source === name));
        // What comes after the deadline of the tick comes too late, also from those that did answer.
        const budgetMs = Math.floor(SCRAPE_SHARE * Math.min(...readers.map(({ resolved }) => readingTimeMs(resolved.intervalMs)), SOURCE_DEADLINE_MS));
        sources.set(
          name,
          new ScrapeSource(
            {
              job: name,
              targets: endpoints === undefined ? targets.map((url) => new URL(url)) : { file: resolve(folder, endpoints), path },
              credentials: credentialsOf(source.bearerToken, folder, environment),
              allow: allowAddresses(source.allow ?? []),
              deadlineMs: Math.min(timeout, Math.floor(budgetMs / 2)),
              budgetMs,
              seriesMax: maxSeries,
            },
            { wallMs, steadyMs: () => clock.engineMs() },
          ),
        );
        break;
      }
    }
  }
  // One question for all workloads.
  return new Map([...sources].map(([name, source]) => [name, new BatchedSource(source, wallMs)]));
}

/** How to ask a server: with a breaker of its own. */
export function askingOf(clock: Clock, limits: HttpLimits, probesMax = 1): Asking {
  return { limits, breaker: new Breaker({ nowMs: () => clock.engineMs(), random: Math.random, probesMax }), wallMs: () => clock.wallMs() };
}

/** Where the metrics of a workload are read. */
export function metricSourcesOf({ written }: PolicyWorkload, metrics: readonly ResolvedMetric[], byName: ReadonlyMap<string, Source>): MetricSource[] {
  return metrics.map((metric) => {
    const { source, query, select } = written.metrics[metric.name] ?? {};
    const found = source === undefined ? undefined : byName.get(source);
    return { metric, ...(found !== undefined && query !== undefined && { from: { source: found, query, select } }) };
  });
}

/** The readings of processes of this machine, by workload. */
export function unitsSource(processes: () => ReadonlyMap<string, ProcessActuator>, clock: Clock): UnitsSource {
  return new UnitsSource(
    (id) =>
      processes()
        .get(id)
        ?.units()
        .map((unit) => ({ ...unit, isReady: unit.state === "ready" })),
    clock,
  );
}
