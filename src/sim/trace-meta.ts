import { z } from "zod";

/** What the numbers of a recording are. */
export const SEMANTICS = ["count", "rate", "level", "utilisation"] as const;
export type Semantics = (typeof SEMANTICS)[number];

const Stretch = z.object({ from_s: z.number(), to_s: z.number(), note: z.string().optional() });

/** Where a recording was fetched from, for people and for fetching it again. Nothing computed depends on it. */
const Provenance = z.object({
  source: z.string(),
  /** Without credentials. */
  url: z.string(),
  query: z.string(),
  readyQuery: z.string().optional(),
  /** Queries of further columns, by column. */
  columns: z.record(z.string(), z.string()).optional(),
  from: z.string(),
  to: z.string(),
  /** A duration. */
  step: z.string(),
  fetchedAt: z.string(),
  warnings: z.array(z.string()),
  prometheusVersion: z.string().optional(),
});
export type Provenance = z.output<typeof Provenance>;

/**
 * What is known about a recording: `<trace>.meta.json` beside it, or its entry in a `manifest.json` there.
 * Only the fields we use are checked; others may say more (source, licence, statistics).
 */
export const TraceMeta = z.object({
  /** The first word counts: `utilisation (use value/100 x fleet cores as demand)` is `utilisation`. */
  semantics: z
    .string()
    .transform((text) => text.split(/[\s(]/)[0] as string)
    .pipe(z.enum(SEMANTICS, { error: `expected semantics to begin with one of ${SEMANTICS.join(", ")}` }))
    .optional(),
  interval_seconds: z.number().positive().optional(),
  unit: z.string().optional(),
  start: z.string().nullish(),
  timestamp: z.string().optional(),
  value: z.string().optional(),
  ready: z.string().optional(),
  gaps: z.array(Stretch).optional(),
  imputed: z.array(Stretch).optional(),
  source_repo: z.string().optional(),
  licence: z.string().optional(),
  // What another tool says of its own under this name is none of our business.
  provenance: Provenance.optional().catch(undefined),
});
export type TraceMeta = z.output<typeof TraceMeta>;

/** A manifest of recordings. */
export const TraceManifest = z.object({ traces: z.array(z.object({ file: z.string() }).and(TraceMeta)) });
