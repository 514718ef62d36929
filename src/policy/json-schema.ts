import { z } from "zod";
import { PolicyFile } from "./schema.ts";

/** The policy language as JSON Schema, for editors. Cross-references and units are checked by `vernier check` only. */
export function policyJsonSchema(dialect: "draft-2020-12" | "draft-07"): Record<string, unknown> {
  const schema = z.toJSONSchema(PolicyFile, {
    target: dialect === "draft-07" ? "draft-7" : "draft-2020-12",
    io: "input",
    reused: "inline",
    unrepresentable: "any",
  });
  const { $schema, ...rest } = schema as Record<string, unknown>;
  return { $schema, title: "vernier.yaml, version 1", ...rest };
}
