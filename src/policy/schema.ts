import { z } from "zod";
import { UNITS_MAX } from "../capacity/units.ts";
import { FORMULA_LENGTH_MAX } from "./formula.ts";
import { Budget, Duration, durationFrom, Percent, PositiveDuration, Rate, Share } from "./quantities.ts";
import { NotifyTarget, Source, Target } from "./schema-live.ts";
import { Name, Units } from "./schema-parts.ts";
import { Simulation } from "./schema-simulation.ts";
import { Unit } from "./schema-unit.ts";

// The only definition of the policy language. Types are inferred from it, the JSON Schema and
// docs/policy.md are generated from it. `resolve.ts` fills the defaults that depend on other fields.

/** What the readings of a metric measure; decides their unit and what the plant synthesises. */
export const Measures = z.enum(["rate", "utilisation", "concurrency", "backlog", "latency", "errors", "throughput", "gauge", "up"]).meta({
  description:
    "What the readings measure: `rate` (per second), `utilisation` (ratio), `concurrency`, `backlog` (items), `latency` (seconds), `errors` (ratio of failed requests), `throughput` (served per second, whether in time or not), `gauge` (a further column of the trace), `up` (share of the targets that answer the source; while most do not, no load is believed, while most do, a zero is).",
});
export type Measures = z.output<typeof Measures>;

/** A named quantity the engine may read. */
const Metric = z.strictObject({
  measures: Measures,
  scope: z
    .enum(["total", "unit"])
    .optional()
    .meta({ description: "Whether a reading is the sum over all units or the mean of one. Default: `unit` for utilisation, else `total`." }),
  quantile: Share.optional().meta({ description: "For latency: which quantile. Default `95%`." }),
  column: z.string().optional().meta({ description: "For a gauge: the column of the trace. Default: the metric's name." }),
  window: durationFrom("1s", "7d").prefault("30s").meta({ description: "Readings are means over this window." }),
  lag: durationFrom("0s", "1d").prefault("15s").meta({ description: "From the end of the window until the reading can be read." }),
  scrape: durationFrom("1s", "1d").prefault("15s").meta({ description: "How often the source itself samples." }),
  source: Name.optional().meta({ description: "A name under `sources`, for live use." }),
  formula: z.string().max(FORMULA_LENGTH_MAX).optional().meta({
    description:
      "Computed from other metrics instead of read: `+ - * / ( )`, `min(a, b)`, `max(a, b)`, numbers, `50%`, `30s`, `10/s`. Units are checked. A minus sign has spaces around it.",
  }),
  query: z.string().optional().meta({ description: "The query to put to the source, for live use." }),
  select: z
    .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, { error: "expected the name of a label" }), z.string().max(1_000))
    .optional()
    .meta({
      description:
        "With a `prometheus` source whose query gives a series for each workload, the labels of the one that is meant: `{app: web}`. All workloads with the same query share one answer.",
    }),
});

/**
 * A window of a schedule: by cron (`start` and one of `end` and `for`) or by a calendar. `window-problems.ts` checks that it
 * is one of the two, and that its cron, zone and calendar exist.
 */
const windowFields = {
  name: Name.optional(),
  start: z.string({ error: "expected five cron fields such as 0 8 * * mon-fri" }).optional().meta({
    description:
      "When it opens: minute, hour, day of month, month, day of week, in the zone's own time. In an hour that the clocks skip it opens right after it; in one that comes twice, at the first. Either this or `calendar`.",
  }),
  end: z
    .string({ error: "expected five cron fields such as 0 18 * * mon-fri" })
    .optional()
    .meta({ description: "When it closes, as five cron fields. Either this or `for`." }),
  for: durationFrom("1m", "366d").optional().meta({ description: "How long it stays open, in elapsed time. Either this or `end`." }),
  zone: z.string().optional().meta({ description: "IANA time zone of `start` and `end`. Default: `timeZone` of the file." }),
  calendar: Name.optional().meta({ description: "A name under `calendars`: open during its events. Either this or `start`." }),
  matching: z
    .string()
    .min(1, { error: "expected text to look for; leave it out for all events" })
    .max(200)
    .optional()
    .meta({ description: "Only events with this text in their summary or in one of their categories, in capitals or not. Default: all." }),
  before: durationFrom("0s", "366d").optional().meta({ description: "Opens this long before the event. Default `0s`." }),
  after: durationFrom("0s", "366d").optional().meta({ description: "Closes this long after the event. Default `0s`." }),
};
// Two forms, which strict objects of their own would say with worse messages; of what says so, only allOf leaves the fields in one table.
const windowForms = { allOf: [{ oneOf: [{ required: ["start"] }, { required: ["calendar"] }] }] };

const Window = z.strictObject(windowFields);
/** A window as written, without what it is for. */
export type WindowPolicy = z.output<typeof Window>;

const StepSize = z.union([Percent.transform((ratio) => ({ ratio })), Units.transform((units) => ({ units }))], {
  error: "expected a percentage such as 10% or a whole number of units",
});
/** A share of the requested capacity, or a number of units. */
export type StepSize = z.output<typeof StepSize>;

/** A utilisation ladder: the largest tier that applies decides. */
const Tiers = z.strictObject({
  type: z.literal("tiers"),
  metric: z.string(),
  up: z
    .array(z.strictObject({ at: Percent, add: StepSize }))
    .max(32)
    .prefault([])
    .meta({ description: "At this utilisation or above, add this share of the requested capacity (at least one unit)." }),
  down: z
    .array(z.strictObject({ below: Percent, remove: StepSize }))
    .max(32)
    .prefault([])
    .meta({ description: "Below this utilisation, remove this share of the requested capacity (at least one unit)." }),
});

/** Keeps the load of one unit at a target. */
const TargetTracking = z.strictObject({
  type: z.literal("targetTracking"),
  metric: z.string(),
  target: z
    .union(
      [
        Percent.transform((ratio) => ({ ratio })),
        Rate.transform((rate) => ({ rate })),
        z
          .number()
          .positive()
          .transform((number) => ({ number })),
      ],
      {
        error: "expected a utilisation such as 70%, a rate for one unit such as 80/s, or a number for one unit such as 200",
      },
    )
    .meta({ description: "What one unit should carry: a utilisation (`70%`), a rate (`80/s`), or a number of what is counted (`200` sessions)." }),
  tolerance: z
    .strictObject({ up: Share.prefault("5%"), down: Share.prefault("5%") })
    .prefault({})
    .meta({ description: "Relative band around the target in which nothing changes, by direction." }),
});

/** Capacity by the calendar, asked for before a window opens by the start-up time and one tick. */
const Schedule = z.strictObject({
  type: z.literal("schedule"),
  windows: z
    .array(z.strictObject({ ...windowFields, desired: Units.meta({ description: "Units to have while the window is open." }) }).meta(windowForms))
    .min(1, { error: "expected at least one window" })
    .max(64)
    .meta({ description: "Of several open windows the highest counts; outside all of them the strategy asks for `min`." }),
});

/** Works off a queue within a time, and keeps up with what arrives. */
const Queue = z.strictObject({
  type: z.literal("queue"),
  arrivals: z.string().meta({ description: "The metric of what arrives, a rate over all." }),
  backlog: z.string().meta({ description: "The metric of what waits." }),
  drain: durationFrom("1s", "7d").meta({ description: "Time in which what waits should be worked off." }),
  perUnit: Rate.optional().meta({ description: "What one unit works off, for example `10/s`. Default: `unit.serves` at the ceiling." }),
});

/** Grows while an objective uses up its error budget too fast. */
const SloBurn = z.strictObject({
  type: z.literal("sloBurn"),
  objective: Name.meta({
    description:
      "The name of an objective: a threshold, or a ratio of `bad`. While one hour and five minutes burn at 14.4, or six hours and half an hour at 6, it adds; while it burns slowly (1 d and 2 h at 3, 3 d and 6 h at 1), or less than 10 % of the budget is left, it takes nothing away.",
  }),
  add: StepSize.prefault("10%").meta({ description: "What it adds at each tick of a fast burn." }),
});

const Strategy = z.discriminatedUnion("type", [Tiers, TargetTracking, Queue, SloBurn, Schedule]);

const objectiveFields = {
  name: Name.optional(),
  window: PositiveDuration.prefault("30d").meta({ description: "Period over which the objective is judged; a simulation judges its scored part." }),
  minimum: Share.prefault("99%").meta({ description: "Share of time (threshold, band) or of events (ratio) that must be good." }),
  aspiration: Share.optional().meta({ description: "Share one would like; missing it never fails a gate." }),
};

/** A goal, in the shapes of OpenSLO plus a utilisation band. Above the band is a miss, below it is waste. */
const Objective = z.union(
  [
    z.strictObject({
      threshold: z.strictObject({
        metric: z.string(),
        op: z.enum(["lte", "lt", "gte", "gt"]).prefault("lte"),
        value: z.union(
          [
            Percent.transform((ratio) => ({ ratio })),
            Duration.transform((ms) => ({ ms })),
            Rate.transform((rate) => ({ rate })),
            z
              .number()
              .nonnegative()
              .transform((number) => ({ number })),
          ],
          { error: "expected a percentage, duration, rate or number" },
        ),
      }),
      ...objectiveFields,
    }),
    z.strictObject({ ratio: z.strictObject({ good: z.string().optional(), bad: z.string().optional(), total: z.string() }), ...objectiveFields }),
    z.strictObject({ band: z.strictObject({ metric: z.string(), from: Percent, to: Percent }), ...objectiveFields }),
  ],
  { error: "expected an objective with one of threshold, ratio or band" },
);

const Limit = z
  .union([z.strictObject({ percent: Percent, per: PositiveDuration.optional() }), z.strictObject({ units: Units, per: PositiveDuration.optional() })], {
    error: "expected {percent: 10%, per: 1m} or {units: 1, per: 1m}",
  })
  .meta({ description: "Largest change in a period. Default period: one interval up, 1 min down." });

const Off = z.literal("off");

const directionFields = {
  window: Duration.optional().meta({ description: "Stabilisation window. Default: up `0s`, down `5m`." }),
  cooldown: Duration.optional().meta({ description: "No step in this direction until this long after the last step. Default `0s`." }),
  limits: z
    .union([Off, z.array(Limit).min(1).max(8)], { error: "expected off, or a list such as [{percent: 10%, per: 1m}, {units: 1, per: 1m}]" })
    .optional()
    .meta({ description: "Rate limits. Default: 10 % and 1 unit, per interval up and per minute down." }),
  select: z.enum(["max", "min", "off"]).optional().meta({ description: "Which limit counts: the widest, the narrowest, or `off`: never move this way." }),
};

/** Stages between a wish and a step. A superset of the HPA's `behavior`; each can be `off`. */
const Guards = z.strictObject({
  up: z
    .strictObject({
      ...directionFields,
      unlimitedAbove: z
        .union([Off, Percent], { error: "expected off or a percentage such as 80%" })
        .optional()
        .meta({ description: "Above this projected utilisation the limits do not hold growth back. Default: the ceiling." }),
    })
    .optional(),
  down: z.strictObject(directionFields).optional(),
  staleAfter: PositiveDuration.optional().meta({
    description: "A reading older than this, beyond the metric's own lag, is unusable. Default: 3 intervals, or 3 scrapes if those are longer.",
  }),
  posture: z
    .strictObject({ badTicks: z.int().min(1).max(100).prefault(2), goodTicks: z.int().min(1).max(100).prefault(3) })
    .optional()
    .meta({ description: "Bad ticks until partial or blind, good ticks until normal again." }),
  whenBlind: z
    .union([z.literal("hold"), z.strictObject({ floor: Units }), z.strictObject({ grow: Percent })], { error: "expected hold, {floor: 4} or {grow: 25%}" })
    .optional()
    .meta({ description: "What to do without any usable reading; never below current capacity. Default `hold`." }),
  proof: z
    .enum(["on", "off"])
    .optional()
    .meta({ description: "Scale in only when every metric with a target, band or minimum objective is fresh and stays inside it. Default `on`." }),
  cliff: z
    .union(
      [
        Off,
        z.strictObject({
          below: Share.prefault("40%"),
          hold: PositiveDuration.prefault("10m"),
          holdAtZero: PositiveDuration.prefault("1h").meta({ description: "Hold instead when nothing at all is left: a broken measurement looks like this." }),
          holdWithErrors: PositiveDuration.prefault("30m"),
          errorsAbove: Share.prefault("2%"),
          habit: Duration.prefault("3h").meta({
            description: "A fall to a level at which load was for a quarter of this time is the end of a surge, not a cliff. `0s`: every fall counts.",
          }),
        }),
      ],
      { error: "expected off, or fields such as {below: 40%, hold: 10m}" },
    )
    .optional()
    .meta({ description: "Hold scale-in when load falls off a cliff." }),
  implausibleZero: z
    .union([Off, z.strictObject({ worth: z.number().positive().prefault(2), samples: z.int().min(1).max(1000).prefault(3) })], {
      error: "expected off, or fields such as {worth: 2, samples: 3}",
    })
    .optional()
    .meta({ description: "A sudden zero is not believed until it repeats." }),
  drift: z.enum(["on", "off"]).optional().meta({
    description: "Yields to capacity that others change, puts back a drop beyond the blast radius once, and does not fight other robots. Default `on`.",
  }),
  steps: z
    .union(
      [
        Off,
        z.strictObject({
          errorsRise: Share.prefault("0.5%").meta({ description: "So much more of the requests failing after a scale-in takes it back." }),
          unsafe: PositiveDuration.prefault("30m").meta({ description: "After that, no scale-in; twice as long each time." }),
          hold: PositiveDuration.prefault("10m").meta({
            description: "After growth that made less be served, or nothing more, it is not tried again; twice as long each time.",
          }),
          retry: PositiveDuration.prefault("5m").meta({
            description: "After three steps whose units never came, one more is tried; twice as long each time, up to 1 h.",
          }),
          tested: Units.optional().meta({
            description: "Largest size that is known to work. Beyond it, one unit at a time, each when the last has shown its worth.",
          }),
        }),
      ],
      { error: "expected off, or fields such as {errorsRise: 0.5%, tested: 100}" },
    )
    .optional()
    .meta({ description: "Looks at what each step did, and takes back what did not help." }),
  blastRadius: z
    .union([Off, z.strictObject({ share: Share, window: PositiveDuration.prefault("10m") })], { error: "expected off, or {share: 50%, window: 10m}" })
    .optional()
    .meta({ description: "Largest share of capacity removed in a window, whoever removes it. Default by `kind`: stateless 50 %, else 5 %, in 10 min." }),
  freeze: z
    .array(
      z
        .strictObject({
          ...windowFields,
          direction: z.enum(["down", "up", "both"]).prefault("both").meta({ description: "The direction in which no step is taken while it is open." }),
        })
        .meta(windowForms),
    )
    .max(64)
    .optional()
    .meta({ description: "Windows in which capacity stays where it is. Of several open ones all directions count." }),
});

/** From nothing to something and back, apart from how much. */
const Activation = z
  .strictObject({
    metric: z.string().meta({ description: "What shows that somebody is there: a metric that exists without any unit, such as arrivals or a backlog." }),
    above: z
      .union([z.number().nonnegative(), Rate], { error: "expected a number such as 0, or a rate such as 1/min" })
      .prefault(0)
      .meta({ description: "Over this, it wakes." }),
    idle: durationFrom("0s", "30d").prefault("5m").meta({ description: "At or under it for this long, it may go to zero." }),
    wake: Units.prefault(1).meta({ description: "Units to wake with; also what it wakes with when nobody can see whether it is needed." }),
  })
  .meta({ description: "With `min: 0`: when the workload sleeps and what wakes it." });

/** Where the workloads of a template come from. */
export const Each = z.strictObject({
  from: z.union(
    [z.strictObject({ values: z.array(Name).min(1).max(10_000) }), z.strictObject({ file: z.string().min(1) }), z.strictObject({ query: z.string().min(1) })],
    { error: "expected {values: [a, b]}, {file: names.txt} or {query: …}" },
  ),
  label: Name.meta({ description: "Name of the placeholder: `label: app` makes `${app}` stand for each value." }),
  overrides: z.record(z.string(), z.record(z.string(), z.unknown())).optional().meta({ description: "By value: fields that differ from the template." }),
});

/** One entry under `workloads`: the thing whose capacity we set and how. */
export const WorkloadPolicy = z.strictObject({
  description: z.string().optional(),
  kind: z.enum(["stateless", "stateful", "cache", "quorum"]).optional().meta({ description: "How costly losing a unit is; decides the default blast radius." }),
  mode: z.enum(["observe", "shadow", "approve", "live"]).prefault("shadow").meta({
    description:
      "How far `vernier run` may go: `observe` reads and records, `shadow` also decides and records what it would do, `approve` acts when a person agrees to a step, `live` acts.",
  }),
  target: Target.optional().meta({ description: "What capacity is set on. Default: memory, named after the workload." }),
  bounds: z
    .strictObject(
      {
        min: z.int({ error: "expected a whole number of units" }).min(0).max(UNITS_MAX).meta({ description: "0 needs `activation`." }),
        max: Units,
        schedule: z
          .array(z.strictObject({ ...windowFields, min: Units.optional(), max: Units.optional() }).meta(windowForms))
          .max(64)
          .optional()
          .meta({ description: "Other bounds while a window is open. Of several open windows the last in the file that says `min` (`max`) decides it." }),
      },
      {
        error: (issue) =>
          issue.input === undefined ? "required: the least and most capacity this workload may ever have, for example {min: 2, max: 20}" : undefined,
      },
    )
    .refine((bounds) => bounds.min <= bounds.max, {
      error: (issue) => `min (${(issue.input as { min: number }).min}) is greater than max (${(issue.input as { max: number }).max})`,
    })
    .meta({ description: "Least and most capacity. Required; applied last; never left to a default." }),
  activation: Activation.optional(),
  interval: durationFrom("1s", "1d").prefault("15s").meta({ description: "Time between two evaluations (ticks)." }),
  ceiling: Share.optional().meta({ description: "Highest acceptable utilisation. Default: the upper end of the utilisation band, else `80%`." }),
  unit: Unit.prefault({}),
  metrics: z.record(Name, Metric).meta({ description: "Named quantities to read." }),
  strategies: z
    .array(Strategy)
    .min(1, { error: "expected at least one strategy" })
    .max(16)
    .meta({ description: "Each proposes a capacity; the highest wins, ties by order." }),
  objectives: z.array(Objective).max(32).prefault([]),
  guards: Guards.prefault({}),
  uses: z
    .record(
      Name,
      z.strictObject({
        connections: Units.optional().meta({ description: "Connections that each unit holds." }),
        calls: z.number().positive().max(10_000).prefault(1).meta({
          description: "How often each request served calls it; counts where the dependency is a workload.",
        }),
      }),
    )
    .prefault({})
    .meta({ description: "What each unit takes of a dependency, for example `{db: {connections: 20}}`, and how often it calls it." }),
  group: Name.optional().meta({ description: "A name under `groups`: its workloads share the limit." }),
  budget: z
    .union([Budget.transform((budget) => [budget]), z.array(Budget).min(1).max(2)], {
      error: "expected a budget for a month or an hour such as 500 USD/month, or [500 USD/month, 5 USD/h]",
    })
    .optional()
    .meta({ description: "Money for a calendar month, for every hour, or both: `[500 USD/month, 5 USD/h]`. Exhausted means no growth, never below min." }),
  each: Each.optional().meta({ description: "Makes one workload for each value; the id must contain the placeholder." }),
});
export type WorkloadPolicy = z.output<typeof WorkloadPolicy>;

/** A dependency shared by workloads. */
const Dependency = z.strictObject({
  workload: z.string().optional().meta({
    description: "The workload of this file that it is. Simulated together: users pass their calls on to it, and wait for what it cannot answer.",
  }),
  connections: Units.optional().meta({ description: "Most connections it accepts, after its own reserve." }),
  rate: Rate.optional().meta({ description: "Most it serves." }),
  knee: z
    .strictObject({
      connections: Units.meta({ description: "Beyond this many connections they get into each other's way." }),
      slowdown: z
        .number()
        .positive()
        .max(1_000)
        .prefault(1)
        .meta({ description: "How much: with `x` times the connections it serves `rate / (1 + slowdown (x - 1)^2)`." }),
    })
    .optional()
    .meta({ description: "Only with `rate`. More units can then mean less work done." }),
});

/** A set of workloads that share a limit. */
const Group = z.strictObject({ max: Units.meta({ description: "Most units of all its workloads together." }) });

/** An iCalendar file beside the policy. */
const Calendar = z.strictObject({
  file: z.string().min(1).max(1_000).meta({ description: "Path of an iCalendar file (`.ics`), relative to this file. At most 4 MiB and 10 000 events." }),
  zone: z
    .string()
    .optional()
    .meta({ description: "IANA time zone of its whole days and of times without one. Default: the file's own `X-WR-TIMEZONE`, else `timeZone`." }),
});

/** A time when load is a multiple of what was recorded, as far as anybody knows: launches, holidays, match days. */
const Season = z.strictObject({
  p50: z.number().positive().max(1_000).meta({ description: "Half of such seasons stay below this multiple of the recorded load." }),
  p90: z.number().positive().max(1_000).meta({ description: "Nine of ten stay below this." }),
});
export type Season = z.output<typeof Season>;

/** A whole `vernier.yaml`. Workload entries are parsed one by one (`parse.ts`), so that one bad entry hides no other. */
export const PolicyFile = z.strictObject({
  version: z.literal(1, { error: "expected version: 1, the only version of the policy language" }),
  description: z.string().optional(),
  timeZone: z.string().prefault("UTC").meta({ description: "IANA zone of calendar months and schedules." }),
  calendars: z.record(Name, Calendar).prefault({}).meta({ description: "Calendars that windows of schedules may name, for launches, seasons and freezes." }),
  seasons: z
    .record(Name, Season)
    .prefault({})
    .meta({ description: "What `vernier simulate --season` draws the load from, for example `{black-friday: {p50: 2.5, p90: 4}}`." }),
  sources: z.record(Name, Source).prefault({}),
  notify: z.record(Name, NotifyTarget).prefault({}),
  dependencies: z.record(Name, Dependency).prefault({}),
  groups: z.record(Name, Group).prefault({}),
  workloads: z.record(z.string(), WorkloadPolicy).meta({ description: "By id, `<namespace>/<name>`; without a slash the namespace is `default`." }),
  simulation: Simulation.prefault({}),
});
export type PolicyFile = z.output<typeof PolicyFile>;
