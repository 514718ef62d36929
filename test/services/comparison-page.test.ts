import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserOrSkip, withBrowser } from "./chromium.ts";
import { expectSound, openPage } from "./open-page.ts";

const folder = mkdtempSync(join(tmpdir(), "vernier-page-"));
const one = join(folder, "one.html");
const many = join(folder, "many.html");
/** Set to keep pictures for looking at. */
const PICTURES = process.env["VERNIER_PICTURES"];

const MANIFEST = readFileSync("examples/from-hpa/hpa.yaml", "utf8").replace("name: web", 'name: "<b>web</b>"');

function compare(args: readonly string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [resolve("dist/cli/main.cjs"), "compare", "--peak-units", "100", ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

describe.skipIf(!browserOrSkip())("the page of a comparison", () => {
  beforeAll(() => {
    writeFileSync(join(folder, "hpa & more.yaml"), MANIFEST);
    compare(["--peer", join(folder, "hpa & more.yaml"), "--trace", "examples/world-cup/match-days.csv.gz", "--sweep", "--html", one]);
    compare(["--trace", "examples/recordings", "--engine", "hpa-v2@70", "--html", many]);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const windows = [1440, 390].flatMap((width) => (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })));
  test.for(windows)("draws its charts, asks nobody and fits at $width px, $colorScheme", { timeout: 60_000 }, async (window) => {
    await withBrowser(window, async (context) => {
      const open = await openPage(context, pathToFileURL(one).href);
      const { page } = open;
      await page.locator("canvas").first().waitFor();
      await expectSound(open, pathToFileURL(folder).href, `comparison-${window.width}-${window.colorScheme}`);
      expect(open.requests).toEqual([pathToFileURL(one).href]);

      const figures = page.locator("figure.chart");
      expect(await figures.count()).toBe(2);
      const scatter = figures.nth(0);
      // The optimum, ours, the manifest and four references, each inside the plot; settings as dots.
      const plot = await scatter.locator(".field").boundingBox();
      const marks = await scatter.locator(".on-chart").all();
      expect(marks).toHaveLength(7);
      for (const mark of marks) {
        const box = await mark.boundingBox();
        if (plot === null || box === null) throw new Error("not drawn");
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        expect(x).toBeGreaterThanOrEqual(plot.x - 1);
        expect(x).toBeLessThanOrEqual(plot.x + plot.width + 1);
        expect(y).toBeGreaterThanOrEqual(plot.y - 1);
        expect(y).toBeLessThanOrEqual(plot.y + plot.height + 1);
      }
      expect(await scatter.locator(".dot").count()).toBeGreaterThan(20);

      const timeline = figures.nth(1);
      const shown = (): Promise<string[]> =>
        timeline
          .locator(".legend")
          .innerText()
          .then((text) => text.split(/\s*\n\s*/).filter((line) => line !== ""));
      expect(await shown()).toEqual(["needed", "vernier defaults", expect.stringContaining("hpa & more.yaml")]);
      const drawn = (): Promise<unknown> => page.evaluate(`document.querySelector("figure.chart canvas").toDataURL().length`);
      const before = await drawn();
      const switches = page.locator(".switches label");
      await switches.nth(2).click();
      await switches.nth(0).click();
      await expect.poll(shown).toEqual(["needed", "optimum", "vernier defaults"]);
      await page.keyboard.press("Space");
      await expect.poll(shown).toEqual(["needed", "vernier defaults"]);
      await expect.poll(drawn).not.toBe(before);
      await timeline.locator("summary").click();
      await expect.poll(() => timeline.locator("tbody tr").count()).toBeGreaterThan(20);

      // Ink and ground are far enough apart, and follow the scheme.
      const { color, backgroundColor } = (await page.evaluate("({ color, backgroundColor } = getComputedStyle(document.body))")) as Record<string, string>;
      const [ink, ground] = [color, backgroundColor].map((value) => Number((/\d+/.exec((value ?? "").slice(4)) ?? ["0"])[0]));
      if (window.colorScheme === "dark") expect(ink).toBeGreaterThan((ground ?? 255) + 150);
      else expect(ground).toBeGreaterThan((ink ?? 0) + 150);
      // Names from files are text, never markup.
      expect(await page.locator("b").count()).toBe(0);
      expect(await page.locator("tbody th").allInnerTexts()).toContainEqual(expect.stringMatching(/^2\s*hpa-v2 .*hpa & more\.yaml$/));
    });
  });

  test("of many recordings folds all but the first", { timeout: 60_000 }, async () => {
    await withBrowser({ width: 1440, colorScheme: "light" }, async (context) => {
      const page = await context.newPage();
      await page.goto(pathToFileURL(many).href);
      if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, "comparison-many.png"), fullPage: true });
      const details = page.locator("details.folded");
      expect(await details.count()).toBe(8);
      expect(await page.evaluate(`[...document.querySelectorAll("details.folded")].map((details) => details.open)`)).toEqual([
        true,
        ...new Array(7).fill(false),
      ]);
      await details.nth(3).locator("summary").first().click();
      await expect.poll(() => details.nth(3).locator("figure.chart canvas").isVisible()).toBe(true);
    });
  });

  test("has its tables where no script may run", { timeout: 60_000 }, async () => {
    const [, plain = ""] = /(<main[\s\S]*<\/main>)/.exec(readFileSync(many, "utf8")) ?? [];
    expect(plain.match(/<table/g)).toHaveLength(9);
    expect(plain).not.toContain("<script");
  });
});
