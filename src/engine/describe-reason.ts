import { formatOperand, formatSpan } from "../lib/format.ts";
import { type OperandKind, REASONS, type Reason } from "./reasons.ts";

/** A reason as a sentence: the catalogue's text with the operands filled in. */
export function describeReason(reason: Reason): string {
  const definition = REASONS[reason.code];
  const kinds = definition.operands as Readonly<Record<string, OperandKind>>;
  return definition.text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
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
