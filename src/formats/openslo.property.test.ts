import fc from "fast-check";
import { expect, test } from "vitest";
import { SAMPLE } from "../../test/support/openslo-samples.ts";
import { checkPolicy, type Policy, parsePolicy } from "../policy/parse.ts";
import { formatOpenSlo, readOpenSlo } from "./openslo.ts";
import { toOpenSlo } from "./openslo-export.ts";
import { fromOpenSlo } from "./openslo-import.ts";
import { addToPolicy, fragmentText } from "./policy-fragment.ts";

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/).filter((text) => text !== "constructor" && text !== "prototype");
const percent = (max: number) => fc.double({ min: 0, max, noNaN: true }).map((value) => `${Number(value.toPrecision(6)).toFixed(6)}%`);
const duration = (maxMs: number) =>
  fc.oneof(
    fc.constantFrom("90s", "36h", "28d", "1w", "250ms", "5m", "1h30m"),
    fc.integer({ min: 1, max: maxMs }).map((ms) => `${ms}ms`),
  );
const seconds = fc.oneof(
  fc.constantFrom("15s", "30s"),
  fc.integer({ min: 1, max: 86_400 }).map((count) => `${count}s`),
);
const text = fc.string({ unit: "binary", maxLength: 30 }).map((value) => value.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029\ufeff\ufffe\uffff]/gu, " "));

const metric = fc.record(
  {
    measures: fc.constantFrom("rate", "utilisation", "concurrency", "backlog", "latency", "errors", "gauge"),
    scope: fc.constantFrom("total", "unit"),
    quantile: percent(100),
    column: text,
    window: seconds,
    lag: seconds,
    scrape: seconds,
    source: fc.constantFrom("one", "two"),
    query: text,
  },
  { requiredKeys: ["measures"] },
);

/** A threshold as the language allows it for what the metric measures. */
function threshold(measures: string): fc.Arbitrary<unknown> {
  const number = fc.double({ min: 0, max: 1e12, noNaN: true });
  if (measures === "latency") return fc.oneof(duration(1e9), number);
  if (measures === "errors" || measures === "utilisation") return fc.oneof(percent(1_000), number);
  const rate = fc.record({ amount: fc.integer({ min: 1, max: 1e9 }), per: fc.constantFrom("s", "min", "h", "d") });
  return fc.oneof(
    number,
    rate.map(({ amount, per }) => `${amount}/${per}`),
    duration(1e9),
    percent(1_000),
  );
}

function objective(metrics: Readonly<Record<string, { measures: string }>>): fc.Arbitrary<Record<string, unknown>> {
  const names = Object.keys(metrics);
  const utilisations = names.filter((one) => metrics[one]?.measures === "utilisation");
  const any = fc.constantFrom(...names);
  const kinds: fc.Arbitrary<Record<string, unknown>>[] = [
    any.chain((one) =>
      fc
        .record({ metric: fc.constant(one), op: fc.constantFrom("lte", "lt", "gte", "gt"), value: threshold(metrics[one]?.measures ?? "") })
        .map((value) => ({ threshold: value })),
    ),
    fc.tuple(fc.constantFrom("good", "bad"), any, any).map(([part, one, total]) => ({ ratio: { [part]: one, total } })),
  ];
  if (utilisations.length > 0)
    kinds.push(
      fc
        .record({ metric: fc.constantFrom(...utilisations), from: fc.integer({ min: 0, max: 6_000 }), width: fc.integer({ min: 1, max: 4_000 }) })
        .map(({ metric: one, from, width }) => ({ band: { metric: one, from: `${from / 100}%`, to: `${(from + width) / 100}%` } })),
    );
  return fc
    .tuple(
      fc.oneof(...kinds),
      fc.record(
        {
          name,
          window: duration(1e11),
          minimum: percent(99),
          aspiration: fc.oneof(
            fc.constantFrom("100%", "99.95%"),
            percent(0.9).map((value) => `99.${value.slice(2)}`),
          ),
        },
        { requiredKeys: [] },
      ),
      fc.boolean(),
    )
    .map(([kind, fields, isWhole]) => ({
      ...kind,
      ...fields,
      ...(isWhole && { minimum: "100%", ...(fields.aspiration !== undefined && { aspiration: "100%" }) }),
    }));
}

const REST = { bounds: { min: 2, max: 9 }, strategies: [{ type: "schedule", windows: [{ start: "0 8 * * *", for: "1h", desired: 3 }] }] };
const SOURCES = {
  one: { type: "prometheus", url: "https://one.example.com/p?x=1#y" },
  two: { type: "prometheus", url: "http://two:9090", allow: ["private", "10.0.0.0/8"], bearerToken: { env: "TOKEN" } },
};

const workload = fc
  .dictionary(name, metric, { minKeys: 1, maxKeys: 6, noNullPrototype: true })
  .chain((metrics) => fc.array(objective(metrics), { maxLength: 6 }).map((objectives) => ({ ...REST, metrics, objectives })));
const policy = fc
  .dictionary(
    fc.oneof(
      name,
      fc.tuple(name, name).map((parts) => parts.join("/")),
    ),
    workload,
    { minKeys: 1, maxKeys: 3, noNullPrototype: true },
  )
  .filter((workloads) => new Set(Object.keys(workloads).map((id) => (id.includes("/") ? id : `default/${id}`))).size === Object.keys(workloads).length)
  .map((workloads) => parsePolicy(JSON.stringify({ version: 1, sources: SOURCES, workloads }), "p.yaml"));

const meaning = ({ settings, workloads }: Policy) => ({
  sources: settings.sources,
  workloads: workloads.map(({ id, written, resolved }) => ({
    id,
    objectives: resolved.objectives,
    metrics: resolved.metrics.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    queries: Object.fromEntries(Object.entries(written.metrics).map(([one, { source, query }]) => [one, { source, query }])),
  })),
});

test("what is written reads back as the same objectives, metrics, windows and sources", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(policy, (before) => {
      const { objects } = toOpenSlo(before);
      const file = formatOpenSlo(objects);
      const read = readOpenSlo([{ file: "slo.yaml", text: file }]);
      expect(read.problems).toEqual([]);
      // Absent fields and fields that are undefined mean the same.
      expect(JSON.parse(JSON.stringify(read.objects))).toEqual(JSON.parse(JSON.stringify(objects)));
      expect(formatOpenSlo(read.objects)).toBe(file);
      const { services, notes, problems } = fromOpenSlo(read);
      expect({ notes, problems }).toEqual({ notes: { guessed: [], left: [] }, problems: [] });
      const sources = Object.assign({}, ...services.map((service) => service.sources));
      const workloads = Object.fromEntries(
        services.map(({ workload: id, metrics, objectives }) => [id, { ...REST, metrics, objectives: objectives.map(({ fields }) => fields) }]),
      );
      const after = parsePolicy(JSON.stringify({ version: 1, sources, workloads }), "again.yaml");
      expect(meaning(after)).toEqual(meaning(before));
      for (const object of objects as readonly { kind: string; metadata: { name: string } }[])
        expect(object.metadata.name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
      const named = (objects as readonly { kind: string; metadata: { name: string } }[]).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(new Set(named).size).toBe(named.length);
    }),
    { seed: 20_261_123, numRuns: 200 },
  );
});

const BITS = [
  "",
  "-",
  ":",
  "  ",
  "\n",
  "---\n",
  "[",
  "{}",
  "null",
  "~",
  "0",
  "-1",
  "1.5",
  "1e400",
  ".nan",
  "true",
  "28d",
  "openslo/v1",
  "kind: SLI",
  "'",
  '"',
  "&a",
  "*a",
  "<<: 1",
  "!!x",
  "#",
  "\t",
  "\u0000",
  "é",
  "x".repeat(300),
];
const FIELDS = [
  "target",
  "value",
  "op",
  "good",
  "bad",
  "total",
  "raw",
  "spec",
  "metadata",
  "name",
  "objectives",
  "indicatorRef",
  "timeWindow",
  "duration",
  "annotations",
  "__proto__",
  "constructor",
  "url",
];

test("any damage to a file is a problem with its place, or still a policy", { timeout: 120_000 }, () => {
  const base =
    "version: 1 # ours\nworkloads:\n  a/b:\n    bounds: {min: 2, max: 9}\n    metrics: {cpu: {measures: utilisation}}\n    strategies: [{type: targetTracking, metric: cpu, target: 70%}]\n";
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 0, max: 40 }),
    bit: fc.oneof(fc.constantFrom(...BITS), fc.constantFrom(...FIELDS), fc.string({ maxLength: 8 })),
  });
  const line = fc.record({ from: fc.double({ min: 0, max: 0.999, noNaN: true }), to: fc.double({ min: 0, max: 0.999, noNaN: true }), isCopied: fc.boolean() });
  let read = 0;
  for (const seed of [1, 42, 20_261_123])
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 3 }), fc.array(line, { maxLength: 3 }), (edits, lines) => {
        const rows = SAMPLE.split("\n");
        for (const { from, to, isCopied } of lines) {
          const [row = ""] = rows.slice(Math.floor(from * rows.length));
          if (!isCopied) rows.splice(Math.floor(from * rows.length), 1);
          rows.splice(Math.floor(to * rows.length), 0, row);
        }
        let damaged = rows.join("\n");
        for (const { at, length, bit } of edits) {
          const start = Math.floor(at * damaged.length);
          damaged = damaged.slice(0, start) + bit + damaged.slice(start + length);
        }
        const beganMs = performance.now();
        const result = readOpenSlo([{ file: "x.yaml", text: damaged }]);
        const hasErrors = result.problems.some(({ problem }) => problem.severity === "error");
        if (hasErrors) {
          for (const { problem } of result.problems) expect(problem.line, JSON.stringify(problem)).toBeGreaterThan(0);
          return;
        }
        read++;
        const { services, problems } = fromOpenSlo(result);
        if (problems.some(({ problem }) => problem.severity === "error")) return;
        for (const service of services) {
          fragmentText(service);
          const { text: added } = addToPolicy(service, { text: base, workload: "a/b" });
          if (added !== undefined)
            expect(
              checkPolicy(added, "p.yaml").problems.filter(({ severity }) => severity === "error"),
              added,
            ).toEqual([]);
        }
        expect(performance.now() - beganMs).toBeLessThan(2_000);
      }),
      { seed, numRuns: 500 },
    );
  // Were nearly all refused, the second half would prove nothing.
  expect(read).toBeGreaterThan(100);
});
