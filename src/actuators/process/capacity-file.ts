import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asRecord } from "../../lib/is-record.ts";
import { replaceFile } from "../../lib/replace-file.ts";
import { systemErrorCode } from "../../lib/system-error.ts";
import type { CapacityUnreadable } from "../actuator.ts";

/** How many units there are to be: the one thing in the folder that is an order, everything else is what came of it. */
export interface CapacityOrder {
  readonly requested: number;
  /** One more with every change. */
  readonly version: number;
  /** Of the controller that gave it. */
  readonly epoch: number;
  /** Made with the folder: another folder in its place is another thing. */
  readonly uid: string;
}

const fileIn = (folder: string): string => join(folder, "capacity.json");

/** Reads it anew each time: others may write it. */
export function readCapacityOrder(folder: string): CapacityOrder | CapacityUnreadable {
  const path = fileIn(folder);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return { kind: "unreadable", code: code === "ENOENT" ? "gone" : "denied", message: `cannot read "${path}": ${code}` };
  }
  const { requested, version, epoch, uid } = asRecord(parsed(text));
  if ([requested, version, epoch].every((value) => Number.isSafeInteger(value) && (value as number) >= 0) && typeof uid === "string")
    return { requested: requested as number, version: version as number, epoch: epoch as number, uid };
  return {
    kind: "unreadable",
    code: "strange",
    message: `"${path}" holds something else than {requested, version, epoch, uid}: put it right, or end all units (vernier units stop) and remove the folder`,
  };
}

/** Durable when it returns. @throws PathError */
export function writeCapacityOrder(folder: string, order: CapacityOrder): void {
  replaceFile(fileIn(folder), [`${JSON.stringify(order)}\n`], 0o600);
}

/** The order of a new folder: as many as there are. */
export function firstOrder(requested: number): CapacityOrder {
  return { requested, version: 1, epoch: 0, uid: randomUUID() };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
