/**
 * Vernier as a library: parse a policy, replay a trace through an engine, score what happened.
 * @experimental Names and shapes may change until 1.0.
 */
export { VernierEngine, type VernierEngineOptions } from "./engine/engine.ts";
export type { Allowances, CapacityReport, Decision, Engine, EngineState, Observation, Posture, Proposal, Reading } from "./engine/model.ts";
export { decide, UNLIMITED } from "./engine/model.ts";
export { REASONS, type Reason, type ReasonCode, STAGES, type Stage } from "./engine/reasons.ts";
export { type HpaManifest, parseHpaManifests } from "./formats/hpa-manifest.ts";
export { FileError, type Problem } from "./lib/file-error.ts";
export { DOUBLING_DEFAULTS, DoublingEngine, type DoublingParams } from "./peers/doubling/doubling.ts";
export { cpuMetric, HPA_DEFAULT_BEHAVIOUR, type HpaConfig, type HpaMetricSpec } from "./peers/hpa/config.ts";
export { HpaEngine } from "./peers/hpa/engine.ts";
export { StaticEngine } from "./peers/static/static.ts";
export { LINTS, type LintCode, type LintTrace, lintPolicy } from "./policy/lint.ts";
export { checkPolicy, type Policy, type PolicyWorkload, parsePolicy, policyHash } from "./policy/parse.ts";
export { type ResolvedWorkload, resolveWorkload } from "./policy/resolve.ts";
export type { ParseOptions } from "./policy/templates.ts";
export { type ReadTraceOptions, readTrace } from "./read-trace.ts";
export type { SimulationColumns } from "./sim/columns.ts";
export type { ComparisonRow, ComparisonSweep, TraceComparison } from "./sim/compare.ts";
export { type SimulationObserver, type SimulationRequest, type SimulationResult, simulate } from "./sim/kernel.ts";
export type { ObjectiveResult } from "./sim/objective-judge.ts";
export { type Optimum, type OptimumCosts, optimalCapacity } from "./sim/optimum.ts";
export { type Programme, solveProgramme } from "./sim/programme.ts";
export { budgetedUnitHours, optimumUnitHours } from "./sim/references.ts";
export { type Capacity, type DecisionRecord, type Run, type RunSettings, runSimulation, type SimulationReport } from "./sim/run.ts";
export { type Score, type ScoreSettings, scoreRun } from "./sim/score.ts";
export { type ScoredLoad, scoredLoad } from "./sim/scored-load.ts";
export { buildTrace, type Mask, type Trace, type TraceOverrides } from "./sim/trace.ts";
export { type ParsedTrace, TraceParser, type TraceParserOptions } from "./sim/trace-parser.ts";
