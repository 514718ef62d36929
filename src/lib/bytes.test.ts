import { expect, test } from "vitest";
import { formatBytes, parseBytes } from "./bytes.ts";

test.for([
  ["10GiB", 10_737_418_240],
  ["1.5 MiB", 1_572_864],
  ["0B", 0],
  ["512B", 512],
  ["2TiB", 2_199_023_255_552],
  ["10GB", undefined],
  ["10", undefined],
  ["-1MiB", undefined],
  ["1e3MiB", undefined],
  ["999999999TiB", undefined],
] as const)("%s is %s bytes", ([text, bytes]) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.for([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "0.98 KiB"],
  [10_737_418_240, "10 GiB"],
  [1_610_612_736, "1.5 GiB"],
  [123_456_789, "118 MiB"],
  [2_199_023_255_552, "2 TiB"],
] as const)("%i bytes read as %s", ([bytes, text]) => {
  expect(formatBytes(bytes)).toBe(text);
});
