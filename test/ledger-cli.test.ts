import { existsSync, readdirSync, renameSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FILES_POLICY, LiveFolder, until } from "./support/live-folder.ts";

let folder: LiveFolder;
beforeEach(() => {
  folder = new LiveFolder();
  folder.write("units", "4\n");
  folder.write("cpu", "0.7\n");
  folder.write("vernier.yaml", FILES_POLICY);
});
afterEach(() => folder.remove());

const vernier = (...args: string[]) => folder.vernier(...args);
const bodies = (...args: string[]): Record<string, unknown>[] =>
  vernier("ledger", "tail", "--json", ...args)
    .out.trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { body: Record<string, unknown> }).body);
const sql = (name: string, text: string): void => {
  const database = new DatabaseSync(join(folder.path, name));
  database.exec(text);
  database.close();
};
/** What was left: no half a file, nothing of the making. */
const names = (name = "."): string[] => readdirSync(join(folder.path, name)).toSorted();

describe("vernier ledger backup", () => {
  test("copies a store while its controller runs: whole, private, never over what is there, and without the key", async () => {
    const controller = await folder.start("--listen", "0");
    folder.write("cpu", "0.95\n");
    await until(() => Number(folder.read("units")) > 4);
    const taken = vernier("ledger", "backup", "one.db");
    expect(taken).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringMatching(/^one\.db: \d+ KiB, verified, up to entry \d+ of 20.*\n.*private key is not in it/),
    });
    expect(statSync(join(folder.path, "one.db")).mode & 0o777).toBe(0o600);
    const bytes = folder.read("one.db");
    expect(vernier("ledger", "backup", "one.db")).toMatchObject({ code: 2, err: expect.stringContaining("--force replaces it") });
    expect(folder.read("one.db")).toBe(bytes);
    vernier("pause", "shop/web", "--why", "a later entry");
    const again = JSON.parse(vernier("ledger", "backup", "one.db", "--force", "--json").out) as { seq: number; keys: string[]; lastAt: string };
    expect(again.keys).toHaveLength(1);
    expect(again.seq).toBeGreaterThan(Number(/up to entry (\d+)/.exec(taken.out)?.[1]));
    expect(await folder.end(controller)).toBe(0);
    expect(folder.read("one.db")).not.toContain("PRIVATE KEY");
    expect(names()).toEqual([".vernier", "cpu", "one.db", "units", "vernier.yaml"]);
    expect(vernier("ledger", "verify").code).toBe(0);
  });

  test("says why there is none, and leaves nothing half made", () => {
    expect(vernier("ledger", "backup", "one.db")).toMatchObject({ code: 3, err: expect.stringContaining('cannot read ledger ".vernier"') });
    vernier("run", "--once");
    expect(vernier("ledger", "backup", "nowhere/one.db")).toMatchObject({
      code: 3,
      err: expect.stringContaining('cannot write "nowhere/one.db": no such file'),
    });
    sql(".vernier/ledger.db", `UPDATE entries SET text = replace(text, '"dryRun":false', '"dryRun":true') WHERE seq = 1`);
    expect(vernier("ledger", "backup", "one.db")).toMatchObject({ code: 1, err: expect.stringContaining("does not follow from the entry before it") });
    expect(names()).toEqual([".vernier", "cpu", "units", "vernier.yaml"]);
  });

  test("copies what an earlier version wrote, which can be put back", () => {
    vernier("run", "--once");
    sql(".vernier/ledger.db", "DROP TABLE orders; PRAGMA user_version = 1");
    expect(vernier("status")).toMatchObject({ code: 3, err: expect.stringContaining("written by an earlier version (format 1") });
    expect(vernier("ledger", "backup", "one.db").code).toBe(0);
    expect(vernier("ledger", "restore", "one.db", "--data", "other").code).toBe(0);
    expect(vernier("run", "--once", "--data", "other").code).toBe(0);
    expect(vernier("ledger", "verify", "--data", "other").code).toBe(0);
  });
});

describe("vernier ledger restore", () => {
  test("puts a copy into its folder, says what would be acted upon and what is gone, and the chain goes on", () => {
    vernier("run", "--once");
    vernier("set", "shop/web", "9", "--why", "sale", "--who", "ana", "--for", "2h");
    vernier("ledger", "backup", "one.db");
    // An order that has run out since.
    sql("one.db", `UPDATE orders SET text = json_set(text, '$.pause', json('{"who":"bo","why":"short","atMs":1,"untilMs":2}'))`);
    const { seq } = JSON.parse(vernier("ledger", "backup", "two.db", "--json").out) as { seq: number };
    vernier("release", "shop/web", "--why", "over", "--who", "ana");
    vernier("run", "--once");
    expect(vernier("ledger", "restore", "one.db")).toMatchObject({ code: 3, err: expect.stringContaining("has a ledger already, which is not replaced") });
    for (const name of names(".vernier").filter((one) => one.startsWith("ledger.db"))) renameSync(join(folder.path, ".vernier", name), join(folder.path, name));
    const { code, out } = vernier("ledger", "restore", "one.db", "--who", "eve");
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`entries ${seq + 1} to \\d+ were written after this copy and are gone`));
    expect(out).toMatch(/stands {2}shop\/web {2}set to 9 units, by ana: sale \(until 20/);
    expect(out).toContain("the key of this folder is the one that signed it");
    expect(out).not.toContain("by bo");
    expect(bodies("--count", "1")[0]).toMatchObject({ kind: "restored", who: "eve", fromSeq: seq });
    expect(vernier("status").out).toContain("the controller has ended");
    // Checkpoints of the chain that is gone are no witnesses of this one.
    expect(names(".vernier").filter((name) => name.startsWith("checkpoints"))).toEqual([expect.stringMatching(/^checkpoints-until-20.*\.ndjson$/)]);
    vernier("run", "--once");
    expect(folder.read("units")).toBe("9\n");
    expect(vernier("ledger", "verify", "--witness", ".vernier/checkpoints.ndjson").code).toBe(0);
    expect(vernier("ledger", "replay").code).toBe(0);
    expect(existsSync(join(folder.path, `.vernier/restoring-${process.pid}`))).toBe(false);
  });

  test("goes on with another key in another folder, and verify shows both", () => {
    vernier("run", "--once");
    vernier("ledger", "backup", "one.db");
    const first = JSON.parse(vernier("ledger", "restore", "one.db", "--data", "other", "--json").out) as { key: string; signer: string };
    expect(first.key).toBe("none");
    expect(vernier("run", "--once", "--data", "other").code).toBe(0);
    const verified = JSON.parse(vernier("ledger", "verify", "--data", "other", "--json").out) as { keys: string[]; problems: unknown[]; checkpoints: number };
    expect(verified).toMatchObject({ problems: [], checkpoints: 2 });
    expect(verified.keys).toHaveLength(2);
    expect(verified.keys[0]).toBe(first.signer);
    expect(vernier("ledger", "verify", "--data", "other", "--key", first.signer)).toMatchObject({
      code: 1,
      out: expect.stringContaining("not one of those given"),
    });
    vernier("ledger", "export", "--data", "other", "--out", "all.ndjson");
    expect(folder.run(process.execPath, resolve("dist/verify-ledger.js"), "all.ndjson", ...verified.keys).code).toBe(0);
    // Checkpoints of what came after it say what is missing.
    expect(vernier("ledger", "restore", "one.db", "--data", "third", "--witness", "other/checkpoints.ndjson")).toMatchObject({
      code: 0,
      out: expect.stringContaining("were written after this copy and are gone"),
    });
    sql("one.db", `UPDATE entries SET text = replace(text, '"kind":"start"', '"kind":"other"')`);
    expect(vernier("ledger", "restore", "one.db", "--data", "fourth")).toMatchObject({ code: 1, err: expect.stringContaining("[ledger_damaged]") });
    expect(names("fourth").filter((name) => !name.startsWith("lock"))).toEqual([]);
  });

  test("shows steps of which the copy does not say what came of them; the next start looks at what is there", async () => {
    folder.write(
      "vernier.yaml",
      FILES_POLICY.replace("{type: file, path: units}", '{type: exec, observe: [cat, units], set: [sh, set.sh, "{units}"], timeout: 20s}'),
    );
    folder.write("set.sh", "echo begun > begun; sleep 20\n");
    folder.write("cpu", "0.95\n");
    const controller = await folder.start("--listen", "0");
    await until(() => existsSync(join(folder.path, "begun")));
    vernier("ledger", "backup", "one.db");
    await folder.end(controller, "SIGKILL");
    const { out } = vernier("ledger", "restore", "one.db", "--data", "other");
    expect(out).toMatch(/open {2}shop\/web {2}4 -> 6 units\nnobody knows what came of these steps/);
    folder.write("set.sh", "echo $1 > units\n");
    folder.write("units", "6\n");
    folder.write("cpu", "0.7\n");
    vernier("run", "--once", "--data", "other");
    expect(bodies("--data", "other").find(({ kind }) => kind === "outcome")).toMatchObject({ outcome: "applied", message: "found 6 units" });
    expect(folder.read("units")).toBe("6\n");
  });

  test("refuses what is no copy of ours, and what checkpoints kept elsewhere contradict", () => {
    folder.write("garbage.db", "no database at all, and long enough to be looked at as one".repeat(100));
    expect(vernier("ledger", "restore", "garbage.db")).toMatchObject({ code: 3, err: expect.stringContaining("damaged") });
    expect(vernier("ledger", "restore", "nothing.db")).toMatchObject({ code: 3, err: expect.stringContaining("no such file") });
    expect(existsSync(join(folder.path, ".vernier"))).toBe(false);
    vernier("run", "--once");
    vernier("ledger", "backup", "one.db");
    folder.write("raw.db", "");
    folder.write("raw.db-wal", "what a copy of the first file alone would lose");
    expect(vernier("ledger", "restore", "raw.db", "--data", "new")).toMatchObject({ code: 1, err: expect.stringContaining("[not_a_backup]") });
    vernier("run", "--once", "--data", "other");
    for (const name of names("other").filter((one) => one.startsWith("ledger.db"))) renameSync(join(folder.path, "other", name), join(folder.path, name));
    expect(vernier("ledger", "restore", "one.db", "--data", "other")).toMatchObject({ code: 1, err: expect.stringContaining("checkpoint kept elsewhere") });
    expect(names("other")).not.toContain("ledger.db");
    sql("one.db", "PRAGMA user_version = 99");
    expect(vernier("ledger", "restore", "one.db", "--data", "new")).toMatchObject({ code: 3, err: expect.stringContaining("later version (format 99") });
  });
});

describe("a disk without space", () => {
  test("ends the controller before it does anything that it could not record; the next one goes on", () => {
    const limited = (blocks: number) =>
      folder.run("sh", "-c", `ulimit -f ${blocks} && exec "${process.execPath}" "${resolve("dist/cli/main.cjs")}" run --listen off`);
    vernier("run", "--once");
    // In blocks of 512 bytes: enough to begin, and not for many ticks.
    expect(limited(64)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/cannot write the ledger, so nothing more is done; "\.vernier": the disk gives an error/),
    });
    folder.write("cpu", "0.95\n");
    for (const blocks of [20, 36, 52]) {
      expect(limited(blocks), String(blocks)).toMatchObject({ code: 3, err: expect.stringContaining("the disk gives an error") });
      const begun = bodies("--count", "1000").filter(({ kind }) => kind === "intent");
      const units = Number(folder.read("units"));
      // Whatever could not be written was not done.
      if (begun.length === 0) expect(units).toBe(4);
      else expect(begun.map((intent) => (intent["do"] as { units: number }).units)).toContain(units);
    }
    expect(vernier("run", "--once").code).toBe(0);
    expect(vernier("ledger", "verify").code).toBe(0);
    expect(vernier("ledger", "replay").code).toBe(0);
  });

  test("says once what is never forgotten and takes more than it may", () => {
    vernier("run", "--once");
    sql(
      ".vernier/ledger.db",
      "INSERT INTO policies WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT 'x' || i, hex(randomblob(25000)) FROM n",
    );
    expect(vernier("run", "--once", "--disk-budget", "16MiB").out).toMatch(/"\.vernier" takes \d+(\.\d)? MiB, more than the disk budget of 16 MiB/);
    expect(vernier("run", "--once", "--disk-budget", "1GiB").out).not.toContain("disk budget");
  });

  test("takes no budget and no retention that could not be kept", () => {
    for (const [option, value, said] of [
      ["--disk-budget", "10GB", "expected a size of at least 16 MiB such as 10GiB"],
      ["--disk-budget", "1MiB", "expected a size of at least 16 MiB"],
      ["--retention", "30m", "expected a duration of at least 1h such as 7d"],
      ["--retention", "long", "expected a duration"],
    ] as const)
      expect(vernier("run", "--once", option, value), value).toMatchObject({ code: 2, err: expect.stringContaining(said) });
    expect(existsSync(join(folder.path, ".vernier"))).toBe(false);
  });
});
