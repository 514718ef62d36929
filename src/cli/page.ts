/** Colours that are told apart with any kind of colour vision (after Okabe and Ito), for light and for dark; series carry numbers besides. */
const COLOURS: readonly (readonly [string, string])[] = [
  ["#3b3b3b", "#e6e6e6"],
  ["#0064a8", "#56b4e9"],
  ["#c24a00", "#f08c4a"],
  ["#00795a", "#2fbf97"],
  ["#a8478a", "#e08cc0"],
  ["#8a6d00", "#e6c229"],
  ["#5a4fcf", "#a79dff"],
  ["#6b6b6b", "#a8a8a8"],
  ["#007a8a", "#4fc9d9"],
];
const DASHES = ["none", "7 3", "2 3"];
/** Most series that can be told apart and switched. */
const SERIES_MAX = 40;

/** The class that gives a series its colour. 0 is the optimum. */
export function seriesClass(series: number): string {
  return `s${series % SERIES_MAX}`;
}

const SERIES_STYLE = Array.from({ length: SERIES_MAX }, (_, i) => {
  const [light, dark] = COLOURS[i === 0 ? 0 : 1 + ((i - 1) % (COLOURS.length - 1))] as readonly [string, string];
  const dash = DASHES[Math.floor(Math.max(0, i - 1) / (COLOURS.length - 1)) % DASHES.length];
  return `.s${i}{--c:light-dark(${light},${dark})}.line.s${i}{stroke-dasharray:${i === 0 ? "4 3" : dash}}.on${i}:not(:checked)~.frame .show${i}{display:none}.on${i}:not(:checked)~.legend .for${i}{opacity:.55}.on${i}:focus-visible~.legend .for${i}{outline:2px solid var(--accent)}`;
}).join("");

const PAGE_STYLE = `
:root{color-scheme:light dark;--ground:light-dark(#fdfdfc,#16181b);--ink:light-dark(#1d1f21,#e8e8e6);--quiet:light-dark(#5c6066,#a3a8ae);--rule:light-dark(#dcdedf,#34383d);--area:light-dark(#dfe6ec,#2a323a);--accent:light-dark(#0064a8,#56b4e9);--warn:light-dark(#8a4b00,#f0b35a)}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:82rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.2rem;line-height:1.3;margin:2rem 0 .25rem;overflow-wrap:anywhere}
summary{cursor:pointer}summary h2{display:inline}
details{border-top:1px solid var(--rule);padding:.75rem 0}
.lead{color:var(--quiet);max-width:46rem;margin:.25rem 0 1rem}
.provenance{color:var(--quiet);font-size:.875rem;margin:.25rem 0}
.note{color:var(--warn);font-size:.875rem;margin:.25rem 0}
.scroll{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9375rem;min-width:100%}
th,td{padding:.3rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}
th:first-child{text-align:left;padding-left:0;position:sticky;left:0;background:var(--ground)}
thead th:first-child{white-space:normal;min-width:9rem}
thead th{color:var(--quiet);font-weight:500;font-size:.8125rem}
tbody th{font-weight:500}
.mark{display:inline-flex;align-items:center;justify-content:center;width:1.35rem;height:1.35rem;border-radius:50%;background:var(--c);color:var(--ground);font-size:.75rem;font-weight:650;margin-right:.45rem;flex:none}
figure{margin:1.25rem 0}
figcaption{color:var(--quiet);font-size:.875rem;margin-bottom:.5rem}
.frame{display:grid;grid-template:minmax(0,1fr) 1.5rem/3.6rem minmax(0,1fr);height:20rem}
.timeline .frame{height:22rem}
.y-axis,.x-axis,.plot{position:relative}
.x-axis{grid-column:2}
.y-axis span{position:absolute;right:.9rem;transform:translateY(50%);font-size:.8125rem;color:var(--quiet);font-variant-numeric:tabular-nums}
.x-axis span{position:absolute;top:.25rem;transform:translateX(-50%);font-size:.8125rem;color:var(--quiet);white-space:nowrap}
.x-axis .first{transform:none}.x-axis .last{transform:translateX(-100%)}
.axis-name{color:var(--quiet);font-size:.8125rem;text-align:center;margin:.25rem 0 0 3.6rem}
.plot{border-left:1px solid var(--rule);border-bottom:1px solid var(--rule)}
svg{position:absolute;inset:0;width:100%;height:100%;overflow:hidden}
.grid{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}
.line{fill:none;stroke:var(--c);stroke-width:1.75;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.thin{stroke-width:1.25;opacity:.7}
.needed{fill:var(--area)}
.dot{position:absolute;width:.5rem;height:.5rem;margin:0 0 -.25rem -.25rem;border-radius:50%;background:var(--c);opacity:.75}
.on-chart{position:absolute;margin:0 0 -.675rem -.675rem;box-shadow:0 0 0 2px var(--ground)}
.switch{position:absolute;opacity:0;pointer-events:none}
.legend{display:flex;flex-wrap:wrap;gap:.25rem .9rem;margin-bottom:.6rem}
.legend label{display:inline-flex;align-items:center;cursor:pointer;font-size:.875rem;border-radius:.25rem}
ul{padding-left:1.2rem;font-size:.9375rem}
@media (max-width:40rem){.wide-only{display:none}.frame,.timeline .frame{height:16rem}th,td{padding:.3rem .45rem;font-size:.875rem}}
@media print{details:not([open])>*{display:block}}
`;

/** A page of one file: no scripts, nothing from outside. It opens from a disk, in a mail, in an archive, years from now. */
export function htmlPage({
  title,
  heading,
  lead,
  body,
}: {
  readonly title: string;
  readonly heading: string;
  readonly lead: string;
  readonly body: string;
}): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}${SERIES_STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(heading)}</h1>
<p class="lead">${escapeHtml(lead)}</p>
${body}
</main>
</body>
</html>
`;
}

/** A table with a name in the first cell of each row; `mark` gives what stands before the name. */
export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[], mark: (row: number) => string = () => ""): string {
  const body = rows.map(
    ([name = "", ...cells], i) => `<tr><th scope="row">${mark(i)}${escapeHtml(name)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`,
  );
  return `<div class="scroll" tabindex="0"><table><thead><tr>${header.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
