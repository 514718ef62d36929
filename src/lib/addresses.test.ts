import type { LookupAddress } from "node:dns";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, isIP } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Source } from "../policy/schema-live.ts";
import { addressKind, allowAddresses, isAllowance } from "./addresses.ts";
import { HttpError, type HttpLimits, sendHttp } from "./http.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Every name is at these addresses; `asked` counts. */
function names(...rounds: readonly (readonly string[])[]) {
  const told = {
    asked: 0,
    lookup: (_name: string, _options: unknown, done: (error: null, found: LookupAddress[]) => void): void => {
      const addresses = rounds[Math.min(told.asked++, rounds.length - 1)] as readonly string[];
      setImmediate(() =>
        done(
          null,
          addresses.map((address) => ({ address, family: isIP(address.replace(/%.*/, "")) })),
        ),
      );
    },
  };
  return told;
}

const LIMITS: HttpLimits = { deadlineMs: 5_000, bytesMax: 1 << 16 };
const outcomeOf = async (url: URL, limits: Partial<HttpLimits> = {}): Promise<string> => {
  try {
    return `answered ${(await sendHttp({ url, headers: {} }, { ...LIMITS, ...limits })).status}`;
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return error.code;
  }
};

describe("an address", () => {
  test.for([
    ["8.8.8.8", "public"],
    ["2606:4700::1111", "public"],
    ["64:ff9b::808:808", "public"],
    ["2002:808:808::1", "public"],
    ["::ffff:8.8.8.8", "public"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["::1", "loopback"],
    ["0:0:0:0:0:0:0:1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["::ffff:0:127.0.0.1", "loopback"],
    ["64:ff9b::7f00:1", "loopback"],
    ["2002:7f00:1::", "loopback"],
    ["10.1.2.3", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.0", "public"],
    ["192.168.0.1", "private"],
    ["100.64.0.1", "private"],
    ["fd12::1", "private"],
    ["::ffff:10.0.0.1", "private"],
    ["169.254.169.254", "special"],
    ["::ffff:169.254.169.254", "special"],
    ["2002:a9fe:a9fe::", "special"],
    ["64:ff9b::a9fe:a9fe", "special"],
    ["64:ff9b:1::a9fe:a9fe", "special"],
    ["::a9fe:a9fe", "special"],
    ["::7f00:1", "special"],
    ["fe80::1", "special"],
    ["fe80::1%eth0", "special"],
    ["fec0::1", "special"],
    ["0.0.0.0", "special"],
    ["::", "special"],
    ["100.100.100.200", "special"],
    ["168.63.129.16", "special"],
    ["fd00:ec2::254", "special"],
    ["224.0.0.1", "special"],
    ["255.255.255.255", "special"],
    ["ff02::1", "special"],
    ["2001::1", "special"],
    ["2001:db8::1", "special"],
    ["198.51.100.1", "special"],
  ] as const)("%s is %s", ([address, kind]) => {
    expect(addressKind(address)).toBe(kind);
  });

  test.for([
    ["private", true],
    ["loopback", true],
    ["10.0.0.0/8", true],
    ["169.254.169.254", true],
    ["fe80::/10", true],
    ["public", false],
    ["10.0.0.0/33", false],
    ["10.0.0.0/8/8", false],
    ["10.0.0.0/-1", false],
    ["fe80::1%eth0", false],
    ["10.0.0", false],
    ["0x7f.1", false],
    ["", false],
  ] as const)("%j in a list of what is allowed: %s", ([text, isOne]) => {
    expect(isAllowance(text)).toBe(isOne);
  });
});

describe("a request to a name", () => {
  test("goes to near addresses only where that is allowed, and says what would allow it", async () => {
    const port = await serve((_, response) => response.end("5"));
    const url = new URL(`http://inside.example:${port}/`);
    const { lookup } = names(["127.0.0.1"]);
    await expect(sendHttp({ url, headers: {} }, { ...LIMITS, lookup })).rejects.toMatchObject({
      code: "address_refused",
      isSent: false,
      message: "inside.example is at 127.0.0.1, a loopback address, which needs allow: [loopback]",
    });
    for (const allowance of ["loopback", "127.0.0.1", "127.0.0.0/8"])
      expect(await outcomeOf(url, { lookup, allow: allowAddresses([allowance]) }), allowance).toBe("answered 200");
    for (const allowance of ["private", "127.0.0.2", "10.0.0.0/8"])
      expect(await outcomeOf(url, { lookup, allow: allowAddresses([allowance]) }), allowance).toBe("address_refused");
    await expect(sendHttp({ url, headers: {} }, { ...LIMITS, lookup: names(["fe80::1%eth0"]).lookup })).rejects.toThrow(
      "no usual address of a server, which needs allow: [fe80::1]",
    );
  });

  test("goes to localhost, wherever that is near, and to no other place of that name", async () => {
    const port = await serve((_, response) => response.writeHead(200, { connection: "close" }).end());
    expect(await outcomeOf(new URL(`http://localhost:${port}/`), { lookup: names(["127.0.0.1"]).lookup })).toBe("answered 200");
    expect(await outcomeOf(new URL(`http://localhost:${port}/`), { lookup: names(["10.0.0.1"]).lookup })).toBe("address_refused");
    expect(await outcomeOf(new URL(`http://a.localhost:${port}/`), { lookup: names(["127.0.0.1"]).lookup })).toBe("address_refused");
  });

  test("is connected to what was looked at, whatever the name means a moment later", async () => {
    const port = await serve((_, response) => response.writeHead(200, { connection: "close" }).end());
    const url = new URL(`http://rebinding.example:${port}/`);
    const told = names(["127.0.0.1"], ["169.254.169.254"], ["127.0.0.2"]);
    const limits = { lookup: told.lookup, allow: allowAddresses(["127.0.0.1"]) };
    expect([await outcomeOf(url, limits), await outcomeOf(url, limits), await outcomeOf(url, limits)]).toEqual([
      "answered 200",
      "address_refused",
      "address_refused",
    ]);
    // Once for each connection: nobody asks for a second time what it is.
    expect(told.asked).toBe(3);
  });

  test("leaves out those of its addresses that it may not go to", async () => {
    const port = await serve((_, response) => response.end());
    const limits = { lookup: names(["169.254.169.254", "10.0.0.1", "127.0.0.1"]).lookup, allow: allowAddresses(["loopback"]) };
    expect(await outcomeOf(new URL(`http://many.example:${port}/`), limits)).toBe("answered 200");
  });

  test("uses no connection that somebody else was allowed to make", async () => {
    const port = await serve((_, response) => response.end());
    const url = new URL(`http://shared.example:${port}/`);
    const { lookup } = names(["127.0.0.1"]);
    expect(await outcomeOf(url, { lookup, allow: allowAddresses(["loopback"]) })).toBe("answered 200");
    expect(await outcomeOf(url, { lookup })).toBe("address_refused");
  });

  test("that is at no address at all goes nowhere", async () => {
    expect(await outcomeOf(new URL("http://nowhere.example/"), { lookup: names([]).lookup })).toBe("unreachable");
  });
});

const RADIXES: readonly ((part: number) => string)[] = [
  (part) => String(part),
  (part) => `0${part.toString(8)}`,
  (part) => `0x${part.toString(16)}`,
  (part) => `0X${part.toString(16).toUpperCase().padStart(4, "0")}`,
];

/** Every way to write some numbers, each in any radix. */
function written(parts: readonly number[]): string[] {
  return parts.reduce<string[]>((texts, part) => texts.flatMap((text) => RADIXES.map((radix) => (text === "" ? radix(part) : `${text}.${radix(part)}`))), [""]);
}

/** Hosts that a careless reader takes for something else than the address they are. */
function disguises(address: string): string[] {
  const parts = address.split(".").map(Number) as [number, number, number, number];
  const [a, b, c, d] = parts;
  const pair = (high: number, low: number): string => ((high << 8) | low).toString(16);
  const hex = `${pair(a, b)}:${pair(c, d)}`;
  const numbers = [
    ...written(parts),
    ...written([a, b, (c << 8) | d]),
    ...written([a, (b << 16) | (c << 8) | d]),
    ...written([((a << 24) | (b << 16) | (c << 8) | d) >>> 0]),
  ];
  const wide = (text: string): string => text.replaceAll(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
  return [
    ...numbers,
    ...numbers.filter((_, i) => i % 7 === 0).map((text) => `${text}.`),
    wide(address),
    address.replaceAll(".", "\u3002"),
    address.replaceAll(".", "\uff0e"),
    address.replaceAll(/\d/g, (digit) => `%3${digit}`),
    address.replaceAll(/[1-9]/g, (digit) => String.fromCharCode(0x245f + Number(digit))),
    address.replace(".", "\u00ad."),
    address.replace(".", "\t."),
    `[::ffff:${address}]`,
    `[::ffff:${hex}]`,
    `[0:0:0:0:0:FFFF:${hex}]`,
    `[::ffff:0:${hex}]`,
    `[::${address}]`,
    `[64:ff9b::${address}]`,
    `[64:ff9b::${hex}]`,
    `[64:ff9b:1::${hex}]`,
    `[2002:${hex}::]`,
    `[2002:${hex}:1::1]`,
    `[2001:0:${hex}::1]`,
    `[::ffff:${address}%25eth0]`,
    `user@${address}`,
    `user:${address}@${address}`,
    `${address}:80@${address}`,
    `public.example%40@${address}`,
  ];
}

/** Addresses of a machine's own, by names that are looked up. */
const NAMES = [
  "metadata",
  "metadata.google.internal",
  "instance-data",
  "169.254.169.254.nip.example",
  "a9fea9fe.example",
  "localhost.example",
  "\u24db\u24de\u24d2al.example",
  "xn--tda.example",
  "127.0.0.1.example",
  "example.",
  "-.example",
  "a_b.example",
];
const SCHEMES = [
  "file:///etc/passwd",
  "file://169.254.169.254/a",
  "unix:/var/run/docker.sock",
  "http+unix://%2Fvar%2Frun%2Fdocker.sock/a",
  "ftp://169.254.169.254/",
  "gopher://127.0.0.1:6379/_INFO",
  "data:text/plain,5",
  "javascript:5",
  "ws://127.0.0.1/",
  "blob:http://127.0.0.1/5",
  "about:blank",
  "dict://127.0.0.1:11211/stat",
];
const SPECIAL = ["169.254.169.254", "169.254.0.1", "0.0.0.0", "100.100.100.200", "192.0.0.192", "224.0.0.1", "255.255.255.255"];
const NEAR = ["127.0.0.1", "10.0.0.1", "192.168.1.1"];
const SPECIAL_6 = [
  "[::]",
  "[fe80::1]",
  "[FE80::A9FE:A9FE]",
  "[febf::1]",
  "[fec0::1]",
  "[fd00:ec2::254]",
  "[fd20:ce::254]",
  "[ff02::1]",
  "[::2]",
  "[4000::1]",
  "[fe80::1%25eth0]",
  "[fe80::1%eth0]",
];

const isSource = (url: string): boolean => Source.safeParse({ type: "http-json", url }).success;

describe("addresses in disguise", () => {
  test("that no server usually has are not asked: not one of thousands", async () => {
    const addresses = SPECIAL.flatMap((address) => [address, ...disguises(address)].map((host) => [`http://${host}/`, address] as const));
    const texts = [
      ...addresses,
      ...SPECIAL.flatMap((address) =>
        [`https://${address}/`, `http:\\\\${address}\\`, `http:/${address}/`, `http:${address}`, `http:////${address}/`, ` http://${address}/ `].map(
          (text) => [text, address] as const,
        ),
      ),
      ...SPECIAL_6.map((host) => [`http://${host}/`, "fe80::1"] as const),
      ...[...NAMES, "localhost", "LOCALHOST", "localhost.", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3"].flatMap((host) =>
        SPECIAL.map((address) => [`http://${host}/`, address] as const),
      ),
      ...SCHEMES.map((text) => [text, "169.254.169.254"] as const),
    ];
    expect(texts.length).toBeGreaterThan(2_000);
    const escaped: string[] = [];
    let refused = 0;
    for (const [text, address] of texts) {
      // What is no address to anybody goes nowhere, and no policy takes it.
      if (!URL.canParse(text)) {
        if (isSource(text)) escaped.push(text);
        continue;
      }
      const code = await outcomeOf(new URL(text), { lookup: names([address]).lookup });
      if (code === "address_refused") refused++;
      else escaped.push(`${text}: ${code}`);
    }
    expect(escaped).toEqual([]);
    expect(refused).toBeGreaterThan(2_000);
  });

  test("that are near are in no policy unless they read as what they are", () => {
    const hosts = NEAR.flatMap((address) => disguises(address).filter((host) => host !== address));
    // Those of another kind are refused when they are asked, above; white space is taken away before anybody reads it.
    const near = hosts.filter(
      (host) => URL.canParse(`http://${host}/`) && !host.includes("\t") && !/^\[(::ffff:[0-9a-f]+:|64:ff9b:|2002:|2001:|::ffff:0:|::\d)/.test(host),
    );
    expect(near.length).toBeGreaterThan(1_000);
    expect(near.filter((host) => isSource(`http://${host}/`))).toEqual([]);
    for (const host of [...NEAR, "localhost", "[::1]", "[fd12::1]", "prometheus", "b\u00fccher.example", "example.org."])
      expect(isSource(`http://${host}:9090/`), host).toBe(true);
    for (const host of ["LOCALHOST.", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "[0:0:0:0:0:0:0:1]"])
      expect(isSource(`http://${host}:9090/`), host).toBe(host === "LOCALHOST.");
    for (const text of [...SCHEMES, "http:user@127.0.0.1/", "http://@127.0.0.1/", "http:\\\\user@example.org/"]) expect(isSource(text), text).toBe(false);
  });

  test("are not reached through redirects", async () => {
    let trapped = 0;
    const trap = createTcpServer((socket) => {
      trapped++;
      socket.destroy();
    });
    await new Promise<void>((done) => trap.listen(0, "127.0.0.1", done));
    closers.push(() => trap.close());
    const { port } = trap.address() as AddressInfo;
    const locations = [...disguises("127.0.0.1"), ...NAMES, "localhost", "[::1]"]
      .map((host) => `http://${host}:${port}/`)
      .concat(SCHEMES, [`//127.0.0.1:${port}/`, `\\\\127.0.0.1:${port}\\`]);
    let next = 0;
    const from = await serve((_, response) => response.writeHead(302, { location: encodeURI(locations[next] as string).replaceAll("%25", "%") }).end());
    const codes = new Set<string>();
    for (next = 0; next < locations.length; next++)
      codes.add(await outcomeOf(new URL(`http://127.0.0.1:${from}/`), { lookup: names(["127.0.0.1"]).lookup, allow: allowAddresses(["loopback"]) }));
    expect([...codes]).toEqual(["redirected"]);
    expect(trapped).toBe(0);
  });

  test("are looked at anew at every redirect on the same origin", async () => {
    const port = await serve((request, response) => {
      if (request.url === "/") response.writeHead(307, { location: "/inside", connection: "close" }).end();
      else response.end();
    });
    const told = names(["127.0.0.1"], ["10.0.0.1"]);
    expect(await outcomeOf(new URL(`http://first.example:${port}/`), { lookup: told.lookup, allow: allowAddresses(["loopback"]) })).toBe("address_refused");
    expect(told.asked).toBe(2);
  });
});
