import { parsePolicy, readTrace, runSimulation, VernierEngine } from "../dist/index.js";

// Reads, simulates and scores one recording; prints the peak resident memory in MB.

const [path] = process.argv.slice(2);
const text =
  "version: 1\nworkloads:\n  a/b:\n    kind: stateless\n    bounds: {min: 2, max: 200}\n    metrics: {cpu: {measures: utilisation}}\n    strategies: [{type: targetTracking, metric: cpu, target: 70%}]\n";
const [workload] = parsePolicy(text, "bench").workloads;
const engine = new VernierEngine(workload.resolved, { policyHash: workload.hash });
runSimulation(workload.resolved, engine, await readTrace(path), { peakUnits: 100 });
console.log(Math.round(process.resourceUsage().maxRSS / 1_024));
