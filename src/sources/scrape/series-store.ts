import { type Selector, selectorText } from "../../lib/promql-expression.ts";
import type { ExpositionSample, Label } from "./exposition.ts";
import { ExpositionError } from "./exposition.ts";
import { SampleHistory } from "./sample-history.ts";

/** Where series come from. Its identity is what their history goes with: another unit at the same address begins anew. */
export interface ScrapedTarget {
  readonly identity: string;
  /** `host:port`, as the label `instance` of Prometheus. */
  readonly instance: string;
}

/** Series that some query reads, and how long their history has to be; 0: the last value. */
export interface Selection {
  readonly selector: Selector;
  windowMs: number;
  readonly series: Set<Series>;
}

export interface Series {
  readonly name: string;
  /** Without `instance` and `job`. */
  readonly labels: readonly Label[];
  readonly history: SampleHistory;
  /** Whether it was in the last exposition of its target. */
  isLive: boolean;
  readonly selections: Selection[];
}

interface Known {
  readonly target: ScrapedTarget;
  readonly byKey: Map<string, Series>;
}

/** Samples of one scrape of one target that queries read, by series; `further` are of the same series at other times. */
export type Batch = Map<string, ExpositionSample & { further?: ExpositionSample[] }>;

/** What a source keeps at most, whatever its targets expose. */
const SERIES_MAX = 100_000;
const SAMPLES_MAX = 2_000_000;
/** Samples of one series in one exposition, at times of their own. */
const POINTS_MAX = 100;
/** The metric that says which targets answer; made here, as Prometheus does. */
export const UP = "up";

/** History of the series that queries read, and of no others. Times are those of one clock that never goes back. */
export class SeriesStore {
  readonly #job: string;
  readonly #selections = new Map<string, Selection>();
  readonly #byName = new Map<string, Selection[]>();
  readonly #targets = new Map<string, Known>();
  #series = 0;
  #samples = 0;
  /** Grows when queries want what was not wanted before. */
  version = 0;

  /** @param job the label `job` of all series */
  constructor(job: string) {
    this.#job = job;
  }

  get size(): { readonly series: number; readonly samples: number } {
    return { series: this.#series, samples: this.#samples };
  }

  /** Keeps what a query reads from now on. */
  select(selector: Selector, windowMs: number): void {
    const text = selectorText(selector);
    const known = this.#selections.get(text);
    if (known !== undefined) {
      if (known.windowMs >= windowMs) return;
      known.windowMs = windowMs;
      this.version++;
      return;
    }
    const selection: Selection = { selector, windowMs, series: new Set() };
    this.#selections.set(text, selection);
    const ofName = this.#byName.get(selector.name) ?? [];
    this.#byName.set(selector.name, [...ofName, selection]);
    this.version++;
    for (const { target, byKey } of this.#targets.values())
      for (const series of byKey.values())
        if (series.name === selector.name && this.#isMatch(selection, series.labels, target)) {
          series.selections.push(selection);
          selection.series.add(series);
        }
  }

  selectionOf(selector: Selector): Selection | undefined {
    return this.#selections.get(selectorText(selector));
  }

  wants(name: string): boolean {
    return name !== UP && this.#byName.has(name);
  }

  /** Adds a sample to a batch if some query reads it. @throws ExpositionError for a series that comes twice with two values */
  collect(batch: Batch, target: ScrapedTarget, sample: ExpositionSample): void {
    const selections = this.#byName.get(sample.name) ?? [];
    const labels = ownLabels(sample.labels);
    if (!selections.some((selection) => this.#isMatch(selection, labels, target))) return;
    const key = keyOf(sample.name, labels);
    const before = batch.get(key);
    if (before === undefined) {
      batch.set(key, labels === sample.labels ? sample : { ...sample, labels });
      return;
    }
    const same = before.atMs === sample.atMs ? before : before.further?.find(({ atMs }) => atMs === sample.atMs);
    before.further ??= [];
    if (before.further.length >= POINTS_MAX)
      throw new ExpositionError(sample.line, `${sample.name.slice(0, 60)} more than ${POINTS_MAX} times with the same labels`);
    if (same === undefined) before.further.push(sample);
    else if (!Object.is(same.value, sample.value))
      throw new ExpositionError(sample.line, `${sample.name.slice(0, 60)} a second time with the same labels, ${sample.value} after ${same.value}`);
  }

  /**
   * Takes what a target exposed at `atMs`. Series that are not in it are gone.
   * @param aheadMs what to add to timestamps of exporters, which are wall time
   * @returns why not all of it was taken
   */
  take(target: ScrapedTarget, batch: Batch, atMs: number, aheadMs: number): string | undefined {
    const known = this.#known(target);
    for (const series of known.byKey.values()) series.isLive = false;
    let isFull = false;
    for (const [key, sample] of batch) {
      const series = known.byKey.get(key) ?? this.#add(known, key, sample.name, sample.labels);
      isFull ||= series === undefined || this.#samples >= SAMPLES_MAX;
      if (series === undefined || isFull) continue;
      series.isLive = true;
      const timeOf = (given: number | undefined): number => (given === undefined ? atMs : given + aheadMs);
      const further = sample.further === undefined ? [sample] : [sample, ...sample.further].toSorted((a, b) => timeOf(a.atMs) - timeOf(b.atMs));
      for (const one of further) if (series.history.push(timeOf(one.atMs), one.value)) this.#samples++;
    }
    this.#say(known, 1, atMs);
    return isFull ? `more than ${SERIES_MAX} series or ${SAMPLES_MAX} samples are kept: select less, or shorten windows` : undefined;
  }

  /** A target that gave nothing at `atMs`: its series are gone. */
  miss(target: ScrapedTarget, atMs: number): void {
    const known = this.#known(target);
    for (const series of known.byKey.values()) series.isLive = false;
    this.#say(known, 0, atMs);
  }

  /** Forgets what no query can see any more, and targets that are not there and have nothing left. */
  forget(targets: readonly ScrapedTarget[], atMs: number): void {
    const present = new Set(targets.map(({ identity }) => identity));
    for (const [identity, known] of this.#targets) {
      for (const [key, series] of known.byKey) {
        if (!present.has(identity)) series.isLive = false;
        const windowMs = series.selections.reduce((longest, selection) => Math.max(longest, selection.windowMs), 0);
        this.#samples -= series.history.forgetUntil(atMs - windowMs, series.isLive ? 1 : 0);
        if (series.history.length > 0) continue;
        known.byKey.delete(key);
        this.#series--;
        for (const selection of series.selections) selection.series.delete(series);
      }
      if (known.byKey.size === 0 && !present.has(identity)) this.#targets.delete(identity);
    }
  }

  #say(known: Known, up: number, atMs: number): void {
    if (!this.#byName.has(UP)) return;
    const key = keyOf(UP, []);
    const series = known.byKey.get(key) ?? this.#add(known, key, UP, []);
    if (series === undefined) return;
    series.isLive = true;
    if (series.history.push(atMs, up)) this.#samples++;
  }

  #known(target: ScrapedTarget): Known {
    const known = this.#targets.get(target.identity) ?? { target, byKey: new Map<string, Series>() };
    this.#targets.set(target.identity, known);
    return known;
  }

  #add(known: Known, key: string, name: string, labels: readonly Label[]): Series | undefined {
    if (this.#series >= SERIES_MAX) return undefined;
    const selections = (this.#byName.get(name) ?? []).filter((selection) => this.#isMatch(selection, labels, known.target));
    if (selections.length === 0) return undefined;
    // Copied: parts of an exposition would keep the whole of it in memory.
    const own = JSON.parse(JSON.stringify(labels)) as Label[];
    const series: Series = { name: selections[0]?.selector.name ?? name, labels: own, history: new SampleHistory(), isLive: false, selections };
    known.byKey.set(key, series);
    for (const selection of selections) selection.series.add(series);
    this.#series++;
    return series;
  }

  #isMatch({ selector }: Selection, labels: readonly Label[], target: ScrapedTarget): boolean {
    return selector.matchers.every(({ label, matches }) => {
      if (label === "instance") return matches(target.instance);
      if (label === "job") return matches(this.#job);
      return matches(labels.find(([name]) => name === label)?.[1] ?? "");
    });
  }
}

/**
 * Labels in the order of their names. What the scraper says of where a series is from goes before what the target says: `instance` and `job`
 * of the target get another name, as with Prometheus' `honor_labels: false`.
 */
function ownLabels(labels: readonly Label[]): readonly Label[] {
  const isForeign = labels.some(([name]) => name === "instance" || name === "job");
  const own = isForeign ? labels.map((label): Label => (label[0] === "instance" || label[0] === "job" ? [`exported_${label[0]}`, label[1]] : label)) : labels;
  const isSorted = own.every(([name], i) => i === 0 || (own[i - 1] as Label)[0] < name);
  return isSorted ? own : own.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** One text for each series; the lengths keep values apart from what looks like labels in them. */
function keyOf(name: string, labels: readonly Label[]): string {
  let key = name;
  for (const [label, value] of labels) key += ` ${label} ${value.length} ${value}`;
  return key;
}
