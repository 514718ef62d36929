import { z } from "zod";
import { DURATION_PATTERN, parseDuration } from "../lib/duration.ts";

// Quantities as people write them. Each schema takes text and gives a number in base units:
// milliseconds, ratios 0..1, per second. The pattern also goes into the JSON Schema.

/** Seconds of the times that a rate may be over. */
export const RATE_SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, m: 60, h: 3_600, d: 86_400 };

/** Length of a month where money per month meets money per hour: 730 h, as cloud price lists use it. */
export const HOURS_PER_MONTH = 730;
const MONEY_HOURS: Readonly<Record<string, number>> = { s: 1 / 3_600, min: 1 / 60, h: 1, day: 24, month: HOURS_PER_MONTH };

interface QuantityOptions {
  readonly what: string;
  readonly example: string;
  readonly pattern: string;
}

/** Text that `convert` turns into a value; anything else is one issue that says what was expected. */
function quantity<T>({ what, example, pattern }: QuantityOptions, convert: (text: string) => T | undefined) {
  const expected = `${what}, for example ${example}`;
  return z
    .string({ error: `expected ${expected}` })
    .regex(new RegExp(pattern), { error: `expected ${expected}`, abort: true })
    .transform((text, context): T => {
      const value = convert(text);
      if (value !== undefined) return value;
      context.issues.push({ code: "custom", message: `expected ${expected}`, input: text });
      return z.NEVER;
    })
    .meta({ description: `${what}, for example \`${example}\`` });
}

/** A duration such as `45s` or `1h30m`, in milliseconds, 0 to 100 years. */
export const Duration = quantity({ what: "a duration", example: "45s", pattern: DURATION_PATTERN }, parseDuration);

/** A duration above zero, in milliseconds. */
export const PositiveDuration = quantity({ what: "a duration above zero", example: "15s", pattern: DURATION_PATTERN }, (text) => {
  const ms = parseDuration(text);
  return ms === undefined || ms <= 0 ? undefined : ms;
});

/** A duration between two others, both included, in milliseconds. */
export function durationFrom(least: string, most: string) {
  return quantity({ what: `a duration from ${least} to ${most}`, example: "45s", pattern: DURATION_PATTERN }, (text) => {
    const ms = parseDuration(text);
    return ms === undefined || ms < (parseDuration(least) as number) || ms > (parseDuration(most) as number) ? undefined : ms;
  });
}

/** A percentage such as `70%`, as a ratio (0.7), 0 to 10. */
export const Percent = quantity({ what: "a percentage", example: "70%", pattern: "^\\d+(\\.\\d+)?%$" }, (text) => {
  // Dividing the decimal by 100 rounds once, so that 70% is the double 0.7 exactly.
  const ratio = Number(text.slice(0, -1)) / 100;
  return ratio <= 10 ? ratio : undefined;
});

/** A percentage from 0 % to 100 %, as a ratio. */
export const Share = quantity({ what: "a percentage up to 100%", example: "99.9%", pattern: "^\\d+(\\.\\d+)?%$" }, (text) => {
  const ratio = Number(text.slice(0, -1)) / 100;
  return ratio <= 1 ? ratio : undefined;
});

/** A rate such as `120/s` or `7200/min`, per second. */
export const Rate = quantity({ what: "a rate", example: "120/s", pattern: "^\\d+(\\.\\d+)?/(s|min|m|h|d)$" }, (text) => {
  const [amount, per] = text.split("/") as [string, string];
  const rate = Number(amount) / (RATE_SECONDS[per] as number);
  return rate > 0 && Number.isFinite(rate) ? rate : undefined;
});

/** An amount of money per hour. `currency` is an ISO 4217 code, absent when the file names none. */
export interface Price {
  readonly amountPerHour: number;
  readonly currency?: string;
}

/** A price such as `0.096 USD/h`. Without a currency it is legal, and `check` warns. */
export const UnitPrice = quantity<Price>(
  { what: "a price per time", example: "0.096 USD/h", pattern: "^\\d+(\\.\\d+)?( [A-Z]{3})?/(s|min|h|day|month)$" },
  (text) => {
    const [amount, per] = text.split("/") as [string, string];
    const [number, currency] = amount.split(" ") as [string, string | undefined];
    const amountPerHour = Number(number) / (MONEY_HOURS[per] as number);
    return currency === undefined ? { amountPerHour } : { amountPerHour, currency };
  },
);

/** An amount of money for a calendar month, or for every hour. */
export interface MoneyBudget {
  readonly amount: number;
  readonly currency: string;
  readonly per: "month" | "h";
}

/** A budget such as `500 USD/month` or `5 USD/h`. */
export const Budget = quantity<MoneyBudget>(
  { what: "a budget for a month or an hour", example: "500 USD/month", pattern: "^\\d+(\\.\\d+)? [A-Z]{3}/(month|h)$" },
  (text) => {
    const [number, rest] = text.split(" ") as [string, string];
    const amount = Number(number);
    return amount > 0 && Number.isFinite(amount) ? { amount, currency: rest.slice(0, 3), per: rest.slice(4) as MoneyBudget["per"] } : undefined;
  },
);

/** Ports, both ends included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Ports such as `9000-9099`. */
export const PortRange = quantity<PortRange>({ what: "ports from 1 to 65535", example: "9000-9099", pattern: "^\\d{1,5}-\\d{1,5}$" }, (text) => {
  const [from, to] = text.split("-").map(Number) as [number, number];
  return from >= 1 && from <= to && to <= 65_535 ? { from, to } : undefined;
});

/** Units that an hourly budget pays for. */
export function unitsPaidFor({ amount }: MoneyBudget, { amountPerHour }: Price): number {
  return amountPerHour === 0 ? Number.POSITIVE_INFINITY : Math.floor(amount / amountPerHour + 1e-9);
}
