import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LiveFolder } from "../support/live-folder.ts";
import { browserOrSkip, withBrowser } from "./chromium.ts";
import { expectSound, openPage } from "./open-page.ts";

// The page of a running controller, in a browser, as people use it.

const folder = new LiveFolder();
const EVIL = `<img src=x onerror="document.title='owned'">`;
const workload = (name: string, more: string): string => `  shop/${name}:
    kind: stateless
    bounds: {min: 2, max: 20}
    interval: 1s
    target: {type: file, path: ${name}-units}
    unit: {startup: 1s, price: 0.10 EUR/h}
    strategies: [{type: targetTracking, metric: cpu, target: 70%}]
${more}`;
const metric = (name: string, measures: string, file: string): string =>
  `${name}: {measures: ${measures}, window: 1s, lag: 0s, scrape: 1s, source: files, query: ${file}}`;
const POLICY = `version: 1
sources: {files: {type: file}}
workloads:
${workload(
  "web",
  `    mode: live
    metrics: {${metric("cpu", "utilisation", "web-cpu")}, ${metric("p95", "latency", "web-p95")}}
    objectives: [{name: fast, threshold: {metric: p95, value: 300ms}, minimum: 99%}]
    guards: {blastRadius: off}`,
)}
${workload("api", `    mode: approve\n    metrics: {${metric("cpu", "utilisation", "api-cpu")}}`)}
${workload("blind", `    mode: live\n    metrics: {${metric("cpu", "utilisation", "nothing")}}`)}
${workload("shadow", `    mode: shadow\n    metrics: {${metric("cpu", "utilisation", "web-cpu")}}`)}
`;

/** What files say; written again and again, for what is old counts no more. */
const values: Record<string, string> = { "web-cpu": "0.7", "web-p95": "0.120", "api-cpu": "0.95" };
let writing: NodeJS.Timeout;
const write = (): void => {
  for (const [name, value] of Object.entries(values)) folder.write(name, `${value}\n`);
};

interface Place {
  readonly address: string;
  readonly token: string;
}
let place: Place;
let port: string;
const link = (): string => `${place.address}/#token=${place.token}`;
const start = async (listen: string): Promise<Awaited<ReturnType<LiveFolder["start"]>>> => {
  const child = await folder.start("vernier.yaml", "--listen", listen);
  const { address } = JSON.parse(folder.read(".vernier/api.json")) as { address: string };
  place = { address, token: folder.read(".vernier/api.token").trim() };
  port = new URL(address).port;
  return child;
};
const goTo = async (page: Page, hash: string, heading: string): Promise<void> => {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
};

describe.skipIf(!browserOrSkip())("the page of a controller", () => {
  beforeAll(async () => {
    folder.write("vernier.yaml", POLICY);
    for (const name of ["web", "api", "blind", "shadow"]) folder.write(`${name}-units`, "4\n");
    writing = setInterval(write, 500);
    write();
    await start("0");
    // Something to look at: a step.
    await new Promise((go) => setTimeout(go, 2_500));
    values["web-cpu"] = "0.9";
    await new Promise((go) => setTimeout(go, 3_000));
    values["web-cpu"] = "0.6";
  }, 60_000);
  afterAll(async () => {
    clearInterval(writing);
    await folder.remove();
  });

  const windows = [1440, 390].flatMap((width) => (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })));
  test.for(windows)(
    "shows every view at $width px, $colorScheme: no complaint, nobody else asked, readable by everyone",
    { timeout: 120_000 },
    async (window) => {
      await withBrowser(window, async (context) => {
        const open = await openPage(context, link());
        const { page } = open;
        const sound = (name: string): Promise<void> => expectSound(open, place.address, `page-${name}-${window.width}-${window.colorScheme}`);
        await page.getByRole("heading", { name: "Fleet" }).waitFor();
        // The token is in no address, history or title.
        expect(page.url()).toBe(`${place.address}/`);
        await page.getByRole("status").getByText("live").waitFor();
        // What needs a person comes first.
        const names = await page.locator("table.fleet tbody a").allInnerTexts();
        expect(names).toEqual(["shop/api", "shop/blind", "shop/shadow", "shop/web"]);
        await sound("fleet");
        await goTo(page, "#/workload/shop/web", "shop/web");
        await page.getByText("120 ms").first().waitFor();
        await page.locator(".chart canvas").first().waitFor();
        expect(await page.locator(".chart canvas").count()).toBe(3);
        await page.getByRole("button", { name: "Compare with the optimum and an HPA" }).click();
        await page.getByRole("rowheader", { name: "optimum" }).waitFor();
        expect(await page.locator(".others tbody tr").count()).toBe(3);
        // Under the cursor is the decision that was in force; a click keeps it.
        const chart = page.locator(".u-over").first();
        const right = { position: { x: ((await chart.boundingBox())?.width ?? 0) - 5, y: 50 } };
        await chart.hover(right);
        expect(await page.locator("article.floating .stages").innerText()).toContain("cpu: a load of");
        await chart.click(right);
        await page.getByRole("button", { name: "Close" }).click();
        await page.mouse.move(0, 0);
        await expect.poll(() => page.locator("article.decision").count()).toBe(0);
        await page.locator(".decisions button").first().click();
        await page.locator("article.decision .operands").first().waitFor();
        await page.locator("details.numbers summary").first().click();
        await expect.poll(() => page.locator("details.numbers tbody tr").count()).toBeGreaterThan(2);
        await sound("workload");
        await goTo(page, "#/workload/shop/blind", "shop/blind");
        await page
          .getByText(/cpu has no value|no metric can be used/)
          .first()
          .waitFor();
        await sound("blind");
        await goTo(page, "#/ledger", "Ledger");
        await page.getByRole("button", { name: "Verify" }).click();
        await page.getByText("signed entries were checked").waitFor();
        expect(await page.locator(".verified .badge").innerText()).toContain("whole");
        await sound("ledger");
        await goTo(page, "#/health", "Health");
        await page.getByText("ticking").waitFor();
        await sound("health");
      });
    },
  );

  test("takes orders with who and why, shows them, takes them back; text of others is text", { timeout: 60_000 }, async () => {
    await withBrowser({ width: 1000, colorScheme: "light" }, async (context) => {
      const open = await openPage(context, link());
      const { page } = open;
      await goTo(page, "#/workload/shop/web", "shop/web");
      await page.getByRole("button", { name: "Pause" }).click();
      const form = page.locator("form.order");
      // Nothing is ordered without a reason and a name.
      await form.getByRole("button", { name: "Pause" }).click();
      expect(await page.getByText("in force from the next tick on").count()).toBe(0);
      await form.getByLabel("Why").fill(EVIL);
      await form.getByLabel("Who").fill("ada");
      await form.getByRole("combobox").selectOption("4 hours");
      await form.getByRole("button", { name: "Pause" }).click();
      await page.getByText("in force from the next tick on").waitFor();
      await page.locator(".standing").getByText("by ada").waitFor();
      expect(await page.locator(".standing").innerText()).toContain(EVIL);
      await expectSound(open, place.address, "page-orders");
      await page.getByRole("button", { name: "Undo" }).click();
      await page.getByRole("button", { name: "Pause" }).waitFor();
      await expect.poll(() => page.locator(".standing").count()).toBe(0);
      // What stood before an order is there again when it is taken back.
      const give = async (button: string, why: string): Promise<void> => {
        await page.locator(".buttons").getByRole("button", { name: button }).click();
        await form.getByLabel("Why").fill(why);
        await form.getByRole("button", { name: button.replace("…", "") }).click();
      };
      await give("Hold in", "the sale");
      await page.locator(".standing").getByText("held in").waitFor();
      // To what is there: how far it grew is a matter of the machine.
      await page.locator(".buttons").getByRole("button", { name: "Set…" }).click();
      const units = await form.getByRole("spinbutton").inputValue();
      await form.getByLabel("Why").fill("a test");
      await form.getByRole("button", { name: "Set" }).click();
      await page.locator(".standing").getByText(`set to ${units}`).waitFor();
      expect(Number(units)).toBeGreaterThan(4);
      await page.getByRole("button", { name: "Undo" }).click();
      await expect.poll(() => page.locator(".standing").allInnerTexts()).toEqual([expect.stringMatching(/held in.* by ada.*the sale/)]);
      await page.locator(".buttons").getByRole("button", { name: "Release" }).click();
      await form.getByLabel("Why").fill("over");
      await form.getByRole("button", { name: "Release" }).click();
      await expect.poll(() => page.locator(".standing").count()).toBe(0);
      await goTo(page, "#/workload/shop/api", "shop/api");
      // An approval is of the step that was looked at, and of no other.
      await page.getByRole("button", { name: "Approve" }).click();
      await form.getByText("The step from 4 to 6 units.").waitFor();
      values["api-cpu"] = "1.2";
      await form.getByText("does not wait any more").waitFor();
      expect(await form.getByRole("button", { name: "Approve" }).isDisabled()).toBe(true);
      values["api-cpu"] = "0.95";
      await form.getByText("The step from 4 to 6 units.").waitFor();
      await page.locator(".buttons").getByRole("button", { name: "Approve" }).click();
      await page.locator(".buttons").getByRole("button", { name: "Approve" }).click();
      await form.getByLabel("Why").fill("it is busy");
      expect(await form.getByLabel("Who").inputValue()).toBe("ada");
      await form.getByRole("button", { name: "Approve" }).click();
      await expect.poll(() => folder.read("api-units").trim(), { timeout: 10_000 }).not.toBe("4");
      await goTo(page, "#/ledger", "Ledger");
      await expect.poll(() => page.locator("table.entries").innerText()).toContain("ada ordered approve: it is busy");
      expect(await page.locator("img").count()).toBe(0);
      expect(await page.title()).not.toContain("owned");
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
      const file = join(folder.path, "ledger.ndjson");
      writeFileSync(file, readFileSync(await download.path()));
      expect(folder.vernier("ledger", "verify", "ledger.ndjson")).toMatchObject({ code: 0 });
      expect(open.complaints).toEqual([]);
    });
  });

  test("is used by keys alone", { timeout: 60_000 }, async () => {
    await withBrowser({ width: 1000, colorScheme: "light" }, async (context) => {
      const { page } = await openPage(context, link());
      await page.getByRole("heading", { name: "Fleet" }).waitFor();
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.textContent")).toBe("To the content");
      await page.keyboard.press("Enter");
      expect(await page.evaluate("document.activeElement.tagName")).toBe("MAIN");
      const reach = async (text: string): Promise<void> => {
        for (let i = 0; i < 60; i++) {
          await page.keyboard.press("Tab");
          if ((await page.evaluate("document.activeElement.textContent")) === text) return;
        }
        throw new Error(`${text} is not reached`);
      };
      await reach("shop/web");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { level: 1, name: "shop/web" }).waitFor();
      expect(await page.evaluate("document.activeElement.tagName")).toBe("MAIN");
      await reach("Pause");
      await page.keyboard.press("Space");
      await page.locator("form.order").waitFor();
    });
  });

  test("searches, and sorts", { timeout: 60_000 }, async () => {
    await withBrowser({ width: 1000, colorScheme: "light" }, async (context) => {
      const { page } = await openPage(context, link());
      const names = (): Promise<string[]> => page.locator("table.fleet tbody a").allInnerTexts();
      await page.getByLabel("Search").fill("SHAD");
      await expect.poll(names).toEqual(["shop/shadow"]);
      await page.getByLabel("Search").fill("nobody");
      await page.getByText("No workload and no reason has").waitFor();
      await page.getByLabel("Search").fill("");
      await page.getByLabel("First").selectOption("name");
      await expect.poll(names).toEqual(["shop/api", "shop/blind", "shop/shadow", "shop/web"]);
    });
  });

  test("asks for the token, and takes no other", { timeout: 60_000 }, async () => {
    await withBrowser({ width: 390, colorScheme: "light" }, async (context) => {
      const open = await openPage(context, `${place.address}/`);
      const { page } = open;
      await page.getByLabel("Token").fill("cut…");
      await page.getByRole("button", { name: "Open" }).click();
      await page.getByText("That is no token").waitFor();
      await expectSound(open, place.address, "page-token");
      await page.getByLabel("Token").fill("x".repeat(43));
      await page.getByRole("button", { name: "Open" }).click();
      await page.getByText("not the token of this controller").waitFor();
      await page.getByLabel("Token").fill(place.token);
      await page.getByRole("button", { name: "Open" }).click();
      await page.getByRole("heading", { name: "Fleet" }).waitFor();
      // A link that is opened where the page is open already leaves the address, too.
      await page.goto(link());
      await page.getByRole("heading", { name: "Fleet" }).waitFor();
      await expect.poll(() => page.url()).toBe(`${place.address}/`);
    });
  });

  test("says that it is not connected, shows nothing as fresh, and goes on by itself", { timeout: 90_000 }, async () => {
    await withBrowser({ width: 1000, colorScheme: "light" }, async (context) => {
      const { page } = await openPage(context, link());
      await page.getByRole("status").getByText("live").waitFor();
      await page.locator(".vital .number").first().waitFor();
      expect(await page.locator("main.stale").count()).toBe(0);
      const { pid } = JSON.parse(folder.read(".vernier/api.json")) as { pid: number };
      process.kill(pid, "SIGKILL");
      await page.getByText("Not connected since").waitFor();
      expect(await page.locator("main.stale .number").count()).toBeGreaterThan(0);
      if (process.env["VERNIER_PICTURES"] !== undefined) await page.screenshot({ path: join(process.env["VERNIER_PICTURES"], "page-lost.png") });
      await start(port);
      await page.getByRole("status").getByText("live").waitFor({ timeout: 30_000 });
      await expect.poll(() => page.locator("main.stale").count()).toBe(0);
      await expect.poll(() => page.getByText("Not connected since").count()).toBe(0);
    });
  });

  test("says that it is not connected, too, when the controller hangs", { timeout: 90_000 }, async () => {
    await withBrowser({ width: 1000, colorScheme: "light" }, async (context) => {
      const { page } = await openPage(context, link());
      await page.getByRole("status").getByText("live").waitFor();
      const { pid } = JSON.parse(folder.read(".vernier/api.json")) as { pid: number };
      process.kill(pid, "SIGSTOP");
      try {
        await page.getByText("Not connected since").waitFor({ timeout: 30_000 });
      } finally {
        process.kill(pid, "SIGCONT");
      }
      await page.getByRole("status").getByText("live").waitFor({ timeout: 30_000 });
    });
  });
});
