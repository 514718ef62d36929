import type { ReportTable } from "../api/report.ts";
import type { ComparedTrace } from "./comparison.ts";
import { comparisonReport } from "./comparison-report.ts";
import { escapeHtml, htmlPage, htmlTable } from "./page.ts";

/**
 * The comparison as a page of its own, drawn by the views of the live page. Its tables are in it as plain HTML, too, for places where no
 * script may run.
 */
export function comparisonPage(comparisons: readonly ComparedTrace[]): string {
  const report = comparisonReport(comparisons);
  const { title, heading, lead, summary, sections, pipelines } = report;
  const plain = [
    ...(summary === null ? [] : [`<h2>${escapeHtml(summary.title)}</h2>${plainTable(summary.table)}`]),
    ...sections.map(
      (section) => `<h2>${escapeHtml(section.title)}</h2>
<p class="quiet">${escapeHtml(section.provenance)}</p>
${section.notes.map((note) => `<p class="quiet">${escapeHtml(note)}</p>`).join("\n")}
${section.tables.map(plainTable).join("\n")}`,
    ),
    `<ul>${pipelines.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul>`,
  ];
  return htmlPage({ title, heading, lead, body: plain.join("\n"), report });
}

function plainTable({ header, rows }: ReportTable): string {
  return htmlTable(header, rows);
}
