import { createHash } from "node:crypto";
import { readPageFile } from "../api/page-files.ts";
import type { Report } from "../api/report.ts";

interface PageOptions {
  readonly title: string;
  readonly heading: string;
  readonly lead: string;
  /** Plain HTML: all there is, or what is shown where no script may run. */
  readonly body: string;
  /** Drawn by script in place of all that. */
  readonly report?: Report;
}

/** A page of one file: nothing from outside. It opens from a disk, in a mail, in an archive, years from now. */
export function htmlPage({ title, heading, lead, body, report }: PageOptions): string {
  const style = readPageFile("report.css").toString("utf8");
  const script = report === undefined ? undefined : readPageFile("report.js").toString("utf8");
  const policy = ["default-src 'none'", `style-src '${digest(style)}'`, ...(script === undefined ? [] : [`script-src '${digest(script)}'`]), "img-src data:"];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy.join("; ")}">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main id="app">
<h1>${escapeHtml(heading)}</h1>
<p class="lead">${escapeHtml(lead)}</p>
${body}
</main>
${script === undefined ? "" : `<script type="application/json" id="report">${JSON.stringify(report).replaceAll("<", "\\u003c")}</script>\n<script type="module">${script}</script>`}
</body>
</html>
`;
}

function digest(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

/** A table with a name in the first cell of each row. */
export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const body = rows.map(
    ([name = "", ...cells]) => `<tr><th scope="row">${escapeHtml(name)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`,
  );
  return `<div class="scroll" tabindex="0"><table class="figures"><thead><tr>${header.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
