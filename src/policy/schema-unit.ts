import { z } from "zod";
import { Duration, durationFrom, Percent, PositiveDuration, Rate, Share, UnitPrice } from "./quantities.ts";

// What a policy says of one unit of capacity.

/** What one unit carries. A union by its one key; later variants are concurrency, usl, erlang and table. */
export const Serves = z.strictObject(
  { rate: Rate.meta({ description: "What one unit serves at 100 % utilisation." }) },
  { error: (issue) => (issue.code === "invalid_type" ? "expected {rate: 40/s}" : undefined) },
);
export type Serves = z.output<typeof Serves>;

/** How long a unit needs from request to ready. */
const Startup = z.union(
  [
    durationFrom("0s", "366d"),
    z.strictObject({
      mean: durationFrom("1ms", "366d"),
      cv: Percent.prefault("50%").meta({ description: "Standard deviation over mean of the lognormal start-up time." }),
      failure: Share.prefault("0%").meta({ description: "Probability that a start fails and begins again." }),
    }),
  ],
  { error: "expected a duration up to 366d such as 60s, or {mean: 60s, cv: 50%, failure: 1%}" },
);

/** How the response time of a unit grows, where queueing theory does not say it well enough. */
const Latency = z
  .strictObject({
    curve: z
      .array(
        z.strictObject({
          at: Share.meta({ description: "Utilisation at which it was measured." }),
          p50: durationFrom("1ms", "1h"),
          p95: durationFrom("1ms", "1h"),
          p99: durationFrom("1ms", "1h").optional(),
        }),
      )
      .min(1, { error: "expected at least one measurement" })
      .max(64)
      .meta({
        description:
          "What was measured, for example in a load test. Between measurements it is interpolated, beyond the last it grows as 1 / (1 - utilisation).",
      })
      .optional(),
    usl: z
      .strictObject({
        contention: Share.meta({ description: "Share of the work that only one request can have done at a time." }),
        coherency: Share.meta({ description: "Share of the work that each pair of requests costs to agree." }),
        concurrency: z.int().min(1).max(1_000_000).optional().meta({
          description: "Requests that a unit takes on at a time. Default: as many as it is fastest with; with more it does less when it is overloaded.",
        }),
      })
      .meta({ description: "The universal scalability law: `serviceTime` alone, more with every request beside it." })
      .optional(),
  })
  .refine(({ curve, usl }) => (curve === undefined) !== (usl === undefined), {
    error: "expected either a curve such as {curve: [{at: 50%, p50: 20ms, p95: 60ms}]}, or {usl: {contention: 2%, coherency: 0.05%}}",
  })
  .meta({ description: "How response times grow with utilisation: either `curve` or `usl`. Default: by `serviceTime` and `discipline`." });

/** What a unit is: what it carries, how long it takes to come and go, what it costs. */
export const Unit = z.strictObject({
  serves: Serves.optional(),
  startup: Startup.prefault("60s").meta({ description: "From request to ready; billed meanwhile." }),
  drain: Duration.prefault("0s").meta({ description: "From removal to gone; billed, serves nothing new." }),
  minimumBilling: Duration.prefault("0s").meta({ description: "A unit is billed at least this long." }),
  price: UnitPrice.optional().meta({ description: "Price of one unit, for example `0.096 USD/h`." }),
  requestTimeout: PositiveDuration.prefault("30s").meta({ description: "Requests that would wait longer fail." }),
  serviceTime: durationFrom("1ms", "1h").optional().meta({ description: "Mean time to serve one request alone; without it latency is unknown (null)." }),
  latency: Latency.optional(),
  retry: z
    .strictObject({
      share: Share.prefault("100%").meta({ description: "Of the requests that fail, those that come again." }),
      delay: PositiveDuration.prefault("1s").meta({ description: "After which they come again." }),
      max: z.int().min(1).max(1_000).prefault(3).meta({ description: "How often at most." }),
    })
    .optional()
    .meta({ description: "What callers do with failures; without it they give up." }),
  warmUp: z
    .strictObject({
      for: PositiveDuration,
      from: Percent.meta({ description: "What a unit serves of its usual when it becomes ready, rising evenly." }),
    })
    .optional()
    .meta({ description: "Units that begin cold (empty caches, code not compiled yet)." }),
  discipline: z
    .enum(["processorSharing", "sharedQueue"])
    .prefault("processorSharing")
    .meta({ description: "`processorSharing`: requests split over units, M/M/1-PS in each; `sharedQueue`: one queue before all slots, M/M/c." }),
});
