import { styleText } from "node:util";

/** Colours on a terminal, plain text elsewhere. NO_COLOR and FORCE_COLOR are honoured. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "magenta";

export interface Terminal {
  readonly columns: number;
  readonly paint: (style: Style, text: string) => string;
}

/** What standard output can show. */
export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const hasColour = NO_COLOR ? false : FORCE_COLOR !== undefined ? FORCE_COLOR !== "0" : stream.isTTY === true && TERM !== "dumb";
  return {
    columns: Math.min(140, Math.max(60, stream.columns ?? 100)),
    // stripVTControlCharacters-safe: styleText pairs every code with its end.
    paint: (style, text) => (hasColour ? styleText(style, text) : text),
  };
}

/** A progress line on standard error for work that takes longer than a second: rewritten on a terminal, one line every 5 s elsewhere. */
export class Progress {
  readonly #what: string;
  readonly #beganMs = performance.now();
  #lastMs = performance.now();
  #shown = false;

  constructor(what: string) {
    this.#what = what;
  }

  /** @param done a share 0..1, or a text such as "12 MB" */
  update(done: number | string): void {
    const nowMs = performance.now();
    if (nowMs - this.#beganMs < 1_000 || nowMs - this.#lastMs < (process.stderr.isTTY ? 100 : 5_000)) return;
    this.#lastMs = nowMs;
    this.#shown = true;
    const text = `${this.#what} ${typeof done === "string" ? done : `${Math.floor(done * 100)} %`}`;
    process.stderr.write(process.stderr.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
  }

  end(): void {
    if (this.#shown && process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  }
}
