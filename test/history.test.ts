import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { FakePrometheus, json, matrix, type Script, type Series, valuesOf } from "./support/fake-prometheus.ts";
import { type Outcome, outcomeOf } from "./support/outcome.ts";

const MAIN = resolve("dist/cli/main.cjs");
const folder = mkdtempSync(join(tmpdir(), "vernier-history-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the built command line while servers of this process go on answering. */
function vernier(args: readonly string[], { env = {}, stop }: { env?: Record<string, string>; stop?: Promise<unknown> } = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { ...process.env, FORCE_COLOR: undefined, XDG_CACHE_HOME: join(folder, "cache"), ...env },
  });
  stop?.then(
    () => child.kill("SIGKILL"),
    () => child.kill("SIGKILL"),
  );
  return outcomeOf(child);
}

async function withFake<T>(series: Series, script: Script | undefined, use: (url: string, fake: FakePrometheus) => Promise<T>): Promise<T> {
  const fake = new FakePrometheus(series, script);
  try {
    return await use(`http://${await fake.listen()}`, fake);
  } finally {
    await fake.close();
  }
}

const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const wave: Series = (at) => String(100 + Math.round(50 * Math.sin(at / 7_000)));
/** Three chunks of a minute's step. */
const LONG = ["--query", "sum(rate(x[1m]))", "--from", "2026-10-01", "--to", "2026-10-18", "--step", "1m"];
const DAY = ["--query", "sum(rate(x[1m]))", "--from", "2026-11-20", "--to", "2026-11-21", "--step", "1m"];

describe("fetch prometheus", () => {
  test("writes a recording that every command reads, with where it came from", async () => {
    await withFake(wave, undefined, async (url) => {
      const { code, out, err } = await vernier(["fetch", "prometheus", "--url", `${url}/graph`, ...LONG, "--out", "a.csv"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("24480 bins of 1m from 2026-10-01T00:00:00Z to 2026-10-18T00:00:00Z (17d), nothing missing");
      const rows = read("a.csv").trimEnd().split("\n");
      expect(rows).toHaveLength(24_481);
      // The bin that begins at midnight is what the query says a minute later, looking back.
      expect(rows[1]).toBe(`2026-10-01T00:00:00Z,${wave(Date.UTC(2026, 9, 1) / 1_000 + 60)}`);
      expect(JSON.parse(read("a.csv.meta.json"))).toMatchObject({
        semantics: "rate",
        interval_seconds: 60,
        provenance: { source: "prometheus", url, query: "sum(rate(x[1m]))", step: "1m", warnings: [], prometheusVersion: "9.9.9-fake" },
      });
      expect(existsSync(join(folder, "a.csv.partial"))).toBe(false);
      expect((await vernier(["simulate", resolve("examples/world-cup"), "--trace", "a.csv", "--peak-units", "30"])).code).toBe(0);
    });
  });

  test("goes on after it was killed, with the same bytes, and after a line was cut", async () => {
    let release = (): void => {};
    const killed = new Promise<void>((done) => {
      release = done;
    });
    await withFake(
      wave,
      // The second chunk is never answered: the process dies waiting for it.
      (_, __, times) => {
        if (times === 2) release();
        return times === 2;
      },
      async (url, fake) => {
        const args = ["fetch", "prometheus", "--url", url, ...LONG, "--out", "killed.csv"];
        expect((await vernier(args, { stop: killed })).code).toBe(null);
        expect(existsSync(join(folder, "killed.csv"))).toBe(false);
        expect(read("killed.csv.partial").trimEnd().split("\n")).toHaveLength(2);
        appendFileSync(join(folder, "killed.csv.partial"), '{"query":0,"first":11000,"val');
        const { code, err } = await vernier(args);
        expect({ code, err }).toEqual({ code: 0, err: "going on with killed.csv.partial: 44 % were read before\n" });
        expect(fake.asked.map(({ points }) => points)).toEqual([11_000, 11_000, 11_000, 2_480]);
        expect(read("killed.csv")).toBe(read("a.csv"));
        expect(existsSync(join(folder, "killed.csv.partial"))).toBe(false);
      },
    );
  });

  test("keeps what it has when the server gives up, and goes on in the same range though now has moved", async () => {
    let isDown = true;
    await withFake(
      wave,
      (_, response, times) => {
        if (isDown && times > 1) response.writeHead(503, { "retry-after": "600" }).end();
        return isDown && times > 1;
      },
      async (url, fake) => {
        const args = ["fetch", "prometheus", "--url", url, "--query", "x", "--from", "now-2d", "--step", "10s", "--out", "moving.csv"];
        const first = await vernier(args);
        expect(first.code).toBe(3);
        expect(first.err).toMatch(/kept in moving\.csv\.partial; the same command goes on[\s\S]*answered 503, and asks to wait 600 s/);
        isDown = false;
        const { code, err } = await vernier(args);
        expect(code).toBe(0);
        expect(err).toContain("the range is that of the attempt at");
        expect(fake.asked.at(-1)?.end).toBe(fake.asked[1]?.end);
        const other = ["fetch", "prometheus", "--url", url, "--query", "y", ...args.slice(6)];
        expect((await vernier(other)).code).toBe(0);
      },
    );
  });

  test("makes a load of utilisation and ready units, and never of a hole", async () => {
    const series: Script = (asked, response) => {
      const values: Series = (at) => {
        const minute = Math.round((at - Date.UTC(2026, 10, 20) / 1_000) / 60);
        if (minute <= 10 || (minute > 100 && minute <= 130)) return undefined;
        if (asked.query === "ready") return minute > 500 && minute <= 505 ? undefined : "20";
        if (asked.query === "queue") return String(minute);
        return minute === 200 ? "NaN" : minute > 300 && minute <= 310 ? "0.97" : "0.5";
      };
      json(response, 200, matrix(valuesOf(values, asked), {}, { warnings: ["store b is away"] }));
      return true;
    };
    await withFake(wave, series, async (url) => {
      const args = ["fetch", "prometheus", "--url", url, "--query", "cpu", ...DAY.slice(2), "--out", "u.csv", "--measures", "utilisation"];
      const { code, out, err } = await vernier([...args, "--ready-query", "ready", "--column", "queue=queue", "--json"]);
      expect({ code, err }).toEqual({ code: 0, err: `warning: ${url}: store b is away\n` });
      const summary = JSON.parse(out);
      expect(summary).toMatchObject({
        schemaVersion: 1,
        semantics: "utilisation",
        begins: "2026-11-20T00:10:00Z",
        bins: 1_430,
        missingBins: 36, // 30 without a point, 1 NaN, 5 without ready units
        censoredBins: 10,
        provenance: { readyQuery: "ready", columns: { queue: "queue" }, warnings: ["store b is away"] },
      });
      expect(summary.notes.join("\n")).toMatch(
        /nothing before 2026-11-20T00:10:00Z[\s\S]*1 values of utilisation are NaN[\s\S]*not scored[\s\S]*10 of 1430 bins show 95 %/,
      );
      expect(read("u.csv").split("\n").slice(0, 2)).toEqual(["time,utilisation,ready,queue", "2026-11-20T00:10:00Z,0.5,20,11"]);
      expect(read("u.csv")).toContain("\n2026-11-20T01:40:00Z,,,\n");
    });
  });

  test("gets in with headers, tokens and passwords, and writes none of them down", async () => {
    const secrets = ["tok-4711-secret", "pass-4711-word", "head-4711-er"];
    writeFileSync(join(folder, "token"), `${secrets[0]}\n`);
    writeFileSync(join(folder, "password"), `${secrets[1]}\n`);
    // Renewed while reading, as a sidecar would.
    const renew: Script = () => {
      writeFileSync(join(folder, "token"), "tok-4712-secret");
      return false;
    };
    await withFake(wave, renew, async (url, fake) => {
      const args = ["fetch", "prometheus", "--url", url, ...LONG, "--out", "auth.csv", "--json"];
      const bearer = await vernier([...args, "--bearer-file", "token", "--header", `X-Key: ${secrets[2]}`, "--header-env", "X-Scope-OrgID=TENANT"], {
        env: { TENANT: "team-a" },
      });
      expect(bearer.code).toBe(0);
      expect(fake.asked.map(({ headers }) => headers["authorization"])).toEqual([`Bearer ${secrets[0]}`, "Bearer tok-4712-secret", "Bearer tok-4712-secret"]);
      expect(fake.asked[0]?.headers).toMatchObject({ "x-key": secrets[2], "x-scope-orgid": "team-a" });
      const basic = await vernier([...args, "--basic-user", "ann", "--password-file", "password"]);
      expect(basic.code).toBe(0);
      expect(fake.asked.at(-1)?.headers["authorization"]).toBe(`Basic ${Buffer.from(`ann:${secrets[1]}`).toString("base64")}`);
      for (const text of [bearer.out, bearer.err, basic.out, basic.err, read("auth.csv"), read("auth.csv.meta.json")])
        for (const secret of secrets) expect(text).not.toContain(secret);
    });
    const refuse: Script = ({ headers }, response, times) => {
      if (times > 1) response.writeHead(401).end(String(headers["authorization"]));
      return times > 1;
    };
    await withFake(wave, refuse, async (url) => {
      const { code, err } = await vernier(["fetch", "prometheus", "--url", url, ...LONG, "--out", "denied.csv", "--bearer-file", "token"]);
      expect(code).toBe(3);
      expect(err).toContain("answered 401");
      for (const text of [err, read("denied.csv.partial")]) expect(text).not.toContain("4712");
    });
  });

  test.for([
    ["no address", [...DAY], 2, "--url: say where"],
    ["a password in the address", ["--url", "http://ann:pw-4711@h:9", ...DAY], 2, "--password-file"],
    ["a parameter in the address", ["--url", "http://h:9/?a=1", ...DAY], 2, "no ? and no #"],
    ["another scheme", ["--url", "ftp://h/", ...DAY], 2, "expected such as http://"],
    ["no query", ["--url", "http://127.0.0.1:9", "--from", "-1d"], 2, "--query: say"],
    ["no beginning", ["--url", "http://127.0.0.1:9", "--query", "x"], 2, "--from: say"],
    ["a time that is none", ["--url", "http://127.0.0.1:9", "--query", "x", "--from", "yesterday"], 2, 'found "yesterday"'],
    ["an end before the beginning", ["--url", "http://127.0.0.1:9", "--query", "x", "--from", "-1d", "--to", "-2d"], 2, "is not before"],
    ["a step that is too long", ["--url", "http://127.0.0.1:9", "--query", "x", "--from", "-1h", "--step", "1d"], 2, "no whole step"],
    ["millions of steps", ["--url", "http://127.0.0.1:9", "--query", "x", "--from", "-52w", "--step", "1s"], 2, "larger --step"],
    ["two ways in", ["--url", "http://127.0.0.1:9", ...DAY, "--bearer-file", "t", "--header", "Authorization: x"], 2, "exclude each other"],
    ["a header without a name", ["--url", "http://127.0.0.1:9", ...DAY, "--header", "pw-4711"], 2, "Name: value"],
    ["a header with a line break", ["--url", "http://127.0.0.1:9", ...DAY, "--header", "a: pw-4711\r\nb: c"], 2, "cannot be sent"],
    ["utilisation without ready units", ["--url", "http://127.0.0.1:9", ...DAY, "--measures", "utilisation"], 2, "needs --ready-query"],
    ["a column without a query", ["--url", "http://127.0.0.1:9", ...DAY, "--column", "queue"], 2, "NAME=QUERY"],
    ["a column that is there", ["--url", "http://127.0.0.1:9", ...DAY, "--column", "time=x"], 2, "is taken"],
    ["a token that cannot be read", ["--url", "http://127.0.0.1:9", ...DAY, "--bearer-file", "nowhere"], 3, 'cannot read "nowhere"'],
    ["a port where nobody is", ["--url", "http://127.0.0.1:9", ...DAY], 3, "http://127.0.0.1:9: connection refused"],
    ["a file that was not fetched", ["--url", "http://127.0.0.1:9", ...DAY, "--out", "mine.csv"], 2, "--force replaces it"],
    ["standard output", ["--url", "http://127.0.0.1:9", ...DAY, "--out", "-"], 2, "needs a file"],
  ] as const)("refuses %s", async ([, args, code, said]) => {
    writeFileSync(join(folder, "mine.csv"), "0,1\n");
    const outcome = await vernier(["fetch", "prometheus", ...args]);
    expect(outcome).toMatchObject({ code, out: "", err: expect.stringContaining(said) });
    expect(outcome.err).not.toContain("4711");
    expect(outcome.err).not.toContain("bug");
  });

  test.for([
    [
      "several series",
      1,
      "sum(",
      (response) =>
        json(response, 200, {
          status: "success",
          data: {
            resultType: "matrix",
            result: [
              { metric: { a: "1" }, values: [] },
              { metric: { a: "2" }, values: [] },
            ],
          },
        }),
    ],
    ["a slip in the query", 2, "parse error", (response) => json(response, 400, { status: "error", errorType: "bad_data", error: "1:4: parse error" })],
    ["only NaN", 1, "no bin has a value", (response) => json(response, 200, matrix([[Date.UTC(2026, 10, 20, 1) / 1_000, "NaN"]]))],
  ] as const satisfies readonly (readonly [string, number, string, (response: Parameters<Script>[1]) => void])[])(
    "says what to do about %s, and leaves nothing behind",
    async ([, code, said, answer]) => {
      const script: Script = (_, response) => {
        answer(response);
        return true;
      };
      await withFake(wave, script, async (url) => {
        const outcome = await vernier(["fetch", "prometheus", "--url", url, ...DAY, "--out", "none.csv"]);
        expect(outcome).toMatchObject({ code, err: expect.stringContaining(said) });
        for (const name of ["none.csv", "none.csv.meta.json", "none.csv.partial"]) expect(existsSync(join(folder, name))).toBe(false);
      });
    },
  );
});

describe("on a history", () => {
  test("simulate reads it once into the cache, and says the same of the file", async () => {
    writeFileSync(join(folder, "vernier.yaml"), readFileSync("examples/small-steps/vernier.yaml"));
    await withFake(wave, undefined, async (url, fake) => {
      const args = ["simulate", "--prometheus", url, ...DAY, "--peak-units", "20", "--json"];
      const first = await vernier(args);
      expect(first).toMatchObject({ code: 0, err: expect.stringMatching(/kept in .*cache\/vernier\/prometheus-\w+\.csv/) });
      const again = await vernier(args);
      expect(again).toMatchObject({ code: 0, out: first.out, err: expect.stringContaining("read before") });
      expect(fake.asked).toHaveLength(1);
      const { trace } = JSON.parse(first.out);
      expect((await vernier(["simulate", "--trace", trace.file, "--peak-units", "20", "--json"])).out).toBe(first.out);
      // What is suggested next reads the file, not the server.
      const text = await vernier(["simulate", "--prometheus", url, ...DAY, "--peak-units", "20", "--out", "kept.csv"]);
      expect(text.out).toContain("vernier explain --at worst --trace kept.csv");
    });
  });

  test("compare sets engines side by side", async () => {
    await withFake(wave, undefined, async (url) => {
      const { code, out } = await vernier(["compare", "--prometheus", url, ...DAY, "--peak-units", "20", "--out", "compared.csv", "--engine", "static:20"]);
      expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining("compared.csv") });
      expect(out).toContain("static:20");
    });
  });

  test("its options alone are refused, and so is a second recording", async () => {
    expect(await vernier(["simulate", "--query", "x"])).toMatchObject({ code: 2, err: expect.stringContaining("--query is for a history") });
    expect(await vernier(["compare", "--peak-units", "2", "--trace", "a.csv", "--ca", "x"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--ca is for"),
    });
    expect(await vernier(["simulate", "--trace", "a.csv", "--prometheus", "http://h"])).toMatchObject({ code: 2, err: expect.stringContaining("exclude") });
  });
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) process.stderr.write("no openssl found: TLS to sources was not tested\n");

test.skipIf(!hasOpenssl)("trusts the authority it is told to, shows its certificate, and skips nothing unasked", async () => {
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  openssl(...request, "-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "server.key", "-out", "server.pem");
  openssl(...request, "-subj", "/CN=vernier", "-keyout", "client.key", "-out", "client.pem");
  const tls = { cert: read("server.pem"), key: read("server.key"), ca: read("client.pem"), requestCert: true, rejectUnauthorized: false };
  const names: unknown[] = [];
  const fake = new FakePrometheus(
    wave,
    (_, response) => {
      names.push((response.socket as unknown as { getPeerCertificate(): { subject?: { CN: string } } }).getPeerCertificate().subject?.CN);
      return false;
    },
    tls,
  );
  const url = `https://${await fake.listen()}`;
  try {
    const args = ["fetch", "prometheus", "--url", url, ...DAY, "--out", "tls.csv"];
    expect(await vernier(args)).toMatchObject({ code: 3, err: expect.stringMatching(/self-signed certificate\n.*--ca/) });
    expect(await vernier([...args, "--ca", "client.pem"])).toMatchObject({ code: 3 });
    expect(await vernier([...args, "--ca", "server.pem"])).toMatchObject({ code: 0, err: "" });
    expect(await vernier([...args, "--ca", "server.pem", "--cert", "client.pem", "--key", "client.key"])).toMatchObject({ code: 0, err: "" });
    expect(await vernier([...args, "--insecure-skip-verify"])).toMatchObject({ code: 0, err: expect.stringContaining("warning: --insecure-skip-verify") });
    expect(await vernier([...args, "--ca", "server.pem", "--key", "client.key"])).toMatchObject({ code: 2, err: expect.stringContaining("belong together") });
    expect(names).toEqual([undefined, "vernier", undefined]);
  } finally {
    await fake.close();
  }
});
