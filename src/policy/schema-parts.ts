import { z } from "zod";
import { UNITS_MAX } from "../capacity/units.ts";

// What several parts of the policy language are made of.

/** Whole units of capacity, at least one. */
export const Units = z
  .int({ error: `expected a whole number of units from 1 to ${UNITS_MAX}` })
  .min(1, { error: "expected at least 1 unit" })
  .max(UNITS_MAX);
/** A name as in DNS. */
export const Name = z.string({ error: "expected a name" }).regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
  error: "expected lower-case letters, digits and '-', at most 63, beginning and ending with a letter or digit",
});
