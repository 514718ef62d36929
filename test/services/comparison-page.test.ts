import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browserOrSkip, withBrowser } from "./chromium.ts";

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
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(one).href);
      if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `comparison-${window.width}-${window.colorScheme}.png`), fullPage: true });
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !url.startsWith("data:"))).toEqual([pathToFileURL(one).href]);
      expect(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")).toBe(true);

      const figures = page.locator("figure.chart");
      expect(await figures.count()).toBe(2);
      const scatter = figures.nth(0);
      // The optimum, ours, the manifest and four references, each inside the plot; settings as dots.
      const plot = await scatter.locator(".plot").boundingBox();
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
      const lines = timeline.locator("path.line");
      expect(await lines.count()).toBe(7);
      for (const line of await lines.all()) expect(((await line.getAttribute("d")) ?? "").length).toBeGreaterThan(500);
      const visible = () =>
        page.evaluate(`[...document.querySelectorAll("figure.timeline path.line")].map((line) => (getComputedStyle(line).display === "none" ? 0 : 1))`);
      expect(await visible()).toEqual([0, 1, 1, 0, 0, 0, 0]);
      await timeline.locator("label.for2").click();
      await timeline.locator("label.for0").click();
      expect(await visible()).toEqual([1, 1, 0, 0, 0, 0, 0]);
      await page.keyboard.press("Space");
      expect(await visible()).toEqual([0, 1, 0, 0, 0, 0, 0]);

      // Ink and ground are far enough apart, and follow the scheme.
      const { color, backgroundColor } = (await page.evaluate("({ color, backgroundColor } = getComputedStyle(document.body))")) as Record<string, string>;
      const [ink, ground] = [color, backgroundColor].map((value) => Number((/\d+/.exec((value ?? "").slice(4)) ?? ["0"])[0]));
      if (window.colorScheme === "dark") expect(ink).toBeGreaterThan((ground ?? 255) + 150);
      else expect(ground).toBeGreaterThan((ink ?? 0) + 150);
      // Names from files are text, never markup.
      expect(await page.locator("b").count()).toBe(0);
      expect(await page.locator("tbody th").allInnerTexts()).toContainEqual(expect.stringMatching(/^2hpa-v2 .*hpa & more\.yaml$/));
    });
  });

  test("of many recordings folds all but the first", { timeout: 60_000 }, async () => {
    await withBrowser({ width: 1440, colorScheme: "light" }, async (context) => {
      const page = await context.newPage();
      await page.goto(pathToFileURL(many).href);
      if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, "comparison-many.png"), fullPage: true });
      const details = page.locator("details");
      expect(await details.count()).toBe(8);
      expect(await page.evaluate(`[...document.querySelectorAll("details")].map((details) => details.open)`)).toEqual([true, ...new Array(7).fill(false)]);
      await details.nth(3).locator("summary").click();
      await expect.poll(() => details.nth(3).locator("figure.timeline").isVisible()).toBe(true);
    });
  });
});
