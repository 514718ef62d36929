import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

// The picture of the README: the page of the demonstration after ten minutes, as a browser shows it. Run: npm run build && tsx
// scripts/demo-picture.ts [minutes]. Chromium is needed; CHROMIUM says where it is.

const minutes = Number(process.argv[2] ?? 10);
const child = spawn(process.execPath, ["dist/cli/main.cjs", "demo", "--listen", "0"], { stdio: ["ignore", "pipe", "inherit"] });
let out = "";
child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
  out += chunk;
});
const profile = mkdtempSync(join(tmpdir(), "vernier-picture-"));
try {
  await new Promise((go) => setTimeout(go, minutes * 60_000));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
    viewport: { width: 1280, height: 820 },
    colorScheme: "light",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  await page.goto(/http:\/\/\S+#token=\S+/.exec(out)?.[0] ?? "");
  await page.locator(".chart canvas").nth(1).waitFor();
  await page.waitForTimeout(2_000);
  await page.screenshot({ path: "docs/demo.png" });
  console.log(await page.locator("table.scores").innerText());
  await context.close();
} finally {
  child.kill("SIGINT");
  await once(child, "close");
  rmSync(profile, { recursive: true, force: true });
}
