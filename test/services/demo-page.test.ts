import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/live-folder.ts";
import { browserOrSkip, withBrowser } from "./chromium.ts";
import { expectSound, openPage } from "./open-page.ts";

// The first five minutes, as far as a test has time for them.

let running: ChildProcess;
let out = "";
const link = (): string => /http:\/\/\S+#token=\S+/.exec(out)?.[0] ?? "";

describe.skipIf(!browserOrSkip())("the page of the demonstration", () => {
  beforeAll(async () => {
    running = spawn(process.execPath, [resolve("dist/cli/main.cjs"), "demo", "--listen", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    running.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
    await until(() => link() !== "");
  }, 30_000);
  afterAll(async () => {
    running.kill("SIGINT");
    if (running.exitCode === null) await once(running, "close");
  });

  test("shows three fleets, the steps of ours within a minute, and makes trouble", { timeout: 120_000 }, async () => {
    await withBrowser({ width: 1440, colorScheme: "light" }, async (context) => {
      const open = await openPage(context, link());
      const { page } = open;
      await page.getByRole("heading", { name: "Three fleets, one load" }).waitFor();
      const rows = page.locator("table.scores tbody tr");
      expect(await rows.locator("th a").allInnerTexts()).toEqual(["Fixed", "Doubling", "Small steps"]);
      // A step that load called for, not the first units of all.
      await expect.poll(() => page.locator(".decisions .step").allInnerTexts(), { timeout: 60_000 }).toContainEqual(expect.stringMatching(/2 → 3/));
      const served = async (row: number): Promise<number> => Number(/of ([\d,]+)/.exec(await rows.nth(row).innerText())?.[1]?.replace(",", "") ?? 0);
      for (const row of [0, 1, 2]) expect(await served(row)).toBeGreaterThan(20);
      const before = await served(2);
      await expect.poll(() => served(2), { timeout: 10_000 }).toBeGreaterThan(before);
      await page.locator(".chart canvas").nth(1).waitFor();
      await expectSound(open, new URL(link()).origin, "demo-1440-light");
      await page.getByRole("button", { name: "A slow dependency" }).click();
      await page.getByText(/for \d+ s more/).waitFor();
      expect(await page.getByRole("button", { name: "A slow dependency" }).isDisabled()).toBe(true);
      await page.getByRole("link", { name: "Small steps" }).click();
      await page.getByRole("heading", { level: 1, name: "demo/small-steps" }).waitFor();
      await page.locator(".chart canvas").nth(3).waitFor();
      expect(open.complaints).toEqual([]);
    });
  });

  test.for([
    { width: 390, colorScheme: "light" },
    { width: 1440, colorScheme: "dark" },
  ] as const)("is as good at $width px, $colorScheme", { timeout: 60_000 }, async (window) => {
    await withBrowser(window, async (context) => {
      const open = await openPage(context, link());
      await open.page.locator(".chart canvas").nth(1).waitFor();
      await expectSound(open, new URL(link()).origin, `demo-${window.width}-${window.colorScheme}`);
    });
  });
});
