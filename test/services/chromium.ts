import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

/** The browser of this machine; undefined when it has none. */
export const BROWSER = [process.env["CHROMIUM"], ...PLACES].find((place) => place !== undefined && existsSync(place));

/** What must be there for a run that counts; elsewhere its absence is said and its tests are skipped. */
export function browserOrSkip(): boolean {
  if (BROWSER !== undefined) return true;
  const message = "no Chromium found (Debian: apt-get install chromium; elsewhere set CHROMIUM to its path): tests of pages were not run";
  if (process.env["VERNIER_REQUIRE_SERVICES"] === "1") throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

/** A window with a profile of its own, gone afterwards. */
export async function withBrowser<T>(
  options: { readonly width: number; readonly colorScheme: "light" | "dark" },
  use: (context: BrowserContext) => Promise<T>,
): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), "vernier-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: BROWSER as string,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
    viewport: { width: options.width, height: 900 },
    colorScheme: options.colorScheme,
  });
  try {
    return await use(context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
