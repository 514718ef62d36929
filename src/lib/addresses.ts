import { BlockList, isIP } from "node:net";

/**
 * What an address is to whoever asks it. `special`: nothing that a request should go to unless somebody says so, such as link-local
 * addresses, where clouds hand out credentials, and those that stand for no machine or for many.
 */
export type AddressKind = "public" | "private" | "loopback" | "special";

/** Addresses beyond public ones that requests may go to. Made by `allowAddresses`. */
export interface AllowedAddresses {
  /** The same for lists that allow the same. */
  readonly key: string;
  readonly kinds: ReadonlySet<string>;
  readonly listed: BlockList;
}

const LOOPBACK = ranges(["127.0.0.0/8", "::1/128"]);
/** RFC 1918, RFC 6598 and RFC 4193. */
const PRIVATE = ranges(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]);
/** Of the registries of special-purpose addresses (RFC 6890), and where clouds answer with credentials outside of link-local ranges. */
const SPECIAL = ranges([
  ...["0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...["224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20"],
  ...["100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::/32", "fd20:ce::/32"],
]);
/** The only addresses of version 6 that are given to machines anywhere. */
const GLOBAL = ranges(["2000::/3"]);

/** What an IP address is; one of version 4 inside of one of version 6 counts as what it is. */
export function addressKind(address: string): AddressKind {
  const plain = unwrapped(address);
  if (isIn(LOOPBACK, plain)) return "loopback";
  if (isIn(SPECIAL, plain)) return "special";
  if (isIn(PRIVATE, plain)) return "private";
  return isIP(plain) === 4 || isIn(GLOBAL, plain) ? "public" : "special";
}

/** Whether a text is something that `allowAddresses` takes: `private`, `loopback`, an address, or a range such as `10.0.0.0/8`. */
export function isAllowance(text: string): boolean {
  if (text === "private" || text === "loopback") return true;
  const [address, bits, ...rest] = text.split("/");
  const version = isIP(address as string);
  if (version === 0 || text.includes("%") || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** What may be asked beyond public addresses. */
export function allowAddresses(allowances: readonly string[]): AllowedAddresses {
  const kinds = new Set<string>(allowances.filter((text) => text === "private" || text === "loopback"));
  return { key: allowances.toSorted().join(" "), kinds, listed: ranges(allowances.filter((text) => !kinds.has(text))) };
}

/**
 * Whether a request may go to an address. What is written as an address means itself, if it is not special; a name, which others
 * may point to where they like, may lead to public addresses alone unless more is allowed.
 */
export function mayReach(address: string, host: string, allowed: AllowedAddresses): boolean {
  const kind = addressKind(address);
  if (kind === "public" || allowed.kinds.has(kind) || isIn(allowed.listed, unwrapped(address))) return true;
  return isIP(host) !== 0 ? kind !== "special" : kind === "loopback" && /^localhost\.?$/i.test(host);
}

function ranges(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address, bits] = text.split("/") as [string, string?];
    const is4 = isIP(address) === 4;
    list.addSubnet(address, Number(bits ?? (is4 ? 32 : 128)), is4 ? "ipv4" : "ipv6");
  }
  return list;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** An address without its zone, and the one of version 4 that it stands for: mapped, translated (RFC 6052, RFC 2765) or 6to4. */
function unwrapped(address: string): string {
  const plain = address.replace(/%.*$/, "");
  if (isIP(plain) !== 6) return plain;
  const groups = groupsOf(plain);
  const [a, b, c, d, e, f, g, h] = groups as [number, number, number, number, number, number, number, number];
  const isTranslated = (a === 0x64 && b === 0xff9b && (c | d | e | f) === 0) || ((a | b | c | d) === 0 && e === 0xffff && f === 0);
  if (isTranslated || ((a | b | c | d | e) === 0 && f === 0xffff)) return dotted(g, h);
  return a === 0x2002 ? dotted(b, c) : plain;
}

/** The eight groups of an address of version 6. */
function groupsOf(address: string): readonly number[] {
  const parse = (text: string): number[] => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::").map(parse) as [number[], number[]?];
  return tail === undefined ? head : [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
