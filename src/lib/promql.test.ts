import { describe, expect, test } from "vitest";
import { parsePromql } from "./promql.ts";
import { PromqlError, selectorText } from "./promql-expression.ts";

function refusal(text: string): { message: string; at: number } {
  try {
    parsePromql(text);
  } catch (error) {
    if (error instanceof PromqlError) return { message: error.message, at: error.at };
    throw error;
  }
  throw new Error(`took ${text}`);
}

describe("a small part of PromQL", () => {
  test.for([
    ["queue_depth", ["queue_depth 0"]],
    ["job:queue:depth", ["job:queue:depth 0"]],
    [`queue_depth{a="1",b!='2',c=~\`3\\d\`,d!~"4|5",}`, ['queue_depth{a="1",b!="2",c=~"3\\\\d",d!~"4|5"} 0']],
    ["sum(rate(http_requests_total[1m]))", ["http_requests_total 60000"]],
    ["sum (\n increase ( x [ 1m30s ] ) )\n", ["x 90000"]],
    ["histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))", ["x_bucket 300000"]],
    ["histogram_quantile(.5, (sum(x_bucket) by ( le )))", ["x_bucket 0"]],
    ["sum(a) / (sum(b) + 1) * -2.5e3", ["a 0", "b 0"]],
    ["sum(rate(a[1m]) * 60) - max(a) + count(rate(a[5m]))", ["a 300000"]],
    ["sum(rate(a[5m])) / sum(rate(a[1m]))", ["a 300000"]],
    ["1 - avg(up)", ["up 0"]],
    ["sum", ["sum 0"]],
    ["- -x", ["x 0"]],
  ] as const)("%s is understood", ([text, selections]) => {
    expect(parsePromql(text).selections.map(({ selector, windowMs }) => `${selectorText(selector)} ${windowMs}`)).toEqual(selections);
  });

  test("products go before sums, and equals from the left", () => {
    const shown = (text: string): string =>
      JSON.stringify(parsePromql(text).expression, (key, value: unknown) => (key === "selector" ? "s" : value)).replaceAll(
        /"(kind|sign|left|right|value|of|op|selector)":|"/g,
        "",
      );
    expect(shown("sum(a) - 1 - 2 * 3")).toBe("{binary,-,{binary,-,{aggregate,sum,{select,s}},{number,1}},{binary,*,{number,2},{number,3}}}");
  });

  test("a condition holds of the label as it is, and of none as of an empty one", () => {
    const { matchers } = parsePromql(`x{a="\\"q\\"\\n\\\\",b!="",c=~"5..",d!~"5.."}`).selections[0]?.selector ?? { matchers: [] };
    expect(matchers.map(({ matches }) => [matches('"q"\n\\'), matches(""), matches("500")])).toEqual([
      [true, false, false],
      [true, false, true],
      [false, false, true],
      [true, true, false],
    ]);
  });

  test.for([
    ["", 0, "found the end, expected a metric, a function or a number"],
    ["1 + 2", 0, "reads no metric"],
    ["sum(irate(x[1m]))", 4, "the function irate is not supported; did you mean rate?"],
    ["topk(3, x)", 0, "the function topk is not supported"],
    ["rate(x)", 6, "rate needs a window, for example rate(x[1m])"],
    ["rate(sum(x)[1m])", 5, "rate needs a metric with a window"],
    ["rate({a='b'}[1m])", 5, "rate needs a metric with a window"],
    ["x[1m]", 1, "a window goes inside rate(…) or increase(…)"],
    ["rate(x[1m:10s])", 6, "found the window [1m:10s], expected one from 1s to 1h"],
    ["rate(x[2h])", 6, "found the window [2h]"],
    ["rate(x[60])", 6, "found the window [60]"],
    ["rate(x[1.5m])", 6, "found the window [1.5m]"],
    ["rate(x[1m] offset 5m)", 11, 'found "offset", expected ")"'],
    ["x offset 5m", 2, 'found "offset", expected an operator or the end'],
    ["x @ 3", 2, 'found "@", expected an operator or the end'],
    ["x > 3", 2, 'found ">", expected an operator or the end'],
    ["x and y", 2, 'found "and"'],
    ["x ^ 2", 2, 'found "^"'],
    ["x % 2", 2, 'found "%"'],
    ["sum by (pod) (x)", 4, "sum by (pod) gives several series"],
    ["sum without (pod) (x)", 4, "sum without (pod) gives several series"],
    ["max by (le) (x)", 4, "max by (le) gives several series"],
    ["sum by (le) (rate(x[1m]))", 0, "sum by (le) gives several series; it goes inside histogram_quantile"],
    ["sum(sum by (le) (x))", 4, "sum needs series, found sum by (le)"],
    ["sum by (le) (sum(x))", 0, "what has no le any more"],
    ["sum by (le) (x) / 2", 16, "with sum by (le), which goes inside"],
    ["sum(3)", 4, "sum needs series, found a number"],
    ["rate(a[1m]) / rate(b[1m])", 12, "between several series: put each side in sum(…)"],
    ["a + sum(b)", 2, "between several series"],
    ["histogram_quantile(0.95, rate(x_bucket[1m]))", 25, "histogram_quantile needs sum by (le)"],
    ["histogram_quantile(95, sum by (le) (x))", 19, "needs a number from 0 to 1"],
    ["histogram_quantile(sum(x), sum by (le) (x))", 19, "needs a number from 0 to 1"],
    ['x{__name__="y"}', 2, "write the name of the metric before the {"],
    ['{a="b"}', 0, 'found "{", expected a metric'],
    ["x{a}", 3, "expected =, !=, =~ or !~ after a"],
    ["x{a=b}", 4, "expected a text in quotes"],
    ['x{a="b" c="d"}', 8, 'found "c", expected "," or "}"'],
    ['x{a="b}', 4, "a text without its closing quote"],
    ['x{a="\n"}', 4, "a text without its closing quote"],
    ['x{a=~"\\d"}', 6, "a \\ of a regular expression is written \\\\"],
    ['x{a=~"(?i)b"}', 5, 'the regular expression "(?i)b" is not supported: (? begins'],
    ["x + 5m", 4, 'found "5m", expected a decimal number'],
    ["x + 0x10", 4, 'found "0x10", expected a decimal number'],
    ["x + 1e999", 4, "larger than a number can be"],
    ["x * NaN", 4, "NaN gives no number to act on"],
    ["x * inf", 4, "inf gives no number to act on"],
    ["(x", 2, 'found the end, expected ")"'],
    ["x)", 1, 'found ")", expected an operator or the end'],
    ["x # why", 2, 'found "#"'],
    [`${"(".repeat(40)}x`, 33, "nested deeper than 32"],
    [`x${" ".repeat(2_000)}`, 0, "longer than 2000 characters"],
    [`x{${'a="b",'.repeat(21)}}`, 122, "more than 20 conditions"],
  ] as const)("%s is refused, and where", ([text, at, message]) => {
    const found = refusal(text);
    expect(found.message).toContain(message);
    expect(found.at).toBe(at);
  });
});
