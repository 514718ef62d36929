import { describe, expect, test } from "vitest";
import { type ExpositionFormat, type ExpositionSample, parseExposition } from "./exposition.ts";

function read(text: string, format: ExpositionFormat = "text", samplesMax = 100): ExpositionSample[] {
  const samples: ExpositionSample[] = [];
  parseExposition(text, { format, samplesMax, wants: (name) => name !== "unwanted" }, (sample) => samples.push(sample));
  return samples;
}

const short = ({ name, labels, value, atMs }: ExpositionSample): string =>
  `${name}${labels.map(([label, text]) => `|${label}=${text}`).join("")} ${value}${atMs === undefined ? "" : ` @${atMs}`}`;

// The example of the format's own documentation, its spacing as there.
const TEXT = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045
`;

const OPEN = `# TYPE acme_http_router_request_seconds summary
# UNIT acme_http_router_request_seconds seconds
# HELP acme_http_router_request_seconds Latency though all of ACME's HTTP request router.
acme_http_router_request_seconds_sum{path="/api/v1",method="GET"} 9036.32
acme_http_router_request_seconds_created{path="/api/v1",method="GET"} 1605281325.0
# TYPE process_cpu_seconds counter
process_cpu_seconds_total 4.20072246e+06 1520879607.789
# TYPE foo histogram
foo_bucket{le="0.1"} 8 # {} 0.054
foo_bucket{le="10"} 17 # {trace_id="oHg5SJYRHA0",span="a}\\" #"} 9.8 1520879607.789
foo_bucket{le="+Inf"} 17 123 # {trace_id="x"} 9.8
# EOF
`;

describe("the Prometheus text format", () => {
  test("reads the example of its documentation", () => {
    expect(read(TEXT).map(short)).toEqual([
      "http_requests_total|method=post|code=200 1027 @1395066363000",
      "http_requests_total|method=post|code=400 3 @1395066363000",
      'msdos_file_access_time_seconds|path=C:\\DIR\\FILE.TXT|error=Cannot find file:\n"FILE.TXT" 1458255915',
      "metric_without_timestamp_and_labels 12.47",
      "something_weird|problem=division by zero Infinity @-3982045",
    ]);
  });

  test.for([
    ["", []],
    ["\n  \n\t\n", []],
    ["# anything\n#TYPE\n# HELPLESS\n#\n# HELP a \n# HELP a some # \\n text\n# EOF\n", []],
    ["# TYPE a counter\n#\tTYPE \t b untyped \t\na 1\n", ["a 1"]],
    ['  a { b = "c" ,\td="e" , } \t 1 \t 2 \t\n', ["a|b=c|d=e 1 @2"]],
    ["a{}1\n", ["a 1"]],
    ['a{b="",c="d"} 1\n', ["a|c=d 1"]],
    ['a{b="\\x\\\\n € 😀 {},# = "} 1\n', ["a|b=\\x\\n € 😀 {},# =  1"]],
    ["a NaN\na nan\na +Inf\na -inf\na Infinity\n", ["a NaN", "a NaN", "a Infinity", "a -Infinity", "a Infinity"]],
    ["a:b_C9 1.\na .5\na -1E+3\na 0042\na 1e-400\n", ["a:b_C9 1", "a 0.5", "a -1000", "a 42", "a 0"]],
    // Nothing in the format forbids it; what comes of it is for who reads it.
    ["# TYPE a_total counter\na_total -3\n", ["a_total -3"]],
    ['unwanted{x="1"} 3\na 1\n', ["a 1"]],
  ] as const)("takes %j", ([text, expected]) => {
    expect(read(text).map(short)).toEqual(expected);
  });

  test.for([
    ["a 1", "line 1: the last line has no end: the exposition was cut"],
    ["a 1\na{b=", 'line 2: found the end of the line, expected " before the value of a label'],
    ['a 1\na{b="c', "line 2: the line ends inside the value of a label"],
    ['a{b="c\nd"} 1\n', "line 1: the line ends inside the value of a label"],
    ['a{b="c\\\nd"} 1\n', "line 1: the line ends inside the value of a label"],
    ["a 1\n# TYPE a", "line 2: the last line has no end"],
    ["a\n", "line 1: found the end of the line, expected { or a blank after the name"],
    ["a \n", "line 1: found the end of the line, expected a value"],
    ["\n\na x\n", 'line 3: found "x", expected a value'],
    ["a 0x10\n", 'found "0x10", expected a value'],
    ["a 1,5\n", 'found "1,5", expected a value'],
    ["a 1_000\n", "expected a value"],
    ["a 1e400\n", "expected a value"],
    ["a 1\r\n", "line 1: found a carriage return, expected lines that end with a line feed alone"],
    ["a 1 2\r\n", "found a carriage return"],
    ["a 1 2.5\n", 'found "2.5", expected a timestamp in milliseconds'],
    ["a 1 99999999999999999999\n", "expected a timestamp in milliseconds"],
    ["a 1 2 3\n", 'found "3", expected the end of the line'],
    ['a 1 # {x="y"} 1\n', "expected a timestamp in milliseconds"],
    ["a+1\n", 'found "+1", expected { or a blank after the name'],
    ["1a 1\n", 'found "1a 1", expected the name of a metric'],
    ["\ufeffa 1\n", "expected the name of a metric"],
    ["<html>\n", 'found "<html>", expected the name of a metric'],
    ['{"quoted.name"} 1\n', "expected the name of a metric"],
    ['a{"b"="c"} 1\n', "expected the name of a label or }"],
    ['a{b="c" d="e"} 1\n', 'found "d="e"} 1", expected , or }'],
    ["a{b=c} 1\n", 'expected " before the value of a label'],
    ['a{b:c="d"} 1\n', "expected = after the name of a label"],
    ['a{,b="c"} 1\n', "expected the name of a label or }"],
    ['a{b="1",b="1"} 1\n', "the label b a second time"],
    ['a{__name__="b"} 1\n', "a label with the name __name__"],
    ["# TYPE a countre\n", 'found the type "countre", expected one of counter, gauge'],
    ["# TYPE a\n", 'found the type "", expected one of'],
    ["# TYPE a counter gauge\n", 'found the type "counter gauge"'],
    ["# TYPE 1a counter\n", "expected the name of a metric after TYPE"],
    ["# HELP\n", "expected the name of a metric after HELP"],
  ] as const)("refuses %j", ([text, message]) => {
    expect(() => read(text)).toThrow(message);
  });

  test.for([
    ["a number that goes on and on", `a ${"1".repeat(100_000)}x\n`, "expected a value"],
    ["a number longer than any", `a ${"0".repeat(64)}1\n`, "expected a value"],
    ["blanks that go on and on", `# TYPE a ${" ".repeat(200_000)}x\n`, 'found the type "x", expected one of'],
    ["a long name", `${"b".repeat(257)} 1\n`, "a name of more than 256 characters"],
    ["a long value of a label", `a{b="${"c".repeat(1_025)}"} 1\n`, "a label of more than 1024 characters"],
    ["a long name of a label", `a{${"b".repeat(257)}="c"} 1\n`, "a label of more than 256 characters"],
    ["many labels", `a{${Array.from({ length: 65 }, (_, i) => `b${i}="c"`).join()}} 1\n`, "more than 64 labels"],
    ["many series", "a 1\n".repeat(101), "line 101: more than 100 series"],
  ] as const)("refuses %s", ([, text, message]) => {
    expect(() => read(text)).toThrow(message);
  });

  test("does not look at labels that nobody wants, but at their form", () => {
    expect(read(`unwanted{a="${"x".repeat(5_000)}",b="1",b="2"} 3\n`)).toEqual([]);
    expect(() => read("unwanted{a=} 3\n")).toThrow("line 1");
    expect(() => read("unwanted three\n")).toThrow("line 1");
  });
});

describe("OpenMetrics", () => {
  test("reads the examples of its specification", () => {
    expect(read(OPEN, "openmetrics").map(short)).toEqual([
      "acme_http_router_request_seconds_sum|path=/api/v1|method=GET 9036.32",
      "acme_http_router_request_seconds_created|path=/api/v1|method=GET 1605281325",
      "process_cpu_seconds_total 4200722.46 @1520879607789",
      "foo_bucket|le=0.1 8",
      "foo_bucket|le=10 17",
      "foo_bucket|le=+Inf 17 @123000",
    ]);
  });

  test.for([
    ["# EOF", []],
    ["a 17 123\na 18 456.5\n# EOF", ["a 17 @123000", "a 18 @456500"]],
    ["# HELP a \n# UNIT a \na 1\n# EOF\n", ["a 1"]],
    ["# TYPE a gauge\na -3\n# TYPE b counter\nb_created -1\n# EOF\n", ["a -3", "b_created -1"]],
  ] as const)("takes %j", ([text, expected]) => {
    expect(read(text, "openmetrics").map(short)).toEqual(expected);
  });

  test.for([
    ["", "line 1: the exposition ends without # EOF: it was cut"],
    ["a 1\n", "line 2: the exposition ends without # EOF: it was cut"],
    ["a 1\n# EO", "line 2: the last line has no end"],
    ["# EOF\na 1\n", 'line 2: found "a 1", expected nothing after # EOF'],
    ["# EOF\n\n", "line 2: found the end of the line, expected nothing after # EOF"],
    ["\n# EOF\n", "expected the name of a metric"],
    ["# a comment\n# EOF\n", "expected # TYPE, # HELP, # UNIT or # EOF"],
    ["# TYPE a  counter\n# EOF\n", 'found the type "counter"'],
    ["# TYPE a untyped\n# EOF\n", 'found the type "untyped", expected one of counter, gauge, histogram, gaugehistogram'],
    ["# TYPE a counter\r\n# EOF\n", 'found the type "counter", expected'],
    ["a  1\n# EOF\n", "expected a value"],
    [" a 1\n# EOF\n", "expected the name of a metric"],
    ["a 1 \n# EOF\n", "expected a timestamp in seconds"],
    ["a\t1\n# EOF\n", "expected { or a blank after the name"],
    ['a {b="c"} 1\n# EOF\n', "expected a value"],
    ['a{b="c",} 1\n# EOF\n', "expected the name of a label"],
    ['a{b= "c"} 1\n# EOF\n', 'expected " before the value'],
    ["a 1 NaN\n# EOF\n", "expected a timestamp in seconds"],
    ["a 1 # 3\n# EOF\n", "expected { of an exemplar"],
    ["a 1 # {} x\n# EOF\n", "expected a value"],
    ["a 1 # {b=1} 1\n# EOF\n", 'expected " before the value of a label'],
    ["# TYPE a counter\na_total -3\n# EOF\n", "line 2: the counter a_total is -3, expected 0 or more"],
    ["# TYPE a counter\na_total NaN\n# EOF\n", "line 2: the counter a_total is NaN"],
  ] as const)("refuses %j", ([text, message]) => {
    expect(() => read(text, "openmetrics")).toThrow(message);
  });
});
