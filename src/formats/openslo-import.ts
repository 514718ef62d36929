import { oneLine } from "../lib/one-line.ts";
import type { FileProblem, OpenSlo } from "./openslo.ts";
import { annotation, annotationProblems } from "./openslo-annotations.ts";
import { type MetricFields, MetricTable, metricFields, type Notes, sourcesOf } from "./openslo-metrics.ts";
import { type Draft, type ImportedObjective, SloReader } from "./openslo-slo.ts";

/** More SLOs than one run reads; a workload has at most 32 objectives. */
const SLOS_MAX = 2_000;

/** What a policy says about one service of OpenSLO, which is one workload of ours. */
export interface ImportedService {
  readonly service: string;
  /** The workload that the file names, if it does. */
  readonly workload?: string;
  readonly sources: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, MetricFields>>;
  readonly objectives: readonly ImportedObjective[];
}

export interface Imported {
  readonly services: readonly ImportedService[];
  readonly notes: Notes;
  readonly problems: readonly FileProblem[];
}

/**
 * Objectives, metrics and sources of OpenSLO in the policy language, by service, or those of one; what was guessed and what
 * found no place is listed.
 */
export function fromOpenSlo(file: OpenSlo, only?: string): Imported {
  const notes: Notes = { guessed: [], left: [] };
  const problems = [...annotationsIn(file)];
  const [tooMany] = file.slos.slice(SLOS_MAX);
  if (tooMany !== undefined)
    problems.push(
      tooMany.problem([], {
        severity: "error",
        code: "too_many_slos",
        message: `${file.slos.length} SLOs, at most ${SLOS_MAX} are read`,
        hint: "give fewer files",
      }),
    );
  if (problems.some(({ problem }) => problem.severity === "error")) return { services: [], notes, problems };
  const sources = sourcesOf(file, notes);
  const drafts = new Map<string, Draft>();
  const draftOf = (service: string): Draft => {
    let draft = drafts.get(service);
    if (draft === undefined) {
      draft = {
        service,
        workload: undefined,
        table: new MetricTable(),
        objectives: [],
        names: new Set(),
        aspirations: [],
        bySlo: new Map(),
        totals: new Set(),
      };
      drafts.set(service, draft);
    }
    return draft;
  };
  const byWorkload = new Map<string, string>();
  for (const { name, metadata } of file.services) {
    const workload = annotation("workload", metadata);
    if (workload === undefined) continue;
    byWorkload.set(workload, name);
    if (only === undefined || name === only) draftOf(name).workload = workload;
  }
  for (const slo of file.slos) {
    if (only !== undefined && slo.spec.service !== only) continue;
    const draft = draftOf(slo.spec.service);
    draft.workload ??= annotation("workload", slo.metadata);
    if (draft.workload !== undefined) byWorkload.set(draft.workload, draft.service);
    new SloReader(slo, draft, { file, sources, notes, problems }).read();
  }
  const referred = new Set(file.slos.flatMap(({ spec }) => [spec.indicatorRef, ...spec.objectives.map(({ indicatorRef }) => indicatorRef)]));
  for (const { name, metadata, spec } of file.slis.values()) {
    const metric = annotation("metric", metadata);
    const service = byWorkload.get(annotation("workload", metadata) ?? "");
    if (metric === undefined || service === undefined || spec.thresholdMetric === undefined) {
      if (only === undefined && !referred.has(name)) notes.left.push(`${oneLine(name)}: no SLO refers to this SLI`);
      continue;
    }
    if (only !== undefined && service !== only) continue;
    const fields = metricFields(spec.thresholdMetric.metricSource, { role: "", what: name, words: [name], annotated: [metadata], sources, notes });
    draftOf(service).table.add({ given: metric, derived: name }, fields, notes);
  }
  for (const draft of drafts.values()) finish(draft, notes, problems);
  const used = new Set([...drafts.values()].flatMap(({ table }) => [...table.metrics.values()].map((metric) => metric["source"])));
  return {
    notes,
    problems,
    services: [...drafts.values()].map(({ service, workload, table, objectives }) => {
      const own = new Set([...table.metrics.values()].map((metric) => metric["source"]));
      return {
        service,
        ...(workload !== undefined && { workload }),
        sources: Object.fromEntries([...sources.fields].filter(([name]) => own.has(name) || !used.has(name))),
        metrics: Object.fromEntries(table.metrics),
        objectives,
      };
    }),
  };
}

function annotationsIn(file: OpenSlo): FileProblem[] {
  return [
    ...[...file.services, ...file.slis.values(), ...file.slos].flatMap((entry) => annotationProblems(entry, entry.metadata, ["metadata"])),
    ...file.slos.flatMap((slo) => [
      ...annotationProblems(slo, slo.spec.indicator?.metadata, ["spec", "indicator", "metadata"]),
      ...slo.spec.objectives.flatMap((objective, i) =>
        annotationProblems(slo, objective.indicator?.metadata, ["spec", "objectives", i, "indicator", "metadata"]),
      ),
    ]),
  ];
}

/** What needs all SLOs of a service at hand. */
function finish({ table, totals, aspirations, bySlo }: Draft, notes: Notes, problems: FileProblem[]): void {
  for (const name of totals) {
    if (table.metrics.has(name)) continue;
    table.metrics.set(name, { measures: "rate" });
    notes.guessed.push(`${name}, a rate without a query, is the total of a ratio that is computed already`);
  }
  for (const { slo, of, share } of aspirations) {
    const objective = bySlo.get(of);
    if (objective !== undefined && Number.parseFloat(share) >= Number.parseFloat(String(objective["minimum"]))) objective["aspiration"] = share;
    else
      problems.push(
        slo.problem(["spec", "objectives", 0], {
          severity: "error",
          code: objective === undefined ? "reference_unknown" : "aspiration_below_minimum",
          message:
            objective === undefined
              ? `there is no SLO named "${of.slice(0, 80)}" of this service to aspire beyond`
              : `the aspiration of ${share} is below the minimum of ${String(objective["minimum"])}`,
          hint: objective === undefined ? "annotation vernier.dev/aspiration-of names one" : "one aspires to more than one requires",
        }),
      );
  }
}
