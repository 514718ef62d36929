import type { Problem } from "../lib/file-error.ts";
import { isRecord, asRecord as record } from "../lib/is-record.ts";
import { nearest } from "../lib/nearest.ts";
import { isTimeZone } from "../lib/time-zone.ts";
import { checkFile } from "./contradictions-of-file.ts";
import type { Path, PolicyDocument } from "./document.ts";
import { FormulaError, metricsOf, parseFormula } from "./formula.ts";
import { Budget, Duration, Percent, Rate, UnitPrice, unitsPaidFor } from "./quantities.ts";
import { workloadId } from "./resolve.ts";
import { Measures } from "./schema.ts";
import { scrapeQueryProblem } from "./scrape-queries.ts";
import type { WorkloadEntry } from "./templates.ts";
import { unitProblems } from "./unit-problems.ts";
import { windowProblems } from "./window-problems.ts";

const METRICS_MAX = 24;
const ID = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * What a schema cannot say: references that lead nowhere, parts that contradict each other. Works on values as written,
 * so that a mistake in one place does not hide the contradictions in another; parts of the wrong type are passed over
 * (the schema reports them).
 */
export function findContradictions(document: PolicyDocument, settings: Record<string, unknown>, entries: readonly WorkloadEntry[]): Problem[] {
  const found = new Map<string, Problem>();
  const add = (problem: Problem): void => {
    // A contradiction in a template is one, however many workloads it makes.
    const key = `${problem.code} ${problem.line}:${problem.column}`;
    if (!found.has(key)) found.set(key, problem);
  };
  const zone = settings["timeZone"];
  if (typeof zone === "string" && (zone.length > 100 || !isTimeZone(zone))) {
    add({
      severity: "error",
      code: "time_zone_unknown",
      path: "timeZone",
      ...document.locate(["timeZone"], "value"),
      message: `found "${zone.slice(0, 60)}", expected an IANA time zone`,
      hint: "for example Europe/Berlin or UTC",
    });
  }
  const ids = new Map<string, string>();
  const targets = new Map<string, string>();
  for (const entry of entries) {
    const check = new WorkloadCheck(document, settings, entry, add);
    check.identity(ids, targets);
    check.metrics();
    check.strategies();
    check.objectives();
    check.limits();
    check.bounds();
    check.freezes();
    check.money();
    check.unit();
  }
  checkFile(document, settings, entries, add);
  return [...found.values()];
}

class WorkloadCheck {
  readonly #document: PolicyDocument;
  readonly #settings: Record<string, unknown>;
  readonly #entry: WorkloadEntry;
  readonly #value: Record<string, unknown>;
  readonly #add: (problem: Problem) => void;
  readonly #metrics: Record<string, unknown>;

  constructor(document: PolicyDocument, settings: Record<string, unknown>, entry: WorkloadEntry, add: (problem: Problem) => void) {
    this.#document = document;
    this.#settings = settings;
    this.#entry = entry;
    this.#add = add;
    this.#value = isRecord(entry.value) ? entry.value : {};
    this.#metrics = record(this.#value["metrics"]);
  }

  identity(ids: Map<string, string>, targets: Map<string, string>): void {
    const { id } = this.#entry;
    const full = workloadId(id);
    if (!ID.test(full)) {
      this.#error(
        "invalid_id",
        [],
        `"${id}" is no workload id`,
        "expected <namespace>/<name> or <name>: lower-case letters, digits and '-', at most 63 each",
        "key",
      );
    }
    const before = ids.get(full);
    if (before !== undefined && before !== id) this.#error("id_duplicate", [], `"${id}" and "${before}" are the same workload, ${full}`, "remove one", "key");
    else if (before !== undefined) this.#error("id_duplicate", [], `two entries make the workload ${full}`, "remove one", "key");
    ids.set(full, id);
    const target = record(this.#value["target"]);
    const key = `${text(target["type"]) ?? "memory"} ${text(target["name"]) ?? text(target["path"]) ?? text(target["observe"]) ?? full}`;
    const other = targets.get(key);
    if (other !== undefined && other !== full) {
      this.#error(
        "target_shared",
        ["target"],
        `${full} and ${other} set capacity on the same target`,
        "two controllers on one target fight; give each its own, or make them one workload",
      );
    }
    targets.set(key, full);
  }

  metrics(): void {
    const names = Object.keys(this.#metrics);
    if (names.length > METRICS_MAX)
      this.#error(
        "too_many_metrics",
        ["metrics"],
        `${names.length} metrics, at most ${METRICS_MAX}`,
        "a workload decided by so many cannot be explained; drop those no strategy or objective reads",
      );
    this.#formulas();
    const sources = record(this.#settings["sources"]);
    for (const name of names) {
      const { source, query, select } = record(this.#metrics[name]);
      if (typeof source !== "string" || !this.#reference(["metrics", name, "source"], source, Object.keys(sources), "source")) continue;
      const type = record(sources[source])["type"];
      if (select !== undefined && type !== "prometheus")
        this.#error(
          "wrong_source",
          ["metrics", name, "select"],
          `"${source}" is a source of type ${type}`,
          "only prometheus gives several series to select from",
        );
      if (typeof query !== "string" || type !== "scrape") continue;
      const problem = scrapeQueryProblem(query, this.#value["interval"]);
      if (problem !== undefined) this.#error(problem.code, ["metrics", name, "query"], problem.message, problem.hint);
    }
  }

  #formulas(): void {
    const measured = new Map<string, Measures>();
    for (const [name, metric] of Object.entries(this.#metrics)) {
      const measures = Measures.safeParse(record(metric)["measures"]);
      if (measures.success) measured.set(name, measures.data);
    }
    const reads = new Map<string, readonly string[]>();
    for (const [name, metric] of Object.entries(this.#metrics)) {
      const { formula, query, column } = record(metric);
      const path = ["metrics", name, "formula"];
      const measures = measured.get(name);
      if (typeof formula !== "string" || measures === undefined) continue;
      if (measures === "up") this.#error("formula", path, `"${name}" says whether the source answers`, "that cannot be computed; read it");
      if (query !== undefined || column !== undefined)
        this.#error("formula_and_reading", path, `"${name}" is computed and read`, "leave out formula, or query and column");
      try {
        reads.set(name, metricsOf(parseFormula(formula, measures, measured)));
      } catch (error) {
        if (!(error instanceof FormulaError)) throw error;
        this.#error("formula", path, `${error.message}, at character ${error.at + 1} of "${formula.slice(0, 80)}"`, "for example orders * 3 + checkouts");
      }
    }
    // What needs itself, by any way round, is never known.
    const known = new Set(Object.keys(this.#metrics).filter((name) => !reads.has(name)));
    for (let before = -1; before !== known.size; ) {
      before = known.size;
      for (const [name, names] of reads) if (names.every((operand) => known.has(operand))) known.add(name);
    }
    for (const name of reads.keys())
      if (!known.has(name))
        this.#error("formula_circle", ["metrics", name, "formula"], `"${name}" is computed from itself`, "compute it from metrics that are read");
  }

  strategies(): void {
    const strategies = this.#value["strategies"];
    if (!Array.isArray(strategies)) return;
    for (const [index, strategy] of strategies.entries()) {
      if (!isRecord(strategy)) continue;
      const path = ["strategies", index];
      if (strategy["type"] === "schedule") {
        this.#windows([...path, "windows"], strategy["windows"]);
        continue;
      }
      if (strategy["type"] === "sloBurn") {
        this.#sloBurn(path, strategy["objective"]);
        continue;
      }
      if (strategy["type"] === "queue") {
        this.#queue(path, strategy);
        continue;
      }
      const measures = this.#metricAt([...path, "metric"], strategy["metric"]);
      if (strategy["type"] === "tiers") this.#tiers(path, strategy, measures);
      if (strategy["type"] === "targetTracking") this.#target(path, strategy, measures);
    }
  }

  objectives(): void {
    const objectives = this.#value["objectives"];
    if (!Array.isArray(objectives)) return;
    for (const [index, objective] of objectives.entries()) {
      if (!isRecord(objective)) continue;
      const path = ["objectives", index];
      const threshold = record(objective["threshold"]);
      if ("metric" in threshold) {
        const measures = this.#metricAt([...path, "threshold", "metric"], threshold["metric"]);
        const value = text(threshold["value"]);
        if (measures === "latency" && value !== undefined && !Duration.safeParse(value).success) {
          this.#error("wrong_unit", [...path, "threshold", "value"], `found "${value}" for a latency`, "expected a duration such as 200ms");
        }
        if ((measures === "utilisation" || measures === "errors") && value !== undefined && !Percent.safeParse(value).success) {
          this.#error("wrong_unit", [...path, "threshold", "value"], `found "${value}" for a ratio`, "expected a percentage such as 1%");
        }
      }
      const band = record(objective["band"]);
      if ("metric" in band) {
        this.#metricAt([...path, "band", "metric"], band["metric"], ["utilisation"]);
        const from = percent(band["from"]);
        const to = percent(band["to"]);
        if (from !== undefined && to !== undefined && from >= to)
          this.#error("band_empty", [...path, "band"], `the band from ${band["from"]} to ${band["to"]} is empty`, "from must be below to");
      }
      const ratio = record(objective["ratio"]);
      if ("total" in ratio) {
        for (const part of ["good", "bad", "total"]) if (part in ratio) this.#metricAt([...path, "ratio", part], ratio[part]);
        if ("good" in ratio === "bad" in ratio)
          this.#error(
            "ratio_ambiguous",
            [...path, "ratio"],
            `found ${"good" in ratio ? "both good and bad" : "neither good nor bad"}`,
            "expected exactly one of good and bad, and total",
          );
      }
      const minimum = percent(objective["minimum"]);
      const aspiration = percent(objective["aspiration"]);
      if (aspiration !== undefined && aspiration < (minimum ?? 0.99)) {
        this.#error(
          "aspiration_below_minimum",
          [...path, "aspiration"],
          `aspiration ${objective["aspiration"]} is below the minimum of ${objective["minimum"] ?? "99% (the default)"}`,
          "one aspires to more than one requires",
        );
      }
    }
  }

  limits(): void {
    const dependencies = record(this.#settings["dependencies"]);
    const groups = record(this.#settings["groups"]);
    const min = record(this.#value["bounds"])["min"];
    for (const [name, use] of Object.entries(record(this.#value["uses"]))) {
      if (!this.#reference(["uses", name], name, Object.keys(dependencies), "dependency", "key")) continue;
      const connections = record(dependencies[name])["connections"];
      const each = record(use)["connections"];
      if (typeof connections !== "number" || typeof each !== "number" || typeof min !== "number" || each < 1) continue;
      if (min * each > connections) {
        this.#error(
          "min_above_limit",
          ["bounds", "min"],
          `min (${min}) needs ${min * each} connections of ${name}, which has ${connections}`,
          `at most ${Math.floor(connections / each)} units fit`,
        );
      }
    }
    const group = text(this.#value["group"]);
    if (group === undefined || !this.#reference(["group"], group, Object.keys(groups), "group")) return;
    const max = record(groups[group])["max"];
    if (typeof max === "number" && typeof min === "number" && min > max) {
      this.#error("min_above_limit", ["bounds", "min"], `min (${min}) is above the limit of group ${group} (${max})`, "lower min, or raise the group's limit");
    }
  }

  bounds(): void {
    const { min, max, schedule } = record(this.#value["bounds"]);
    const activation = this.#value["activation"];
    if (min === 0 && activation === undefined)
      this.#error("activation_missing", ["bounds", "min"], "found 0, and nothing that would wake it", "add activation: {metric: requests}, or use at least 1");
    if (isRecord(activation)) this.#activation(activation, min, max);
    this.#windows(["bounds", "schedule"], schedule);
    if (!Array.isArray(schedule) || typeof min !== "number" || typeof max !== "number") return;
    for (const [index, given] of schedule.entries()) {
      const window = record(given);
      const path = ["bounds", "schedule", index];
      if (window["min"] === undefined && window["max"] === undefined)
        this.#error("window_empty", path, "a window that changes neither min nor max", "say min, max or both");
      const least = typeof window["min"] === "number" ? window["min"] : min;
      const most = typeof window["max"] === "number" ? window["max"] : max;
      if (least > most) this.#error("min_above_max", path, `min (${least}) is greater than max (${most}) while it is open`, "raise max in the same window");
    }
  }

  freezes(): void {
    this.#windows(["guards", "freeze"], record(this.#value["guards"])["freeze"]);
  }

  unit(): void {
    for (const { code, path, message, hint } of unitProblems(record(this.#value["unit"]))) this.#error(code, ["unit", ...path], message, hint);
  }

  #windows(path: Path, windows: unknown): void {
    if (!Array.isArray(windows)) return;
    const calendars = Object.keys(record(this.#settings["calendars"]));
    for (const [index, window] of windows.entries()) {
      if (!isRecord(window)) continue;
      for (const problem of windowProblems(window, calendars)) this.#error(problem.code, [...path, index, ...problem.path], problem.message, problem.hint);
    }
  }

  money(): void {
    const ceiling = this.#value["ceiling"];
    if (percent(ceiling) === 0) this.#error("ceiling_zero", ["ceiling"], "found 0%", "a ceiling of 80% is usual");
    if (this.#value["budget"] === undefined) return;
    const price = UnitPrice.safeParse(record(this.#value["unit"])["price"]);
    const written = this.#value["budget"];
    const budgets = (Array.isArray(written) ? written : [written]).flatMap((text) => {
      const budget = Budget.safeParse(text);
      return budget.success ? [budget.data] : [];
    });
    if (record(this.#value["unit"])["price"] === undefined)
      this.#error("budget_without_price", ["budget"], "a budget needs the price of a unit", "add unit.price, for example 0.096 USD/h");
    if (budgets.length === 2 && budgets[0]?.per === budgets[1]?.per)
      this.#error("budget_twice", ["budget"], `two budgets for the same ${budgets[0]?.per === "h" ? "hour" : "month"}`, "keep one of them");
    if (!price.success) return;
    const foreign = budgets.find(({ currency }) => currency !== price.data.currency);
    if (foreign !== undefined) {
      this.#error(
        "currency_differs",
        ["budget"],
        `the budget is in ${foreign.currency}, the price in ${price.data.currency ?? "no currency"}`,
        "write both in one currency",
      );
    }
    const hourly = budgets.find(({ per }) => per === "h");
    const min = record(this.#value["bounds"])["min"];
    if (hourly !== undefined && typeof min === "number" && min > unitsPaidFor(hourly, price.data))
      this.#error(
        "min_above_limit",
        ["bounds", "min"],
        `min (${min}) costs more than ${hourly.amount} ${hourly.currency}/h, which pays for ${unitsPaidFor(hourly, price.data)}`,
        "lower min, or raise the budget",
      );
  }

  #activation({ metric, wake }: Record<string, unknown>, min: unknown, max: unknown): void {
    const path = ["activation"];
    if (typeof min === "number" && min > 0)
      this.#error("activation_without_zero", path, `the least is ${min}: it never sleeps`, "set bounds.min to 0, or leave activation out");
    if (typeof wake === "number" && typeof max === "number" && wake > max)
      this.#error("wake_above_max", [...path, "wake"], `wakes with ${wake}, at most ${max} are allowed`, "wake with less");
    const measures = this.#metricAt([...path, "metric"], metric, ["rate", "backlog", "concurrency", "gauge"]);
    if (measures !== undefined && record(this.#metrics[metric as string])["scope"] === "unit")
      this.#error(
        "wrong_scope",
        [...path, "metric"],
        `"${metric}" comes from the units: without one, nothing would wake it`,
        "name a metric of what arrives or waits",
      );
  }

  #sloBurn(path: Path, name: unknown): void {
    if (typeof name !== "string") return;
    const objectives = Array.isArray(this.#value["objectives"]) ? this.#value["objectives"].map(record) : [];
    const names = objectives.flatMap((objective) => text(objective["name"]) ?? []);
    if (!this.#reference([...path, "objective"], name, names, "objective with this name")) return;
    const objective = objectives.find((candidate) => candidate["name"] === name) as Record<string, unknown>;
    const at = [...path, "objective"];
    if ("band" in objective) this.#error("wrong_objective", at, `"${name}" is a band, which has no errors to budget`, "name a threshold or a ratio");
    if ("good" in record(objective["ratio"])) this.#error("wrong_objective", at, `"${name}" counts what is good`, "a burn needs the ratio of bad");
    if (percent(objective["minimum"]) === 1)
      this.#error("wrong_objective", at, `"${name}" has a minimum of 100%, which leaves no error budget`, "99.9% leaves 43 minutes in 30 days");
  }

  #queue(path: Path, strategy: Record<string, unknown>): void {
    this.#metricAt([...path, "arrivals"], strategy["arrivals"], ["rate"]);
    this.#metricAt([...path, "backlog"], strategy["backlog"], ["backlog"]);
    for (const field of ["arrivals", "backlog"]) {
      const metric = record(this.#metrics[text(strategy[field]) ?? ""]);
      if (metric["scope"] === "unit")
        this.#error("wrong_scope", [...path, field], `"${strategy[field]}" is the mean of one unit`, "a queue needs the total; leave out scope: unit");
    }
    if (record(this.#value["unit"])["serves"] === undefined)
      this.#error(
        "serves_missing",
        path,
        "a queue needs to know what one unit works off at most",
        "add unit: {serves: {rate: 12/s}}; perUnit then says how much of it to count on",
      );
  }

  #tiers(path: Path, strategy: Record<string, unknown>, measures: string | undefined): void {
    if (measures !== undefined && measures !== "utilisation") {
      this.#error(
        "wrong_metric",
        [...path, "metric"],
        `tiers read a utilisation, "${strategy["metric"]}" measures ${measures}`,
        "name a metric with measures: utilisation",
      );
    }
    const up = rungs(strategy["up"], "at");
    const down = rungs(strategy["down"], "below");
    if (up.length + down.length === 0)
      this.#error("tiers_empty", path, "tiers without a tier", "add up: [{at: 75%, add: 10%}] and down: [{below: 50%, remove: 10%}]");
    for (const [name, ladder] of [
      ["up", up],
      ["down", down],
    ] as const) {
      const seen = new Set<number>();
      for (const rung of ladder) {
        if (seen.has(rung.threshold)) this.#error("tier_duplicate", [...path, name, rung.index], `a second tier at ${rung.written}`, "keep one of them");
        seen.add(rung.threshold);
      }
    }
    const lowest = up.reduce((least, rung) => Math.min(least, rung.threshold), Number.POSITIVE_INFINITY);
    for (const rung of down) {
      if (rung.threshold <= lowest) continue;
      this.#error(
        "tiers_overlap",
        [...path, "down", rung.index],
        `removes below ${rung.written} and adds from ${lowest * 100}% on`,
        "a utilisation between the two would be both; lower this threshold",
      );
    }
  }

  #target(path: Path, strategy: Record<string, unknown>, measures: string | undefined): void {
    const target = strategy["target"];
    const isPercent = Percent.safeParse(target).success;
    const isRate = Rate.safeParse(target).success;
    if (percent(target) === 0) this.#error("target_zero", [...path, "target"], "found 0%", "no amount of capacity brings utilisation to zero; 70% is usual");
    const isNumber = typeof target === "number";
    if (measures === undefined || (!isPercent && !isRate && !isNumber)) return;
    if (measures === "latency" || measures === "errors" || measures === "up" || measures === "throughput") {
      this.#error(
        "wrong_metric",
        [...path, "metric"],
        `target tracking reads how much there is to do, "${strategy["metric"]}" measures ${measures}`,
        "name a utilisation, a rate, or something counted",
      );
    } else if (measures !== "utilisation" && measures !== "rate") {
      if (!isNumber)
        this.#error(
          "wrong_unit",
          [...path, "target"],
          `found "${target}" for a metric that measures ${measures}`,
          "expected a number for one unit, such as 200",
        );
    } else if (isNumber || isPercent !== (measures === "utilisation")) {
      this.#error(
        "wrong_unit",
        [...path, "target"],
        `found "${target}" for a metric that measures ${measures}`,
        measures === "rate" ? "expected a rate for one unit, such as 80/s" : "expected a percentage such as 70%",
      );
    } else if (isRate && record(this.#value["unit"])["serves"] === undefined) {
      this.#error(
        "serves_missing",
        [...path, "target"],
        "a rate target needs to know what one unit serves at 100 %, to tell how busy it is",
        "add unit: {serves: {rate: 120/s}}",
      );
    }
  }

  /** What the named metric measures; reports a name that leads nowhere, or one that measures the wrong thing. */
  #metricAt(path: Path, name: unknown, allowed?: readonly string[]): string | undefined {
    if (typeof name !== "string" || !isRecord(this.#value["metrics"])) return undefined;
    if (!this.#reference(path, name, Object.keys(this.#metrics), "metric")) return undefined;
    const written = Measures.safeParse(record(this.#metrics[name])["measures"]);
    // The schema reports one that does not exist.
    const measures = written.success ? written.data : undefined;
    if (measures !== undefined && allowed !== undefined && !allowed.includes(measures)) {
      this.#error("wrong_metric", path, `"${name}" measures ${measures}, expected ${allowed.join(" or ")}`, "name another metric");
    }
    return measures;
  }

  #reference(path: Path, name: string, known: readonly string[], what: string, at: "key" | "value" = "value"): boolean {
    if (known.includes(name)) return true;
    const near = nearest(name, known);
    const hint = near !== undefined ? `did you mean "${near}"?` : known.length > 0 ? `there are: ${known.join(", ")}` : `no ${what} is declared`;
    this.#error("unknown_reference", path, `there is no ${what} "${name}"`, hint, at);
    return false;
  }

  #error(code: string, path: Path, message: string, hint: string, at: "key" | "value" = "value"): void {
    this.#add({
      severity: "error",
      code,
      path: ["workloads", this.#entry.id, ...path].join("."),
      ...this.#document.locate(this.#entry.origin(path), at),
      message,
      hint,
    });
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function percent(value: unknown): number | undefined {
  const parsed = Percent.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function rungs(ladder: unknown, key: string): { index: number; threshold: number; written: unknown }[] {
  if (!Array.isArray(ladder)) return [];
  return ladder.flatMap((rung, index) => {
    const threshold = percent(record(rung)[key]);
    return threshold === undefined ? [] : [{ index, threshold, written: record(rung)[key] }];
  });
}
