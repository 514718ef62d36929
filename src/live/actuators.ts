import { resolve } from "node:path";
import type { Actuator } from "../actuators/actuator.ts";
import { ExecActuator } from "../actuators/exec/exec-actuator.ts";
import { FileActuator } from "../actuators/file/file-actuator.ts";
import { MemoryActuator } from "../actuators/memory/memory-actuator.ts";
import { WebhookActuator } from "../actuators/webhook/webhook-actuator.ts";
import type { Clock } from "../control/clock.ts";
import { allowAddresses } from "../lib/addresses.ts";
import type { PolicyWorkload } from "../policy/parse.ts";
import { processActuatorOf } from "./process.ts";
import { secretsOf } from "./secret-references.ts";
import { askingOf } from "./sources.ts";

const TARGET_BYTES_MAX = 1 << 16;

interface ActuatorContext {
  /** Of the policy: what paths and commands are relative to. */
  readonly folder: string;
  readonly data: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether anything may be changed. */
  readonly acts: boolean;
  readonly clock: Clock;
}

/** The actuator of a workload. @param say told of what went wrong between two looks */
export function actuatorOf(
  { id, written }: PolicyWorkload,
  { folder, data, environment, acts, clock }: ActuatorContext,
  say: (message: string) => void,
): Actuator {
  const target = written.target ?? { type: "memory" };
  switch (target.type) {
    case "memory":
      return new MemoryActuator(Math.max(1, written.bounds.min));
    case "file":
      return new FileActuator(resolve(folder, target.path));
    case "exec":
      return new ExecActuator(
        {
          workload: id,
          observe: target.observe as [string, ...string[]],
          set: target.set as [string, ...string[]],
          deadlineMs: target.timeout,
          passEnvironment: target.environment,
          cwd: resolve(folder),
        },
        environment,
      );
    case "webhook":
      return new WebhookActuator({
        workload: id,
        url: new URL(target.url),
        observe: new URL(target.observe),
        secrets: secretsOf(target.secret, folder, environment),
        asking: askingOf(clock, { deadlineMs: target.timeout, bytesMax: TARGET_BYTES_MAX, allow: allowAddresses(target.allow ?? []) }),
        acknowledgeMs: target.acknowledge,
      });
    case "process":
      return processActuatorOf(target, { workload: id, folder, data, environment, acts, say });
  }
}
