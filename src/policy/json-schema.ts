import { z } from "zod";
import { PolicyFile } from "./schema.ts";

type Dialect = "draft-2020-12" | "draft-07";

/** The policy language as JSON Schema, for editors. Cross-references and units are checked by `vernier check` only. */
export function policyJsonSchema(dialect: Dialect): Record<string, unknown> {
  return jsonSchemaOf(PolicyFile, "vernier.yaml, version 1", dialect);
}

/** What a person writes in a file of ours, as JSON Schema. */
export function jsonSchemaOf(of: z.ZodType, title: string, dialect: Dialect): Record<string, unknown> {
  const schema = z.toJSONSchema(of, { target: dialect === "draft-07" ? "draft-7" : "draft-2020-12", io: "input", reused: "inline", unrepresentable: "any" });
  const { $schema, ...rest } = schema as Record<string, unknown>;
  return { $schema, title, ...rest };
}
