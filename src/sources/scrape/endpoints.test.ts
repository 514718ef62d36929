import { describe, expect, test } from "vitest";
import { endpointAt, parseEndpoints } from "./endpoints.ts";

const file = (...endpoints: readonly unknown[]): string => JSON.stringify({ version: 7, endpoints });
const WEB = { unit: "web-1", host: "127.0.0.1", port: 9_000 };

describe("endpoints", () => {
  test("are addresses with the identity of their units", () => {
    const found = parseEndpoints(
      file({ ...WEB, pid: 4_711 }, { unit: "web-2", host: "::1", port: 9_001 }, { unit: "web-3", host: "web3.internal", port: 80 }),
      "/m?x=1",
    );
    expect((found as Exclude<typeof found, string>).map(({ identity, instance, url }) => [identity, instance, url.href])).toEqual([
      ["web-1 127.0.0.1:9000", "127.0.0.1:9000", "http://127.0.0.1:9000/m?x=1"],
      ["web-2 [::1]:9001", "[::1]:9001", "http://[::1]:9001/m?x=1"],
      ["web-3 web3.internal:80", "web3.internal:80", "http://web3.internal/m?x=1"],
    ]);
    // As processes are published.
    expect(parseEndpoints(file({ ...WEB, unit: 7 }), "/metrics")).toMatchObject([{ identity: "7 127.0.0.1:9000" }]);
    expect(parseEndpoints(file(), "/metrics")).toEqual([]);
  });

  test("without a unit are known by their address", () => {
    expect(endpointAt(new URL("https://web.example/metrics"))).toMatchObject({ identity: "https://web.example/metrics", instance: "web.example:443" });
    expect(endpointAt(new URL("http://web.example/metrics")).instance).toBe("web.example:80");
  });

  test.for([
    ["", "not JSON"],
    ["[]", 'expected {"endpoints": […]}'],
    ['{"endpoints": {}}', 'expected {"endpoints": […]}'],
    [file("web-1"), "endpoint 1: unit has to be a number, or a text of 1 to 200 characters"],
    [file(WEB, { ...WEB, unit: "" }), "endpoint 2: unit has to be"],
    [file({ ...WEB, host: "127.0.0.1@evil" }), "endpoint 1: host has to be a name or an address"],
    [file({ ...WEB, host: "a/b" }), "endpoint 1: host has to be"],
    [file({ ...WEB, host: "" }), "endpoint 1: host has to be"],
    [file({ ...WEB, host: "1.2.3.4.5" }), "endpoint 1: 1.2.3.4.5:9000 is no address"],
    [file({ ...WEB, port: "9000" }), "endpoint 1: port has to be a number from 1 to 65535"],
    [file({ ...WEB, port: 65_536 }), "endpoint 1: port has to be"],
    [file({ ...WEB, port: 1.5 }), "endpoint 1: port has to be"],
    [file(WEB, { ...WEB, port: 9_001 }), "endpoint 2: the unit web-1 a second time"],
    [file(WEB, { ...WEB, unit: "web-2" }), "endpoint 2: 127.0.0.1:9000 a second time"],
    [file(...Array.from({ length: 1_001 }, (_, i) => ({ ...WEB, unit: `web-${i}`, port: i + 1 }))), "1001 endpoints, at most 1000"],
  ] as const)("%#: refuses what is none", ([text, why]) => {
    expect(parseEndpoints(text, "/metrics")).toContain(why);
  });
});
