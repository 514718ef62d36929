import type { ChildProcessWithoutNullStreams } from "node:child_process";

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** What a process wrote, and how it ended; the servers of this process go on answering meanwhile. */
export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let [out, err] = ["", ""];
  child.stdout.on("data", (part) => {
    out += part;
  });
  child.stderr.on("data", (part) => {
    err += part;
  });
  return new Promise((done) => {
    child.on("close", (code) => done({ code, out, err }));
  });
}
