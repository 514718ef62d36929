import { SLOTS, UNIT_RATE } from "./service.ts";

/** Lowest and highest that a fleet may be. */
const [LEAST, MOST] = [2, 36];
/** Load over what the ready units can do, above which a fleet is short. */
export const CEILING = 0.8;
/** Of the highest load that is played, in units at 70 %. */
const PEAK_UNITS = 20;
const TARGET = 0.7;
/** Requests a second at the highest bin of the recording. */
export const PEAK_RATE = PEAK_UNITS * UNIT_RATE * TARGET;
/** A unit that is always there: as many as keep the peak under the ceiling. */
const FIXED_UNITS = Math.ceil(PEAK_RATE / (UNIT_RATE * CEILING));
/** For an hour of a unit, as on a public price list. */
export const UNIT_PRICE = 0.096;

export interface Fleet {
  /** Also its workload: `demo/<name>`. */
  readonly name: string;
  readonly title: string;
  readonly about: string;
}

export const FLEETS: readonly Fleet[] = [
  { name: "fixed", title: "Fixed", about: `${FIXED_UNITS} units all the time: what the highest peak needs` },
  { name: "doubling", title: "Doubling", about: `twice as many above ${CEILING * 100} %, half as many below 35 %` },
  { name: "small-steps", title: "Small steps", about: `${TARGET * 100} % by a target, a unit or 10 % at a time` },
];

/** Times of a policy, made shorter as the day is. */
const COMMON_GUARDS = "blastRadius: {share: 50%, window: 20s}, cliff: {hold: 20s, holdAtZero: 60s, holdWithErrors: 30s}, staleAfter: 5s, drift: off";

const RULES: Readonly<Record<string, { readonly bounds: string; readonly rules: string }>> = {
  fixed: {
    bounds: `{min: ${FIXED_UNITS}, max: ${FIXED_UNITS}}`,
    rules: `    strategies: [{type: targetTracking, metric: requests, target: ${TARGET * UNIT_RATE}/s}]
    guards: {${COMMON_GUARDS}}`,
  },
  doubling: {
    bounds: `{min: ${LEAST}, max: ${MOST}}`,
    rules: `    strategies: [{type: tiers, metric: busy, up: [{at: ${CEILING * 100}%, add: 100%}], down: [{below: 35%, remove: 50%}]}]
    guards: {up: {limits: [{percent: 100%, per: 5s}], cooldown: 5s}, down: {window: 15s, limits: [{percent: 50%, per: 15s}]}, ${COMMON_GUARDS}}`,
  },
  "small-steps": {
    bounds: `{min: ${LEAST}, max: ${MOST}}`,
    rules: `    strategies:
      - {type: targetTracking, metric: requests, target: ${TARGET * UNIT_RATE}/s}
      # A dependency that is slow keeps units busy with fewer requests.
      - {type: targetTracking, metric: busy, target: ${CEILING * 100}%}
    guards: {down: {window: 10s, limits: [{percent: 10%, per: 2s}, {units: 1, per: 2s}]}, ${COMMON_GUARDS}}`,
  },
};

export interface FleetPlaces {
  /** What a unit runs: Node and a file. */
  readonly command: readonly [string, string];
  readonly troubleFile: string;
  /** The first of the ports that are ours; each fleet has {@link PORTS_EACH}. */
  readonly firstPort: number;
}

/** Ports of each fleet: more than it has units, for those that are about to go. */
const PORTS_EACH = 60;
/** Ports of all fleets. */
export const PORTS = FLEETS.length * PORTS_EACH;

/** File that says who is ready of a fleet. */
export function endpointsFile(name: string): string {
  return `${name}.endpoints.json`;
}

/** The policy of all fleets: the same service and the same metrics, three rules. */
export function fleetPolicy({ command, troubleFile, firstPort }: FleetPlaces): string {
  const argv = JSON.stringify([command[0], "--max-semi-space-size=1", "--max-old-space-size=32", command[1], "{port}", troubleFile]);
  const workloads = FLEETS.map(({ name }, i) => {
    const { bounds, rules } = RULES[name] as (typeof RULES)[string];
    const from = firstPort + i * PORTS_EACH;
    return `  demo/${name}:
    kind: stateless
    mode: live
    interval: 1s
    bounds: ${bounds}
    ceiling: ${CEILING * 100}%
    unit: {serves: {rate: ${UNIT_RATE}/s}, startup: 1s, price: ${UNIT_PRICE} USD/h}
    target:
      type: process
      command: ${argv}
      ports: ${from}-${from + PORTS_EACH - 1}
      ready: {http: /healthz, within: 20s}
      drain: {signal: SIGTERM, within: 10s}
      onExit: stop
      endpoints: {file: ${endpointsFile(name)}}
    metrics:
      requests: {measures: rate, scope: total, window: 4s, lag: 0s, scrape: 1s, source: ${name}, query: "sum(rate(demo_requests_total[4s]))"}
      busy: {measures: utilisation, window: 4s, lag: 0s, scrape: 1s, source: ${name}, query: "avg(rate(demo_busy_seconds_total[4s])) / ${SLOTS}"}
      p95: {measures: latency, window: 8s, lag: 0s, scrape: 1s, source: ${name}, query: "histogram_quantile(0.95, sum by (le) (rate(demo_seconds_bucket[8s])))"}
    objectives: [{name: p95, threshold: {metric: p95, value: 400ms}, minimum: 99%}]
${rules}`;
  });
  return `# Written by vernier demo: a match day in ten minutes, and guards with windows as short.
version: 1
sources:
${FLEETS.map(({ name }) => `  ${name}: {type: scrape, endpoints: ${endpointsFile(name)}, path: /metrics}`).join("\n")}
workloads:
${workloads.join("\n")}
`;
}
