import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { evaluationPage } from "./evaluation/page.ts";
import { generatedDocs } from "./generated-docs.ts";

// Writes everything that is generated from code; test/docs.test.ts checks that it is current.

mkdirSync("schema", { recursive: true });
for (const [path, text] of Object.entries({ ...(await generatedDocs()), "docs/evaluation.md": await evaluationPage() })) {
  let before = "";
  try {
    before = readFileSync(path, "utf8");
  } catch {
    // New.
  }
  if (before === text) continue;
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}
