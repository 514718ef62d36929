import { type OperandKind, REASON_CODES, REASONS, type Reason, type ReasonCode } from "./reasons.ts";

const OPERANDS = REASON_CODES.map((code) => Object.entries(REASONS[code].operands) as [name: string, kind: OperandKind][]);

/** Names that operand positions stand for. */
export interface ReasonNames {
  readonly metrics: readonly string[];
  readonly limits: readonly string[];
}

const REASONS_MAX = 96;
const REASONS_BEGIN = 12;
const OPERANDS_MAX = 5;

/**
 * The reasons of the running tick in columns, so that explaining every tick allocates nothing.
 * Entries beyond 96 are counted, not kept: metrics, strategies and limits are bounded by the policy schema well below that.
 */
export class ReasonLog {
  // Grown as needed: there may be thousands of them, and most ticks have few reasons.
  #codes = new Int16Array(REASONS_BEGIN);
  #numbers = new Float64Array(REASONS_BEGIN * (OPERANDS_MAX + 2));
  #count = 0;

  reset(): void {
    this.#count = 0;
  }

  add(code: number, from: number, to: number, a = 0, b = 0, c = 0, d = 0, e = 0): void {
    if (this.#count === this.#codes.length && !this.#grow()) return;
    const numbers = this.#numbers;
    let at = this.#count * (OPERANDS_MAX + 2);
    this.#codes[this.#count++] = code;
    numbers[at++] = from;
    numbers[at++] = to;
    numbers[at++] = a;
    numbers[at++] = b;
    numbers[at++] = c;
    numbers[at++] = d;
    numbers[at] = e;
  }

  #grow(): boolean {
    const length = Math.min(REASONS_MAX, 2 * this.#codes.length);
    if (length === this.#codes.length) return false;
    const codes = new Int16Array(length);
    const numbers = new Float64Array(length * (OPERANDS_MAX + 2));
    codes.set(this.#codes);
    numbers.set(this.#numbers);
    this.#codes = codes;
    this.#numbers = numbers;
    return true;
  }

  toReasons(names: ReasonNames): Reason[] {
    const reasons: Reason[] = [];
    for (let entry = 0; entry < this.#count; entry++) {
      const index = this.#codes[entry] as number;
      const code = REASON_CODES[index] as ReasonCode;
      const of = OPERANDS[index] as (typeof OPERANDS)[number];
      const at = entry * (OPERANDS_MAX + 2);
      const operands: Record<string, number | string> = {};
      for (let position = 0; position < of.length; position++) {
        const [name, kind] = of[position] as (typeof of)[number];
        operands[name] = operand(kind, this.#numbers[at + 2 + position] as number, names);
      }
      reasons.push({ stage: REASONS[code].stage, code, from: this.#numbers[at] as number, to: this.#numbers[at + 1] as number, operands });
    }
    return reasons;
  }
}

function operand(kind: OperandKind, number: number, names: ReasonNames): number | string {
  if (kind === "metric") return names.metrics[number] ?? "?";
  return kind === "limit" ? (names.limits[number] ?? "?") : number;
}
