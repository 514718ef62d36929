import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Set to keep pictures for looking at. */
const PICTURES = process.env["VERNIER_PICTURES"];

/** A page with everything that it complained of, and everyone that it asked. */
export interface OpenPage {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

export async function openPage(context: BrowserContext, address: string): Promise<OpenPage> {
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(address);
  return { page, complaints, requests };
}

/** What a view has to be, whatever it shows: quiet, at home, as wide as the window, and readable by everyone. */
export async function expectSound({ page, complaints, requests }: OpenPage, origin: string, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  expect(complaints, name).toEqual([]);
  expect(
    requests.filter((url) => !url.startsWith(`${origin}/`) && !/^(data|blob):/.test(url)),
    name,
  ).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), `${name}: width`).toBe(true);
  await page.evaluate(AXE);
  const violations = (await page.evaluate(
    `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => [id, impact, nodes.slice(0, 3).map(({ html }) => html)]))`,
  )) as readonly (readonly [string, string, readonly string[]])[];
  expect(
    violations.filter(([, impact]) => impact === "serious" || impact === "critical"),
    name,
  ).toEqual([]);
}
