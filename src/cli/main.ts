#!/usr/bin/env node
import { Command, CommanderError, Option } from "commander";
import { addDemoCommand, addLiveCommands, addLoadCommand, collect } from "./live-program.ts";

// Only what --help shows is loaded here; every command body comes with its own import().

/** Exit codes: 0 done, 1 found problems, 2 wrong usage, 3 cannot open or reach, 70 a bug of ours. */
const EXIT = { done: 0, found: 1, usage: 2, environment: 3, bug: 70 } as const;

declare const VERSION: string;

function program(): Command {
  const vernier = new Command("vernier")
    .description("Capacity that follows demand in small, explained steps, proven on recorded traffic first.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .showHelpAfterError("(--help says more)")
    .exitOverride();

  vernier
    .command("init")
    .description("write a commented policy to start from")
    .argument("[kind]", "web, worker or static")
    .option("--from <hpa.yaml>", "make it from a manifest of Kubernetes' HPA: at least what the HPA does")
    .option("--from-trace <requests.csv>", "propose it from a recording, with the evidence")
    .option("--peak-units <n>", "for --from-trace: units that the peak of the recording needs")
    .option("--output <file>", "where to write it; - for standard output", "vernier.yaml")
    .option("--force", "replace an existing file")
    .action(async (kind, options) => (await import("./commands/init.ts")).runInit(kind, options));

  vernier
    .command("check")
    .description("report every problem of a policy, and what is legal but unwise")
    .argument("[policy...]", "policy files or folders", ["vernier.yaml"])
    .option("--trace <file>", "a recording to check the policy against")
    .option("--strict", "warnings count as problems (exit 1)")
    .option("--live", "also ask every source and target once, as vernier run would, and change nothing")
    .option("--json", "print the problems as JSON")
    .action(async (policies, options) => (await import("./commands/check.ts")).runCheck(policies, options));

  const fetch = historyOptions(
    vernier
      .command("fetch")
      .description("read a history of load from where it is kept, into a recording")
      .command("prometheus")
      .description("read a history of load from Prometheus into a recording; what was read survives errors and interruptions")
      .option("--url <url>", "where Prometheus is, such as http://localhost:9090"),
    "history.csv",
  )
    .option("--measures <kind>", "what the query gives: rate, or utilisation (needs --ready-query)")
    .option("--json", "print a summary as JSON");
  fetch.optionsGroup("To get in:");
  for (const option of accessOptions()) fetch.addOption(option);
  fetch.action(async (options) => (await import("./commands/fetch.ts")).runFetchPrometheus(options));

  const simulate = runOptions(
    vernier
      .command("simulate")
      .description("replay recorded traffic through a policy: what it would have done, cost and hurt")
      .argument("[policy...]", "policy files or folders; several are shown side by side", ["vernier.yaml"]),
  )
    .option("--json", "print the result as JSON")
    .option("--markdown", "print a summary for a pull request")
    .option("--decisions <file>", "write every change with its reasons as NDJSON; - for standard output")
    .option("--season <name>", "play the recording at loads drawn for this season of the policy, and say how many it comes through")
    .option("--draws <n>", "for --season: how many loads to draw; 20 when left out")
    .option("--gate", "exit 1 when a minimum objective is missed; with --season, in one that nine of ten stay below");
  prometheusOptions(simulate).action(async (policies, options) => (await import("./commands/simulate.ts")).runSimulate(policies, options));

  runOptions(
    vernier
      .command("explain")
      .description("say why capacity was what it was at an instant: every stage with its numbers")
      .argument("[workload]", "workload id; may be left out when there is one")
      .option("--policy <file>", "policy file or folder, to replay a recording; vernier.yaml with --trace")
      .option("--data <folder>", "what vernier run recorded; .vernier without --policy and --trace, when it is there")
      .option("--at <time>", "an instant (2026-11-23T04:00:00Z), an offset into the recording (3h20m), or worst; of the record also now-10m", "now"),
  )
    .option("--json", "print the decision as JSON")
    .action(async (workload, options) => (await import("./commands/explain.ts")).runExplain(workload, options));

  const compare = sharedOptions(
    vernier
      .command("compare")
      .description("set policies beside other autoscalers and the best that was possible, on the same traffic")
      .argument("[policy...]", "policy files or folders; none compares our defaults"),
  )
    .option("--trace <path>", "recording, or a folder of recordings; repeatable", collect, [] as string[])
    .option("--engine <name>", `${ENGINES}; repeatable`, collect, [] as string[])
    .option("--peer <file>", "file with manifests of Kubernetes' HPA; repeatable", collect, [] as string[])
    .option("--measures <metric=kind>", "what a metric of a manifest measures, such as jobs_waiting=backlog; repeatable", collect, [] as string[])
    .option("--sweep", "also run each engine at every setting, and read its cost at equal violation")
    .option("--threads <n>", "threads to use; all cores when left out")
    .option("--json", "print the comparison as JSON")
    .option("--markdown", "print tables for a pull request")
    .option("--html <file>", "write a page with charts that needs nothing else")
    .option("--gate", "exit 1 when the first is worse than the second")
    .option("--margin <percent>", "for --gate: how much more the first may cost", "2%")
    .option("--margin-above <percent>", "for --gate: how much more of the time it may be above the ceiling", "0.1%");
  prometheusOptions(compare).action(async (policies, options) => (await import("./commands/compare.ts")).runCompare(policies, options));

  vernier
    .command("test")
    .description("run policy tests: loads, faults and what has to come of them")
    .argument("[path...]", "test files, or folders with files that end in .test.yaml", ["."])
    .option("--filter <text>", "only tests with this in their name")
    .option("--jitter <percent>", "vary start-up by up to this share and load by a third of it, such as 30%")
    .option("--draws <n>", "how often to vary them; 20 when left out")
    .option("--seed <n>", "seed of everything random")
    .option("--update", "write files of expected decisions instead of comparing with them")
    .option("--changes", "print every change of capacity of each test, with the codes of its reasons")
    .option("--json", "print the outcomes as JSON")
    .option("--junit <file>", "also write the outcomes as JUnit XML")
    .action(async (paths, options) => (await import("./commands/test.ts")).runTests(paths, options));

  vernier
    .command("import")
    .description("make parts of a policy from the files of another tool")
    .command("openslo")
    .description("objectives, metrics and sources from OpenSLO v1; what was guessed goes to standard error")
    .argument("<file...>", "OpenSLO files")
    .option("--service <name>", "only this service of the files")
    .option("--into <policy>", "print this policy with the parts added, its comments kept")
    .option("--workload <id>", "for --into: the workload that gets metrics and objectives")
    .option("--out <file>", "write a new file instead of standard output")
    .option("--force", "for --out: replace an existing file")
    .option("--json", "print the parts as JSON")
    .action(async (files, options) => (await import("./commands/import.ts")).runImportOpenSlo(files, options));

  vernier
    .command("export")
    .description("write a policy in the language of another tool")
    .command("openslo")
    .description("data sources, services, SLIs and SLOs as OpenSLO v1")
    .argument("[policy]", "policy file or folder", "vernier.yaml")
    .option("--workload <id>", "only this workload")
    .option("--out <file>", "write a new file instead of standard output")
    .option("--force", "for --out: replace an existing file")
    .action(async (policy, options) => (await import("./commands/export.ts")).runExportOpenSlo(policy, options));

  addDemoCommand(vernier, version());
  addLoadCommand(vernier);
  addLiveCommands(vernier, version());
  return vernier;
}

/** Options that simulate, explain and compare share; each defaults from the policy. */
function runOptions(command: Command): Command {
  return sharedOptions(command)
    .option("--trace <file>", "recording: CSV or CSV.gz with a time and a value in each row")
    .option("--engine <name>", ENGINES, "vernier");
}

const ENGINES = "engine that decides: vernier, hpa-v2, hpa-v2@70, hpa-legacy, hpa-adapter0, static:12, static-peak, schedule, doubling, delayed-off, lcp";

function sharedOptions(command: Command): Command {
  return command
    .option("--workload <id>", "which workload of the policy")
    .option("--peak-units <n>", "scale the load so that its peak needs this many units")
    .option("--ceiling <percent>", "highest acceptable utilisation, such as 80%")
    .option("--startup <duration>", "from request to ready, such as 60s")
    .option("--interval <duration>", "time between two evaluations, such as 15s")
    .option("--warm-up <duration>", "stretch at the start that is not scored")
    .option("--seed <n>", "seed of everything random")
    .option("--interpolate", "interpolate between bin centres instead of holding the rate in a bin")
    .option(
      "--fault <spec>",
      "break a metric: <metric|*>:<drop|zero|nan|infinite|negative|stale|partial|scale=K|lag=T>@<from>..<to>, such as cpu:drop@10m..25m; repeatable",
      collect,
      [] as string[],
    )
    .option("--semantics <kind>", "what the values of the recording are: count, rate, level or utilisation")
    .option("--bin <duration>", "length of a bin of the recording")
    .option("--start <time>", "when the recording began, such as 2026-11-23T00:00:00Z");
}

/** Options of a recording that is read from Prometheus first. How to get in is left to the help of fetch. */
function prometheusOptions(command: Command): Command {
  command.optionsGroup("Instead of --trace, from Prometheus (how to log in: vernier fetch prometheus --help):");
  historyOptions(command.option("--prometheus <url>", "read the recording from there first"), "a file of the cache");
  for (const option of accessOptions()) command.addOption(option.hideHelp());
  return command;
}

/** What to read from Prometheus; the same wherever a history is read. */
function historyOptions(command: Command, out: string): Command {
  return command
    .option("--query <promql>", "the load in requests per second; with --ready-query the utilisation")
    .option("--ready-query <promql>", "ready units: the load is utilisation times these")
    .option("--column <name=promql>", "a further column of the recording, for metrics of a policy; repeatable", collect, [] as string[])
    .option("--from <time>", "where to begin: 2026-11-16T00:00:00Z, or now-7d")
    .option("--to <time>", "where to end; now when left out")
    .option("--step <duration>", "length of a bin; 15s up to 7d, 1m up to 30d, then longer")
    .option("--out <file.csv>", `where to keep the recording; ${out} when left out`);
}

/** How to get at a source; the same wherever a history is read. */
function accessOptions(): Option[] {
  return [
    new Option("--header <text>", 'a header, such as "X-Scope-OrgID: team"; repeatable').argParser(collect).default([], "none"),
    new Option("--header-env <name=variable>", "a header with its value in the environment; repeatable").argParser(collect).default([], "none"),
    new Option("--bearer-file <file>", "file with a token, read again for each request"),
    new Option("--basic-user <name>", "user, with --password-file"),
    new Option("--password-file <file>", "file with the password"),
    new Option("--ca <file>", "certificate authority to trust, PEM"),
    new Option("--cert <file>", "certificate of ours, PEM, with --key"),
    new Option("--key <file>", "its key, PEM"),
    new Option("--insecure-skip-verify", "believe any certificate"),
    new Option("--timeout <duration>", "longest wait for one answer; 60s when left out"),
    new Option("--force", "replace a file that was not fetched"),
  ];
}

function version(): string {
  return typeof VERSION === "undefined" ? "development" : VERSION;
}

async function main(): Promise<number> {
  // A reader that closes the pipe early (head, less) has seen enough.
  // What was found still decides the exit code; a full disk is the environment's fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(Number(process.exitCode ?? EXIT.done));
    process.stderr.write(`vernier: cannot write standard output: ${error.code}\n`);
    process.exit(EXIT.environment);
  });
  try {
    await program().parseAsync(process.argv);
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof Error)) throw error;
    // By name: the classes live in bundles that are loaded only when needed.
    if (error.name === "UsageError") {
      process.stderr.write(`vernier: ${error.message}\n`);
      return EXIT.usage;
    }
    if (error.name === "FileError") {
      process.stderr.write(`${error.message}\n`);
      return EXIT.found;
    }
    // What a source refuses to be asked is for whoever wrote the query.
    if (error.name === "SourceError" && "code" in error && error.code === "query_refused") {
      process.stderr.write(`vernier: ${error.message}\n`);
      return EXIT.usage;
    }
    if (["PathError", "SourceError", "StoreHeld", "StoreTooNew", "StoreTooOld", "LedgerThere"].includes(error.name)) {
      process.stderr.write(`vernier: ${error.message}\n`);
      return EXIT.environment;
    }
    process.stderr.write(`vernier: this is a bug: ${error.stack ?? error.message}\n`);
    return EXIT.bug;
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    throw error;
  },
);
