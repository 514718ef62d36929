import { isIP } from "node:net";
import { z } from "zod";
import { isAllowance } from "../lib/addresses.ts";
import { durationFrom, PortRange } from "./quantities.ts";
import { Name } from "./schema-parts.ts";

// What a policy says of the world it runs in: where readings come from, and what capacity is set on. The simulator uses none of it.

/** A secret, by reference only: the name of an environment variable or the path of a file that holds it. */
const SecretReference = z
  .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })], {
    error: "expected a reference to a secret, {env: NAME} or {file: PATH}; secrets are never written into a policy",
  })
  .meta({ description: "A secret by reference: `{env: NAME}` or `{file: PATH}`." });

const Address = z
  .url({ protocol: /^https?$/, error: "expected an http or https address" })
  .refine((url) => !/^https?:\/*[^/]*@/i.test(url), { error: "expected an address without user and password; secrets are given by reference" })
  .refine(isPlain, { error: "expected the host as it is: 127.0.0.1, not 0x7f.1 or 2130706433, and localhost in plain letters" });

/** Whether an address of a machine reads as what it means. A name is looked at when it is asked for. */
function isPlain(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { hostname } = new URL(url);
  const means = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  return (isIP(means) === 0 && means !== "localhost") || /^https?:\/\/(\[[^\]]*\]|[^/?#:]+)/i.exec(url)?.[1]?.toLowerCase() === hostname;
}

const Allow = z
  .array(z.string().refine(isAllowance, { error: "expected private, loopback, an address, or a range such as 10.0.0.0/8" }))
  .max(100)
  .optional()
  .meta({
    description:
      "Where requests may go beyond public addresses and what `url` itself names: `private`, `loopback`, addresses or ranges such as `10.0.0.0/8`. Link-local addresses and those that hand out credentials of a cloud have to be listed one by one.",
  });

/** A command as a list of arguments; no shell is involved. */
const Argv = z.array(z.string().min(1).max(10_000)).min(1, { error: 'expected a command as a list, for example [./scale.sh, --units, "{units}"]' }).max(100);

const EnvironmentNames = z
  .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "expected the name of a variable" }))
  .max(100)
  .prefault([])
  .meta({ description: "Names of variables that commands see, besides PATH, HOME and LANG." });

/** Addresses of units that expose metrics, or where those are published. */
const Scrape = z
  .strictObject({
    type: z.literal("scrape"),
    targets: z
      .array(Address)
      .min(1, { error: "expected at least one address, for example [http://127.0.0.1:9000/metrics]" })
      .max(1_000)
      .refine((urls) => new Set(urls).size === urls.length, { error: "expected every address once: twice would count twice" })
      .optional()
      .meta({ description: "Addresses of metrics, for example `[http://127.0.0.1:9000/metrics]`. Either this or `endpoints`." }),
    endpoints: z.string().min(1).optional().meta({
      description:
        'A file that says which units there are, relative to this one: `{"endpoints": [{"unit": "web-1", "host": "127.0.0.1", "port": 9000}]}`. It is read at each tick.',
    }),
    path: z
      .string()
      .regex(/^\/[^\s#]*$/, { error: "expected a path that begins with /" })
      .optional()
      .meta({ description: "Where endpoints have their metrics. Default `/metrics`; `targets` have it in their addresses." }),
    allow: Allow,
    bearerToken: SecretReference.optional(),
    timeout: durationFrom("10ms", "1m")
      .prefault("2s")
      .meta({ description: "For the answer of one target; less where ticks leave less: a fifth of the shortest interval that reads from it." }),
    maxSeries: z.int().min(1).max(50_000).prefault(10_000).meta({ description: "Series that one target may expose; one that exposes more is not read." }),
  })
  .refine(({ targets, endpoints }) => (targets === undefined) !== (endpoints === undefined), {
    error: "expected either targets, a list of addresses, or endpoints, a file that names them",
  })
  .refine(({ targets, path }) => targets === undefined || path === undefined, {
    path: ["path"],
    error: "a path goes with endpoints; the addresses of targets have theirs",
  });

/** Where live readings come from. */
export const Source = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("prometheus"), url: Address, allow: Allow, bearerToken: SecretReference.optional() }),
    z.strictObject({ type: z.literal("file") }),
    z.strictObject({
      type: z.literal("exec"),
      command: Argv.meta({ description: "Prints a number; `{query}`, `{metric}`, `{workload}` stand for what is asked. No shell is involved." }),
      timeout: durationFrom("1s", "1m").prefault("5s"),
      environment: EnvironmentNames,
    }),
    z.strictObject({ type: z.literal("http-json"), url: Address, allow: Allow, bearerToken: SecretReference.optional() }),
    Scrape,
    z.strictObject({ type: z.literal("units") }),
  ])
  .meta({
    description:
      "Where live readings come from: `prometheus` (the query is PromQL that gives one series), `file` (the path of a file with a number, relative to this one), `exec` (what a command is told), `http-json` (a JSON pointer into the answer), `scrape` (a small part of PromQL over what units expose themselves), `units` (`cpu`, `memory`, `ready` or `count` of the processes of a `process` target).",
  });

/** What capacity is set on. */
export const Target = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("memory"), name: Name.optional() }),
  z.strictObject({
    type: z.literal("file"),
    path: z.string().min(1).meta({ description: "A file with a number of units, relative to this one, that something else follows." }),
  }),
  z.strictObject({
    type: z.literal("exec"),
    observe: Argv.meta({ description: 'Prints a number of units, or `{"requested": 12, "ready": 10}`. No shell is involved.' }),
    set: Argv.meta({
      description:
        "Sets capacity; `{units}`, `{from}`, `{workload}`, `{intent}` stand for what is to be set. Exit code 0 is done, 75 is refused for now, anything else is not known.",
    }),
    timeout: durationFrom("1s", "1h").prefault("30s"),
    environment: EnvironmentNames,
  }),
  z.strictObject({
    type: z.literal("webhook"),
    url: Address.meta({
      description: "Takes orders: POST of a CloudEvent with the units that are to be there. Receivers are described in the folder of the actuator.",
    }),
    observe: Address.meta({ description: 'Answers GET with a number of units, or `{"requested": 12, "ready": 10}`, of this workload alone.' }),
    secret: z
      .union([SecretReference, z.array(SecretReference).min(1).max(2)])
      .transform((one) => (Array.isArray(one) ? one : [one]))
      .default([])
      .meta({
        description: "Signs orders, and has to sign what comes of them, as in Standard Webhooks; 24 bytes or more. Two while one takes the place of the other.",
      }),
    timeout: durationFrom("1s", "1m").prefault("10s"),
    acknowledge: durationFrom("1s", "7d")
      .optional()
      .meta({ description: "How long an order that was accepted may take, by people perhaps. Until it shows in `observe`, nothing else is ordered." }),
    allow: Allow,
  }),
  z.strictObject({
    type: z.literal("process"),
    command: Argv.meta({ description: "What each unit runs, on this machine; `{port}` and `{unit}` stand for what it gets. No shell reads it." }),
    ports: PortRange.optional().meta({ description: "Each unit gets one of them that nobody listens on. At least as many as `bounds.max`." }),
    ready: z
      .strictObject({
        http: z
          .string()
          .regex(/^\/(?!\/)\S*$/, { error: "expected a path such as /healthz" })
          .max(1_000)
          .meta({ description: "A path that answers with 2xx while the unit can serve. Asked each second; three failures in a row, and it is not ready." }),
        within: durationFrom("1s", "1h").prefault("30s").meta({ description: "From its start to the first such answer; then it is ended, and started again." }),
      })
      .optional()
      .meta({ description: "How it is told that a unit can serve. Default: it has run for a second." }),
    drain: z
      .strictObject({
        signal: z.enum(["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"]).prefault("SIGTERM"),
        within: durationFrom("0s", "1h").prefault("30s").meta({ description: "Then it is killed, with its process group and all that it started." }),
      })
      .prefault({})
      .meta({ description: "How a unit is told to end, after it was taken out of the endpoints." }),
    onExit: z
      .enum(["keep", "stop"])
      .prefault("keep")
      .meta({ description: "`keep`: units outlive the controller, and the next one finds them. `stop`: they end with it, however it ends." }),
    endpoints: z
      .strictObject({
        file: z.string().min(1).meta({ description: "A JSON file with the ready units, relative to this one, replaced whole with each change." }),
        hook: Argv.optional().meta({ description: "Run after each change, and when the controller starts; `{file}` stands for the file." }),
      })
      .optional()
      .meta({ description: "Where ready units are told to a load balancer." }),
    logs: z
      .enum(["keep", "discard"])
      .prefault("keep")
      .meta({ description: "`keep`: what units print, in a file for each in the data folder, put aside at 8 MiB; one before it is kept." }),
    environment: EnvironmentNames,
  }),
]);
export type Target = z.output<typeof Target>;

/** What people may want to be told of. */
const Event = z.enum(["step", "approval_wanted", "holding", "resumed", "rollback", "budget_alarm", "at_maximum", "drift", "stopped", "effect_failed"]);
const events = z
  .array(Event)
  .min(1, { error: "expected at least one event; leave events out to be told of all" })
  .optional()
  .meta({ description: "What it is told of; `holding` includes `resumed`. Default: everything." });

/** Whom `vernier run` tells. */
export const NotifyTarget = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("webhook"),
      url: z
        .union([Address, SecretReference], { error: "expected an http or https address, or a reference to one that is secret, {env: NAME} or {file: PATH}" })
        .meta({ description: "Where notices are posted, as CloudEvents; by reference when the address itself is a secret." }),
      secret: SecretReference.optional().meta({
        description: "Notices are signed with it, as Standard Webhooks says: `whsec_…`, or at least 24 bytes of text.",
      }),
      bearerToken: SecretReference.optional(),
      headers: z
        .record(z.string().regex(/^[A-Za-z0-9-]{1,100}$/, { error: "expected the name of a header" }), SecretReference)
        .optional()
        .meta({ description: "Further headers; their values by reference." }),
      events,
    }),
    z.strictObject({
      type: z.literal("slack"),
      url: SecretReference.meta({ description: "The address of an incoming webhook of Slack, or of what understands the same; whoever has it can post." }),
      events,
    }),
  ])
  .meta({ description: "Whom `vernier run` tells of what happens to the workloads of this file." });
export type NotifyTarget = z.output<typeof NotifyTarget>;
