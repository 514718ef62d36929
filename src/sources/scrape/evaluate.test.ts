import { describe, expect, test } from "vitest";
import { parsePromql } from "../../lib/promql.ts";
import { evaluatePromql, type Outcome } from "./evaluate.ts";
import { parseExposition } from "./exposition.ts";
import { type Batch, type ScrapedTarget, SeriesStore } from "./series-store.ts";

const A: ScrapedTarget = { identity: "a", instance: "10.0.0.1:9000" };
const B: ScrapedTarget = { identity: "b", instance: "10.0.0.2:9000" };

/** A store that some queries read, and targets that say things at times in seconds. */
class Scene {
  readonly store = new SeriesStore("app");
  readonly #queries: ReturnType<typeof parsePromql>[];

  constructor(...queries: readonly string[]) {
    this.#queries = queries.map((text) => parsePromql(text));
    for (const { selections } of this.#queries) for (const { selector, windowMs } of selections) this.store.select(selector, windowMs);
  }

  says(seconds: number, target: ScrapedTarget, text: string, aheadMs = 0): string | undefined {
    const batch: Batch = new Map();
    parseExposition(text, { format: "text", samplesMax: 100_000, wants: (name) => this.store.wants(name) }, (sample) =>
      this.store.collect(batch, target, sample),
    );
    return this.store.take(target, batch, seconds * 1_000, aheadMs);
  }

  at(seconds: number, targets: readonly ScrapedTarget[] = [A, B]): readonly (number | string)[] {
    this.store.forget(targets, seconds * 1_000);
    return this.#queries.map((query) => shown(evaluatePromql(query, this.store, seconds * 1_000)));
  }

  outcome(seconds: number): Outcome {
    return evaluatePromql(this.#queries[0] as ReturnType<typeof parsePromql>, this.store, seconds * 1_000);
  }
}

const shown = (outcome: Outcome): number | string => (outcome.kind === "value" ? outcome.value : `${outcome.kind}: ${outcome.reason}`);

describe("queries over what was scraped", () => {
  test("aggregations, arithmetic and conditions on labels", () => {
    const scene = new Scene(
      "sum(q)",
      "avg(q)",
      "max(q)",
      "min(q)",
      "count(q)",
      "-sum(q) + 2 * 3 - 8 / 4",
      "10 - q{pool='x',shard='1'}",
      "sum(q * 10) / count(q)",
      'sum(q{pool=~"x|y"})',
      'sum(q{pool!~"x.*",shard=""})',
      'sum(q{instance="10.0.0.2:9000"})',
      'count(q{job="app"})',
      'count(q{job!="app"})',
      "q",
      "sum(q) / 0",
      "(sum(q) - 27) / 0",
    );
    scene.says(1, A, 'q{pool="x",shard="1"} 5\nq{pool="x",shard="2"} 7\nother 1\n');
    scene.says(1, B, 'q{pool="x",shard="1",instance="me"} 4\nq{pool="z"} 11\n');
    // Two series say pool x and shard 1, one at each target.
    expect(scene.at(1)).toEqual([
      27,
      27 / 4,
      11,
      4,
      4,
      -27 + 6 - 2,
      "invalid: the query gives 2 series, expected one: add them up with sum(…)",
      270 / 4,
      16,
      11,
      15,
      4,
      'absent: no series matches q{job!="app"}',
      "invalid: the query gives 4 series, expected one: add them up with sum(…)",
      "invalid: the value is Infinity",
      "invalid: the value is NaN",
    ]);
  });

  test("NaN is not the largest, and makes a sum of nothing", () => {
    const scene = new Scene("max(q)", "min(q)", "sum(q)", "max(n)");
    scene.says(1, A, 'q{a="1"} NaN\nq{a="2"} 5\nq{a="3"} 4\nn NaN\n');
    expect(scene.at(1)).toEqual([5, 4, "invalid: the value is NaN", "invalid: the value is NaN"]);
  });

  test("rates of several targets, with a reset at one", () => {
    const scene = new Scene("sum(rate(r_total[1m]))", "sum(increase(r_total[1m]))", 'sum(rate(r_total{code!~"5.."}[1m])) / sum(rate(r_total[1m]))');
    for (const [i, value] of [100, 200, 300, 400].entries()) {
      scene.says(15 * (i + 1), A, `r_total{code="200"} ${value}\n`);
      scene.says(15 * (i + 1), B, `r_total{code="500"} ${value > 200 ? value - 300 : value}\n`);
    }
    // A: 300 in 45 s, to the beginning of the window 400. B: 100, 200, 0, 100 grew by 200, to the beginning 200 * 60 / 45.
    const [a, b] = [400, (200 * 60) / 45];
    const [rate, increase, share] = scene.at(60);
    expect(rate).toBeCloseTo((a + b) / 60, 9);
    expect(increase).toBeCloseTo(a + b, 9);
    expect(share).toBeCloseTo(a / (a + b), 9);
  });

  test("says that a rate needs two scrapes, and that there is nothing to rate", () => {
    const scene = new Scene("sum(rate(r_total[1m]))", "sum(rate(none_total[1m]))", "sum(r_total) + sum(none_total)");
    scene.says(1, A, "r_total 1\n");
    expect(scene.at(1)).toEqual([
      "absent: needs two scrapes within 60 s of r_total",
      "absent: no series matches none_total",
      "absent: no series matches none_total",
    ]);
    scene.says(2, A, "r_total 1\n");
    expect(scene.at(2)[0]).toBe(0);
  });

  test("what was not in the last exposition is gone, and counts in its window", () => {
    const scene = new Scene("sum(q)", "sum(increase(q[1m]))");
    scene.says(0, A, "q 0\n");
    scene.says(10, A, "q 10\n");
    scene.says(20, A, "q 20\n");
    expect(scene.at(20)).toEqual([20, 20]);
    scene.says(30, A, "");
    // 20 in 20 s, from zero, and on for the 10 s since.
    expect(scene.at(30)).toEqual(["absent: no series matches q", 30]);
    scene.says(40, A, "q 40\n");
    expect(scene.at(40)[0]).toBe(40);
    scene.store.miss(A, 50_000);
    expect(scene.at(50)[0]).toBe("absent: no series matches q");
    expect(scene.at(200)).toEqual(["absent: no series matches q", "absent: no series matches q"]);
    expect(scene.store.size).toEqual({ series: 0, samples: 0 });
  });

  test("another unit at the same address begins anew, and the first counts in its window", () => {
    const scene = new Scene("sum(increase(r_total[1m]))");
    const [first, second] = ["web-1", "web-2"].map((unit) => ({ identity: `${unit} 10.0.0.1:9000`, instance: "10.0.0.1:9000" })) as [
      ScrapedTarget,
      ScrapedTarget,
    ];
    scene.says(10, first, "r_total 1000\n");
    scene.says(20, first, "r_total 1100\n");
    scene.says(30, second, "r_total 5\n");
    // 100 in 10 s; it goes on for half of 10 s on both sides of its samples. The second has one sample: nothing yet.
    scene.at(30, [second]);
    expect(scene.at(40, [second])).toEqual([200]);
    scene.says(40, second, "r_total 15\n");
    // And 10 in 10 s, from where it was zero, 5 s before.
    expect(scene.at(40, [second])).toEqual([215]);
    expect(scene.at(100, [second])).toEqual(["absent: needs two scrapes within 60 s of r_total"]);
    expect(scene.store.size.series).toBe(1);
  });

  test("quantiles of all targets together", () => {
    const scene = new Scene(
      "histogram_quantile(0.5, sum by (le) (rate(d_bucket[1m])))",
      "histogram_quantile(0.5, sum by (le) (d_bucket))",
      "histogram_quantile(0.5, sum(e_bucket) by (le)) * 2",
    );
    const buckets = (a: number, b: number, all: number): string =>
      `d_bucket{le="0.1",route="x"} ${a}\nd_bucket{le="0.50"} ${b}\nd_bucket{le="1e0"} ${b}\nd_bucket{le="+Inf"} ${all}\nd_bucket{le="high"} 9\nd_bucket{le="NaN"} 9\nd_bucket 9\ne_bucket{le="1"} 0\ne_bucket{le="+Inf"} 0\n`;
    scene.says(0, A, buckets(1_000, 1_000, 1_000));
    scene.says(0, B, buckets(0, 0, 0));
    scene.says(30, A, buckets(1_010, 1_020, 1_020));
    scene.says(30, B, buckets(0, 10, 30));
    // A grew by 10, 20, 20, 20, and twice that in the window; B by 0, 10, 10, 30, from zero. Of 20, 50, 50, 70 together the 35th is the
    // 15th of 30 between 0.1 and 0.5. Of all there are, 1010, 1030, 1030, 1050, it is the 525th up to 0.1.
    const [rate, all, none] = scene.at(30);
    expect(rate).toBeCloseTo(0.1 + 0.4 * (15 / 30), 9);
    expect(all).toBeCloseTo(0.1 * (525 / 1_010), 9);
    expect(none).toBe("absent: the histogram counted nothing");
  });

  test("up is one for each target, whether it answers or not", () => {
    const scene = new Scene("sum(up)", "count(up)", 'up{instance="10.0.0.2:9000"}', "avg(up)");
    scene.says(1, A, "up 7\n");
    scene.store.miss(B, 1_000);
    expect(scene.at(1)).toEqual([1, 2, 0, 0.5]);
    expect(scene.at(2, [A])).toEqual([1, 1, 'absent: no series matches up{instance="10.0.0.2:9000"}', 1]);
  });

  test("times of exporters are theirs: what is not newer is not taken again, what is five minutes old is over", () => {
    const scene = new Scene("sum(q)", "sum(increase(q[10m]))");
    const aheadMs = 1_000;
    scene.says(100, A, "q 5 99000\n", aheadMs);
    scene.says(110, A, "q 6 99000\n", aheadMs);
    expect(scene.at(110)).toEqual([5, "absent: needs two scrapes within 600 s of q"]);
    scene.says(120, A, "q 7 119000\nq 6 109000\n", aheadMs);
    expect(scene.at(120)[0]).toBe(7);
    expect(scene.outcome(120)).toMatchObject({ sampledAtMs: 120_000 });
    // 2 in 20 s, and half of 10 s before.
    expect(scene.at(120)[1]).toBe(2.5);
    scene.says(130, A, "q 9 999000\n", aheadMs);
    expect(scene.at(130)[0]).toBe(7);
    expect(scene.at(419.9)[0]).toBe(7);
    expect(scene.at(420)[0]).toBe("absent: no series matches q");
  });

  test("is as old as the oldest that is there", () => {
    const scene = new Scene("sum(q)", "sum(rate(q[1m]))");
    scene.says(10, A, "q 5\n");
    scene.says(12, B, "q 6\n");
    expect(scene.outcome(12)).toMatchObject({ value: 11, sampledAtMs: 10_000 });
    const rates = new Scene("sum(rate(q[1m]))");
    for (const [second, text] of [
      [10, "q 5\n"],
      [20, "q 6\n"],
      [30, ""],
    ] as const)
      rates.says(second, A, text);
    for (const second of [20, 30]) rates.says(second, B, "q 1\n");
    // What is gone still counts, and is no older than it is.
    expect(rates.outcome(30)).toMatchObject({ sampledAtMs: 30_000 });
  });

  test("the same series twice is one, and none with two values", () => {
    const scene = new Scene("sum(q)");
    expect(scene.says(1, A, 'q{a="1",b="2"} 5\nq{b="2",a="1"} 5\n')).toBeUndefined();
    expect(scene.at(1)).toEqual([5]);
    expect(() => scene.says(2, A, 'q{a="1",b="2"} 5\nq{b="2",a="1"} 6\n')).toThrow("line 2: q a second time with the same labels, 6 after 5");
    expect(() => scene.says(2, A, Array.from({ length: 200 }, (_, i) => `q 1 ${i}\n`).join(""))).toThrow("q more than 100 times with the same labels");
    // Values that look like labels are values.
    scene.says(3, A, 'q{a="1 b 2"} 1\nq{a="1",b="2"} 2\n');
    expect(scene.at(3)).toEqual([3]);
  });

  test("labels that say where a series is from are those of the scraper", () => {
    const scene = new Scene('q{instance="10.0.0.1:9000",exported_instance="me",exported_job="mine"}');
    scene.says(1, A, 'q{instance="me",job="mine"} 3\n');
    expect(scene.at(1)).toEqual([3]);
  });

  test("keeps only what some query reads, for as long as it reads it", () => {
    const scene = new Scene('sum(rate(r_total{code="500"}[1m]))', "sum(q)");
    for (let second = 1; second <= 1_000; second++) {
      scene.says(second, A, `r_total{code="500"} ${second}\nr_total{code="200"} ${second}\nother{a="${second}"} 1\nq{a="${second}"} 1\n`);
      scene.at(second);
    }
    expect(scene.store.size).toEqual({ series: 2, samples: 61 });
  });

  test("a query that comes later sees what is kept, from then on longer", () => {
    const scene = new Scene("sum(q)");
    scene.says(10, A, "q 5\n");
    const version = scene.store.version;
    const later = parsePromql("sum(increase(q[1m]))");
    for (const { selector, windowMs } of later.selections) scene.store.select(selector, windowMs);
    expect(scene.store.version).toBeGreaterThan(version);
    scene.at(10);
    scene.says(20, A, "q 15\n");
    expect(shown(evaluatePromql(later, scene.store, 20_000))).toBe((10 * (10 + 5)) / 10);
    const other = parsePromql('sum(q{instance=~"10.*"})');
    for (const { selector, windowMs } of other.selections) scene.store.select(selector, windowMs);
    expect(shown(evaluatePromql(other, scene.store, 20_000))).toBe(15);
  });

  test("takes no more series than it can keep, and says so", () => {
    const scene = new Scene("sum(q)");
    const many = (from: number, count: number): string => Array.from({ length: count }, (_, i) => `q{a="${from + i}"} 1\n`).join("");
    expect(scene.says(1, A, many(0, 60_000))).toBeUndefined();
    expect(scene.says(1, B, many(0, 60_000))).toContain("more than 100000 series");
    expect(scene.store.size.series).toBe(100_000);
    scene.says(2, A, "");
    scene.at(2);
    expect(scene.says(2, B, many(0, 60_000))).toBeUndefined();
    expect(scene.at(2)).toEqual([60_000]);
  });
});
