import { loadPolicy } from "../../app.ts";
import { testNotify } from "../../live/notify.ts";
import { terminalOf } from "../terminal.ts";
import { UsageError } from "../usage-error.ts";

/** Sends a test notice to everyone whom policies notify. */
export async function runNotifyTest(paths: readonly string[], { json }: { readonly json?: boolean }): Promise<void> {
  const results = await testNotify(
    paths.map((path) => loadPolicy(path)),
    process.env,
    new AbortController().signal,
  );
  if (results.length === 0) throw new UsageError("no policy notifies anybody; add notify, for example {oncall: {type: webhook, url: https://…}}");
  const { paint } = terminalOf(process.stdout);
  if (json) process.stdout.write(`${JSON.stringify({ schemaVersion: 1, targets: results })}\n`);
  else
    for (const { name, type, sent } of results)
      process.stdout.write(
        `${paint("bold", name)} (${type}) ${sent.kind === "delivered" ? paint("green", "took it") : `${paint("red", "did not take it")}: ${sent.message}`}\n`,
      );
  if (results.some(({ sent }) => sent.kind !== "delivered")) process.exitCode = 1;
}
