import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/*.test.ts"],
    globalSetup: ["test/support/build.ts"],
    testTimeout: 60_000,
    // No test changes what modules know: loading them once for all saves a fifth of the work.
    isolate: false,
    // Half of the tests wait for processes of their own.
    maxWorkers: availableParallelism() + 1,
  },
});
