import { createEngine, loadPolicy } from "../src/app.ts";
import { readTrace } from "../src/read-trace.ts";
import { runSimulation } from "../src/sim/run.ts";
import { engineContext } from "../src/simulation-job.ts";

const WIDTH = 960;
const HEIGHT = 330;
const LEFT = 48;
const RIGHT = 16;
const TOP = 52;
const BOTTOM = 40;
const COLUMNS = 448;

/** The bundled recording through the bundled policy: what the load needed as an area, what was requested as a line. SVG for light and dark pages. */
export async function pictureOfMatchDays(): Promise<string> {
  const policy = loadPolicy("examples/world-cup");
  const workload = policy.workloads[0];
  if (workload === undefined) throw new Error("no workload");
  const trace = await readTrace("examples/world-cup/match-days.csv.gz");
  const settings = { peakUnits: policy.settings.simulation.peakUnits };
  const engine = createEngine("vernier", workload.resolved, engineContext({ trace, workload: workload.resolved, settings }));
  if (typeof engine === "string") throw new Error(engine);
  const run = runSimulation(workload.resolved, engine, trace, settings);
  const { load, requested, stepMs } = run.columns;
  const { score } = run.report;
  const needed = new Float64Array(COLUMNS);
  const line = new Float64Array(COLUMNS);
  let top = 0;
  for (let column = 0; column < COLUMNS; column++) {
    const begin = Math.floor((column * load.length) / COLUMNS);
    const end = Math.floor(((column + 1) * load.length) / COLUMNS);
    for (let step = begin; step < end; step++) {
      needed[column] = Math.max(needed[column] as number, (load[step] as number) / run.perUnit / run.ceiling);
      line[column] = Math.max(line[column] as number, requested[step] as number);
    }
    top = Math.max(top, needed[column] as number, line[column] as number);
  }
  const ceiling = Math.ceil(top / 20) * 20;
  const x = (column: number): string => (LEFT + ((WIDTH - LEFT - RIGHT) * column) / COLUMNS).toFixed(1);
  const y = (units: number): string => (HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * units) / ceiling).toFixed(1);
  const area = [...needed].map((units, column) => `L${x(column + 0.5)} ${y(units)}`).join("");
  const steps = [...line].map((units, column) => `${column === 0 ? "M" : "H"}${x(column)}${column === 0 ? ` ${y(units)}` : ""}V${y(units)}`).join("");
  const grid = Array.from({ length: 4 }, (_, i) => Math.round((ceiling * (i + 1)) / 4));
  const days = Array.from({ length: Math.round((load.length * stepMs) / 86_400_000) }, (_, day) => day);
  const dayX = (day: number): string => x((day * COLUMNS) / days.length);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title">
<title id="title">Capacity following seven match days of the 1998 World Cup in small steps</title>
<style>
text{font:13px system-ui,sans-serif;fill:#59636e}.head{font-size:15px;font-weight:600;fill:#1f2328}.grid{stroke:#d1d9e0;stroke-width:1}.area{fill:#9ec5f4}.line{fill:none;stroke:#0a3069;stroke-width:1.6}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.head{fill:#f0f6fc}.grid{stroke:#30363d}.area{fill:#1f4f8b}.line{stroke:#a5d6ff}}
</style>
<text class="head" x="${LEFT}" y="20">Seven match days of the 1998 World Cup, ${score.changes.toLocaleString("en-US")} small steps</text>
<text x="${LEFT}" y="40">${score.costUnitHours.toLocaleString("en-US", { maximumFractionDigits: 0 })} unit-hours, ${(score.timeAboveCeilingRatio * 100).toFixed(2)} % of time above 80 % utilisation; line: units requested, area: units needed</text>
${grid.map((units) => `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(units)}" y2="${y(units)}"/><text x="${LEFT - 8}" y="${Number(y(units)) + 4}" text-anchor="end">${units}</text>`).join("\n")}
<path class="area" d="M${x(0)} ${y(0)}${area}L${x(COLUMNS)} ${y(0)}Z"/>
<path class="line" d="${steps}H${x(COLUMNS)}"/>
<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(0)}" y2="${y(0)}"/>
${days.map((day) => `<text x="${Number(dayX(day)) + 4}" y="${HEIGHT - 18}">${10 + day} June</text>`).join("\n")}
</svg>
`;
}
