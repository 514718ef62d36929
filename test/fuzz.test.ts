import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createRng } from "../src/lib/rng.ts";
import { mutate } from "./fuzz/mutations.ts";
import { TARGETS } from "./fuzz/targets.ts";

// What strangers write is refused in words or taken. `npm run fuzz` tries many more, and watches time and memory.

describe.each(TARGETS)("$name", ({ name, corpus, read }) => {
  test("takes or refuses what once made trouble", async () => {
    const folder = join("test/fuzz/kept", name);
    mkdirSync(folder, { recursive: true });
    for (const file of readdirSync(folder)) await read(readFileSync(join(folder, file), "utf8"));
  });

  test("takes or refuses a few hundred texts with mistakes", async () => {
    for (let seed = 1; seed <= 250; seed++) {
      const text = mutate(corpus, createRng(seed));
      try {
        await read(text);
      } catch (error) {
        expect.fail(`seed ${seed}: ${(error as Error).stack}\n${JSON.stringify(text)}`);
      }
    }
  });
});
