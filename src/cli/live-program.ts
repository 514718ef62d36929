import type { Command } from "commander";

/** Options that may come several times. */
export const collect = (value: string, before: string[]): string[] => [...before, value];

/** Load from us, to see what a service can take. */
export function addLoadCommand(vernier: Command): void {
  vernier
    .command("load")
    .description("put load on a service")
    .command("play")
    .description("send requests when they are due, whatever became of those before, and say what they took")
    .argument("[target...]", "addresses such as http://127.0.0.1:8080/; one after the other gets a request")
    .option("--endpoints <file>", "who there is instead, from a file that is read again as it changes")
    .option("--path <path>", "for --endpoints; / when left out")
    .option("--rate <rate|max>", "the same all the time, such as 200/s; max: as fast as answers come")
    .option("--steps <rates>", "one rate after the other, such as 100/s,200/s,400/s")
    .option("--each <duration>", "for --steps: how long each goes on; 30s when left out")
    .option("--ramp <from..to>", "evenly from one rate to another, such as 10/s..500/s")
    .option("--trace <file>", "as it was recorded: any recording that simulate reads")
    .option("--speed <times>", "for --trace: so many times as fast; 1 when left out")
    .option("--peak-rate <rate>", "for --trace: scale it so that its highest bin is this")
    .option("--from <duration>", "for --trace: where to begin, from its beginning")
    .option("--to <duration>", "for --trace: where to end, from its beginning")
    .option("--for <duration>", "how long; 30s, or as long as a recording or steps take, when left out")
    .option("--random", "random gaps between requests, as of many users, instead of even ones")
    .option("--seed <n>", "for --random; 1 when left out")
    .option("--connections <n>", "to each target, at most", "128")
    .option("--timeout <duration>", "a request without an answer by then has failed", "10s")
    .option("--header <text>", 'a header, such as "X-Team: shop"; repeatable', collect, [] as string[])
    .option("--threads <n>", "threads to send from", "1")
    .option("--out <file.csv>", "write every second to a file, too")
    .option("--force", "for --out: replace an existing file")
    .option("--json", "print the whole as JSON")
    .action(async (targets, options) => (await import("./commands/load.ts")).runLoadPlay(targets, options));
}

/** The first five minutes. */
export function addDemoCommand(vernier: Command, version: string): void {
  vernier
    .command("demo")
    .description("three fleets of real processes on this machine under the load of a match day: fixed, doubling, small steps")
    .option("--speed <times>", "so many times as fast as it was", "72")
    .option("--from <duration>", "where in the recording to begin", "13h")
    .option("--for <duration>", "how long; until it is ended when left out")
    .option("--listen <port>", "port of the local API; 7461, or any that is free, when left out")
    .option("--json", "print only the result, as JSON")
    .action(async (options) => (await import("./commands/demo.ts")).runDemo({ ...options, version }));
}

/** The commands of the live loop: run it, look at it, tell it what to do, prove what it did. */
export function addLiveCommands(vernier: Command, version: string): void {
  vernier
    .command("run")
    .description("read real metrics, decide, write down why, and change real capacity where the policy says mode: live")
    .argument("[policy...]", "policy files or folders", ["vernier.yaml"])
    .option("--data <folder>", "ledger, key and history", ".vernier")
    .option("--dry-run", "nothing is changed and nothing kept: every workload is at most in shadow")
    .option("--once", "one tick, then end")
    .option("--disk-budget <size>", "the store may take so much; beyond it observations go, oldest first, entries never", "10GiB")
    .option("--retention <duration>", "how long observations are kept", "7d")
    .option("--listen <port|off>", "port of the local API; 7461, or any that is free, when left out")
    .option("--json", "print events as NDJSON")
    .action(async (policies, options) => (await import("./commands/run.ts")).runRun(policies, { ...options, version }));

  vernier
    .command("status")
    .description("what a controller last saw and did, from another terminal")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .option("--watch", "print it again every two seconds, until it is ended")
    .option("--json", "print it as JSON")
    .action(async (options) => (await import("./commands/status.ts")).runStatus(options));

  vernier
    .command("notify")
    .description("look after whom vernier run notifies")
    .command("test")
    .description("send one test notice to everyone whom policies notify, and say who took it")
    .argument("[policy...]", "policy files or folders", ["vernier.yaml"])
    .option("--json", "print the result as JSON")
    .action(async (policies, options) => (await import("./commands/notify.ts")).runNotifyTest(policies, options));

  const orders = [
    ["pause", "take no step of its own, not even to its bounds, until it is resumed"],
    ["resume", "end a pause"],
    ["hold-in", "take nothing away until it is released"],
    ["set", "have so many units, whatever load does, until it is released"],
    ["release", "end set and hold-in"],
    ["approve", "agree to the step that waits for approval (mode: approve)"],
  ] as const;
  for (const [name, description] of orders) {
    const command = vernier.command(name).description(`${description}; written down with who and why`).argument("<workload>", "such as shop/web");
    if (name === "set") command.argument("<units>", "number of units");
    command
      .requiredOption("--why <text>", "why; it is written down")
      .option("--who <name>", "who orders it; you at this machine when left out")
      .option("--data <folder>", "data folder of vernier run", ".vernier");
    if (name === "pause" || name === "hold-in" || name === "set")
      command.option("--for <duration>", "how long, such as 2h").option("--until <time>", "until an instant");
    command.action(async (...given: unknown[]) => {
      const [workload, units] = given as string[];
      const { runOrder } = await import("./commands/order.ts");
      await runOrder(name, workload as string, command.opts(), name === "set" ? units : undefined);
    });
  }

  const units = vernier.command("units").description("processes of workloads with target: {type: process}, also when no controller runs");
  units
    .command("list")
    .description("every process, with what it does and uses")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .option("--json", "print them as JSON")
    .action(async (options) => (await import("./commands/units.ts")).runUnitsList(options));
  units
    .command("stop")
    .description("drain and end all processes of a workload, or of all; not while a controller runs")
    .argument("[workload]", "workload id; all when left out")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .action(async (workload, options) => (await import("./commands/units.ts")).runUnitsStop(workload, options));

  const ledger = vernier.command("ledger").description("the record of what was decided and done, which cannot be edited unnoticed");
  ledger
    .command("verify")
    .description("check an export, or the ledger of a data folder: every entry, its place, and what was signed")
    .argument("[export]", "file that ledger export wrote; the data folder when left out")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .option("--key <base64>", "only this public key may sign; repeatable", collect, [] as string[])
    .option("--witness <file>", "checkpoints that were kept elsewhere, one a line; repeatable", collect, [] as string[])
    .option("--json", "print the result as JSON")
    .action(async (file, options) => (await import("./commands/ledger.ts")).runLedgerVerify(file, options));
  ledger
    .command("export")
    .description("the last signed checkpoint and every entry that it covers, one a line")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .option("--out <file>", "write a file instead of standard output")
    .action(async (options) => (await import("./commands/ledger.ts")).runLedgerExport(options));
  ledger
    .command("replay")
    .description("run recorded observations through the recorded policies again: the same decisions, byte for byte, or what differs")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .option("--from <time>", "an instant such as 2026-11-23T04:00:00Z")
    .option("--to <time>", "an instant")
    .option("--json", "print the result as JSON")
    .action(async (options) => (await import("./commands/ledger.ts")).runLedgerReplay(options));
  ledger
    .command("tail")
    .description("the last entries")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .option("--count <n>", "how many", "20")
    .option("--json", "print entries as they were hashed")
    .action(async (options) => (await import("./commands/ledger.ts")).runLedgerTail(options));
  ledger
    .command("backup")
    .description("copy the store of a data folder into one file, also while a controller runs; the private key is not in it")
    .argument("<file>", "where to")
    .option("--data <folder>", "data folder of vernier run", ".vernier")
    .option("--force", "replace an existing file")
    .option("--json", "print the result as JSON")
    .action(async (file, options) => (await import("./commands/backup.ts")).runLedgerBackup(file, options));
  ledger
    .command("restore")
    .description("put a backup into a data folder that has no ledger, verified, and say what of it would be acted upon")
    .argument("<file>", "file that ledger backup wrote")
    .option("--data <folder>", "data folder for vernier run", ".vernier")
    .option("--witness <file>", "checkpoints that were kept elsewhere, one a line; repeatable", collect, [] as string[])
    .option("--who <name>", "who restores it; you at this machine when left out")
    .option("--json", "print the result as JSON")
    .action(async (file, options) => (await import("./commands/backup.ts")).runLedgerRestore(file, options));
}
