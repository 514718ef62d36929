import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { commandTrouble, writeTrouble } from "./executable.ts";

const folder = mkdtempSync(join(tmpdir(), "vernier-executable-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "bin"));
mkdirSync(join(folder, "bin", "folder"));
writeFileSync(join(folder, "bin", "tool"), "");
writeFileSync(join(folder, "bin", "text"), "");
chmodSync(join(folder, "bin", "tool"), 0o755);

test("a command is looked for as the system does", () => {
  const path = `${join(folder, "none")}:${join(folder, "bin")}`;
  expect(commandTrouble("tool", { path })).toBeUndefined();
  expect(commandTrouble("./bin/tool", { cwd: folder })).toBeUndefined();
  expect(commandTrouble(join(folder, "bin", "tool"), {})).toBeUndefined();
  expect(commandTrouble("tool", {})).toBe('there is no command "tool" in PATH');
  expect(commandTrouble("./tool", { cwd: folder, path })).toBe('there is no command "./tool"');
  expect(commandTrouble("folder", { path })).toBe('there is no command "folder" in PATH');
  expect(commandTrouble("text", { path })).toBe('"text" may not be executed');
});

test("what cannot be written is named", () => {
  expect(writeTrouble(folder, join(folder, "bin", "tool"))).toBeUndefined();
  expect(writeTrouble(folder, join(folder, "gone"))).toMatch(/gone" may not be written: ENOENT/);
});
