import { parsePolicy, runSimulation, scoreRun, simulate, VernierEngine } from "../dist/index.js";

// One strategy in a process of its own, as a user runs it: 30 days in process, then 5 M steps. Prints JSON.

const [strategy] = process.argv.slice(2);
const text = `version: 1\nworkloads:\n  a/b:\n    kind: stateless\n    bounds: {min: 2, max: 200}\n    unit: {serves: {rate: 1/s}}\n    metrics: {cpu: {measures: utilisation}}\n    strategies: [${strategy}]\n`;
const [workload] = parsePolicy(text, "bench").workloads;

/** A day's wave with 5 % noise in bins of 15 s, as a recording of this century. */
function wave(steps) {
  const load = new Float64Array(steps);
  for (let i = 0, seed = 1; i < steps; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    load[i] = 50 + 40 * Math.sin((2 * Math.PI * i) / 5_760) + (seed / 0x7fffffff - 0.5) * 6;
  }
  return { name: "wave", semantics: "rate", binMs: 15_000, startMs: 1_790_000_000_000, load, columns: new Map(), masks: [], censoredBins: 0, guesses: [] };
}

const engine = () => new VernierEngine(workload.resolved, { policyHash: workload.hash });
const timed = (work) => {
  const beganMs = performance.now();
  const result = work();
  return [performance.now() - beganMs, result];
};

const month = wave(172_800);
const months = [1, 2, 3, 4].map(() => timed(() => runSimulation(workload.resolved, engine(), month, {}))[0]);
const long = wave(5_000_000);
const request = { nodes: [{ workload: workload.resolved, perUnit: 1, faults: [] }], edges: [], loadFactor: 1, seed: 1, interpolate: false };
const chains = [];
const scores = [];
let reasons = 0;
for (let i = 0; i < 5; i++) {
  const [chainMs, [result]] = timed(() => simulate(request, long, [engine()], { onChange: (decision) => (reasons += decision.reasons().length) }));
  chains.push(chainMs);
  scores.push(timed(() => scoreRun(result.columns, { workload: workload.resolved, perUnit: 1, ceiling: 0.8, warmUpMs: 0, masks: [] }))[0]);
}
if (reasons === 0) throw new Error("no reasons");
console.log(JSON.stringify({ months, chains, scores }));
