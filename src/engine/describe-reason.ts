import { formatOperand, formatSpan } from "../lib/format.ts";
import { type OperandKind, REASONS, type Reason } from "./reasons.ts";

/** A reason as a sentence: the catalogue's text with the operands filled in. */
export function describeReason(reason: Reason): string {
  const definition = REASONS[reason.code];
  const kinds = definition.operands as Readonly<Record<string, OperandKind>>;
  const text = definition.text.replaceAll(/\[([^\]]*\{(\w+)\}[^\]]*)\]/g, (_, part: string, name: string) => (reason.operands[name] === 0 ? "" : part));
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (name === "from") return formatOperand(reason.from);
    if (name === "to") return formatOperand(reason.to);
    const value = reason.operands[name];
    if (typeof value !== "number") return String(value);
    switch (kinds[name]) {
      case "ratio":
        return `${formatOperand(value * 100)} %`;
      case "ms":
        return formatSpan(Math.max(0, value));
      default:
        return formatOperand(value);
    }
  });
}

/** Why the number is what it is, in words: the last reason that changed it, else the last that held it. */
export function whyText(reasons: readonly Reason[]): string {
  const last = reasons.filter(({ from, to }) => from !== to).at(-1) ?? reasons.at(-1);
  return last === undefined ? "nothing to say" : describeReason(last);
}
