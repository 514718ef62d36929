import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { systemErrorCode } from "./system-error.ts";

// What the system says of processes: Linux by /proc, others (macOS) by ps. A process id alone names nobody for long: with the
// time at which the process began, and until the machine starts anew, it does.

/** What a process group uses. */
export interface GroupUsage {
  /** Of its processes, and of their children that have ended and were waited for. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

const HAS_PROC = process.platform === "linux";
/** USER_HZ, in which Linux counts the time of processes: 100 on everything that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Of this start of the machine. Where starts of processes are dates, as ps writes them, there is nothing to tell apart. */
export function bootId(): string {
  return HAS_PROC ? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() : "dates";
}

/** For a shell: prints a line about its own process, whose id stays when it becomes a command with `exec`. */
export const WRITE_ITSELF_DOWN = HAS_PROC
  ? 'read -r vernier_self </proc/$$/stat && printf "%s\\n" "$vernier_self"'
  : "LC_ALL=C TZ=UTC0 command -p ps -o pid=,stat=,lstart= -p $$";

/** When processes began, as the system writes it, by process id. Those that are no more, and zombies, are left out. */
export function processStarts(pids: readonly number[]): ReadonlyMap<number, string> {
  if (pids.length === 0) return new Map();
  if (!HAS_PROC) return startsIn(ps("-o", "pid=,stat=,lstart=", "-p", pids.join(",")));
  return new Map(
    pids.flatMap((pid) => {
      const start = startIn(procText(pid, "stat"));
      return start === undefined ? [] : [[pid, start] as const];
    }),
  );
}

/** When the process of a line of `/proc/<pid>/stat` began (field 22, ticks since the machine started); undefined for a zombie. */
export function startIn(stat: string): string | undefined {
  const [state, ...fields] = statFields(stat);
  return state === undefined || state === "Z" || state === "X" ? undefined : fields[18];
}

/** The lines of `ps -o pid=,stat=,lstart=`. */
export function startsIn(lines: string): ReadonlyMap<number, string> {
  return new Map(
    lines.split("\n").flatMap((line) => {
      const [, pid, stat, start] = /^\s*(\d+)\s+(\S+)\s+(\S.*\S)\s*$/.exec(line) ?? [];
      return pid === undefined || start === undefined || stat?.startsWith("Z") ? [] : [[Number(pid), start] as const];
    }),
  );
}

/** A process as a shell has written it down about itself with {@link WRITE_ITSELF_DOWN}; undefined for anything else. */
export function processIn(line: string): { readonly pid: number; readonly start: string } | undefined {
  const pid = Number.parseInt(line, 10);
  const start = HAS_PROC ? startIn(line.trim()) : startsIn(line).get(pid);
  return start === undefined ? undefined : { pid, start };
}

/** What process groups use, by their id. Reads the whole table once. */
export function groupUsage(groups: ReadonlySet<number>): ReadonlyMap<number, GroupUsage> {
  const usage = new Map<number, GroupUsage>();
  if (groups.size === 0) return usage;
  const add = (group: number, cpuSeconds: number, rssBytes: number): void => {
    const before = usage.get(group) ?? { cpuSeconds: 0, rssBytes: 0 };
    usage.set(group, { cpuSeconds: before.cpuSeconds + cpuSeconds, rssBytes: before.rssBytes + rssBytes });
  };
  if (!HAS_PROC) {
    for (const { group, cpuSeconds, rssBytes } of usageIn(ps("-A", "-o", "pgid=,time=,rss="))) if (groups.has(group)) add(group, cpuSeconds, rssBytes);
    return usage;
  }
  for (const pid of allPids()) {
    const fields = statFields(procText(pid, "stat"));
    const group = Number(fields[2]);
    if (!groups.has(group)) continue;
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    // In kB, where `stat` counts pages, whose size differs from machine to machine.
    add(group, ticks / TICKS_PER_SECOND, Number(/^VmRSS:\s*(\d+) kB$/m.exec(procText(pid, "status"))?.[1] ?? 0) * 1_024);
  }
  return usage;
}

/** The lines of `ps -o pgid=,time=,rss=`: times as `[[days-]hours:]minutes:seconds`, memory in kB. */
export function usageIn(lines: string): readonly (GroupUsage & { readonly group: number })[] {
  return lines.split("\n").flatMap((line) => {
    const [, group, time, rss] = /^\s*(\d+)\s+([\d:.-]+)\s+(\d+)\s*$/.exec(line) ?? [];
    if (group === undefined || time === undefined) return [];
    const [days, clock] = time.includes("-") ? (time.split("-") as [string, string]) : ["0", time];
    const seconds = clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    return [{ group: Number(group), cpuSeconds: Number(days) * 86_400 + seconds, rssBytes: Number(rss) * 1_024 }];
  });
}

/** Processes that have a variable in the environment that they began with, with its value. Those of others cannot be looked into. */
export function processesWith(variable: string): readonly { readonly pid: number; readonly value: string }[] {
  if (!HAS_PROC) return variablesIn(ps("-A", "-E", "-ww", "-o", "pid=,command="), variable);
  return allPids().flatMap((pid) => {
    const found = procText(pid, "environ")
      .split("\0")
      .find((one) => one.startsWith(`${variable}=`));
    return found === undefined ? [] : [{ pid, value: found.slice(variable.length + 1) }];
  });
}

/** The lines of `ps -E -o pid=,command=`, which puts the environment behind the command: values end at the first space. */
export function variablesIn(lines: string, variable: string): readonly { readonly pid: number; readonly value: string }[] {
  return lines.split("\n").flatMap((line) => {
    const [, pid, value] = new RegExp(`^\\s*(\\d+)\\s.*\\s${variable}=(\\S*)`).exec(line) ?? [];
    return pid === undefined || value === undefined ? [] : [{ pid: Number(pid), value }];
  });
}

/** To a process, or with a negative id to its group. What has ended meanwhile, or is of another user now, is seen not to follow. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!["ESRCH", "EPERM"].includes(systemErrorCode(error) ?? "")) throw error;
  }
}

/** From the state on (field 3): the name before it may hold anything. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function allPids(): number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/**
 * Empty for what has ended meanwhile, and for what is not ours to read. Anything else is an error: a process that cannot be
 * looked at must not count as ended.
 */
function procText(pid: number, name: "stat" | "status" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch (error) {
    if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(systemErrorCode(error) ?? "")) throw error;
    return "";
  }
}

/** Dates as everywhere, whatever the language and the zone of this process. Finding nothing is no error. */
function ps(...args: readonly string[]): string {
  const { stdout, error, signal } = spawnSync("ps", args, {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC0" },
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  if (signal !== null) throw Object.assign(new Error(`ps was ended by ${signal}`), { code: "EPS" });
  return stdout;
}
