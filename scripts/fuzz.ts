import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createRng } from "../src/lib/rng.ts";
import { mutate } from "../test/fuzz/mutations.ts";
import { TARGETS, type Target } from "../test/fuzz/targets.ts";

// Gives parsers what nobody would write: npm run fuzz -- [--cases 1000000] [--seed 1] [--target policy]
// Texts that made one throw, or stall for longer than 100 ms three times in a row, are kept in test/fuzz/kept, where the tests read them.

const STALL_MS = 100;
const { values } = parseArgs({
  options: { cases: { type: "string", default: "100000" }, seed: { type: "string", default: "1" }, target: { type: "string" } },
});
const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (targets.length === 0) throw new Error(`no target "${values.target}"; there are ${TARGETS.map(({ name }) => name).join(", ")}`);
const each = Math.ceil(Number(values.cases) / targets.length);
let found = 0;
for (const target of targets) found += await fuzz(target);
process.exitCode = found > 0 ? 1 : 0;

async function fuzz({ name, corpus, read }: Target): Promise<number> {
  const folder = join("test/fuzz/kept", name);
  mkdirSync(folder, { recursive: true });
  const known = [...corpus, ...readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"))];
  const timed = async (text: string): Promise<number> => {
    const beganMs = performance.now();
    await read(text);
    return performance.now() - beganMs;
  };
  for (const text of known) await timed(text);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  let heapMost = 0;
  let slowest = 0;
  let troubles = 0;
  const beganMs = performance.now();
  for (let i = 0; i < each; i++) {
    const seed = Number(values.seed) * 1_000_003 + i;
    const text = mutate(known, createRng(seed >>> 0));
    let trouble: string | undefined;
    try {
      let ms = await timed(text);
      // Collecting garbage is no stall of the parser.
      for (let again = 0; again < 2 && ms > STALL_MS; again++) ms = Math.min(ms, await timed(text));
      slowest = Math.max(slowest, ms);
      if (ms > STALL_MS) trouble = `stalls for ${ms.toFixed(0)} ms`;
    } catch (error) {
      trouble = (error as Error).stack ?? String(error);
    }
    if (trouble !== undefined) {
      troubles++;
      const file = join(folder, `${createHash("sha256").update(text).digest("hex").slice(0, 12)}.txt`);
      if (troubles <= 20) {
        writeFileSync(file, text);
        console.error(`${name}: seed ${seed}: ${trouble.split("\n").slice(0, 4).join("\n  ")}\n  kept in ${file}`);
      }
    }
    if (i % 2_000 === 1_999) {
      globalThis.gc?.();
      heapMost = Math.max(heapMost, process.memoryUsage().heapUsed - heapBefore);
      if (process.stderr.isTTY) process.stderr.write(`\r${name} ${i + 1} of ${each}`);
    }
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  console.log(
    `${name.padEnd(12)} ${String(each).padStart(8)} cases in ${seconds.toFixed(0).padStart(4)} s; slowest ${slowest.toFixed(0).padStart(4)} ms; heap grew by at most ${(heapMost / 1e6).toFixed(1)} MB; trouble ${troubles}`,
  );
  return troubles;
}
