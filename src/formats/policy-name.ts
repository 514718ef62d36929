/** The nearest name that the policy language takes: lower-case letters, digits and `-`, at most 63. */
export function policyName(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 63)
    .replace(/-+$/, "");
  return name === "" ? "app" : name;
}

/** The name, or the name with the first number behind it that is not taken yet. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? "" : `-${number}`;
    const free = name.slice(0, 63 - suffix.length).replace(/-+$/, "") + suffix;
    if (!taken.has(free)) return free;
  }
}

/** Whether the policy language, and every tool that speaks OpenSLO, takes this as a name. */
export function isPolicyName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
}
