import { whyUnusable } from "../../lib/secrets.ts";
import type { Notice, Notifier, Sent } from "../notifier.ts";
import { postNotice } from "../sent.ts";

/** An incoming webhook; whoever has its address can post. */
export interface SlackConfig {
  /** As it is now. @throws PathError   @throws FileError */
  readonly url: () => string;
  readonly wallMs: () => number;
}

/** Posts notices to an incoming webhook of Slack, or of what understands the same (Mattermost, Rocket.Chat, …). */
export class SlackNotifier implements Notifier {
  readonly #config: SlackConfig;

  constructor(config: SlackConfig) {
    this.#config = config;
  }

  async send(notice: Notice, signal: AbortSignal): Promise<Sent> {
    const { url, wallMs } = this.#config;
    try {
      return await postNotice(url(), { headers: { "content-type": "application/json; charset=utf-8" }, body: bodyOf(notice) }, signal, wallMs);
    } catch (error) {
      return { kind: "failed", message: whyUnusable(error), mayHeal: true };
    }
  }
}

/** A section of Slack holds 3,000 characters. */
const PART_MAX = 1_400;
const SIGNS: Readonly<Record<Notice["phase"], string>> = { began: "", continues: "still: ", ended: "over: ", once: "" };

function bodyOf({ kind, phase, title, text, time, dropped }: Notice): string {
  const head = `${SIGNS[phase]}${title}`;
  const foot = `${kind} · ${time}${dropped > 0 ? ` · ${dropped} earlier notices were given up` : ""}`;
  return JSON.stringify({
    text: escaped([head, text].filter((part) => part !== "").join(": ")),
    blocks: [
      section(`*${escaped(head)}*${text === "" ? "" : `\n${escaped(text)}`}`),
      { type: "context", elements: [{ type: "mrkdwn", text: escaped(foot), verbatim: true }] },
    ],
  });
}

/** `verbatim`: names and addresses in it stay text. */
function section(text: string): object {
  return { type: "section", text: { type: "mrkdwn", text, verbatim: true } };
}

/**
 * Text that mentions nobody and links nowhere: &, < and > as Slack asks for, and what Slack's relatives turn into mentions and links on
 * their own broken by a space that nobody sees.
 */
function escaped(text: string): string {
  const inert = text
    .replaceAll("@", "@\u200b")
    .replaceAll("://", ":\u200b//")
    .replaceAll("](", "]\u200b(")
    .replaceAll(/\bwww\./gi, "$&\u200b");
  const safe = inert.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return safe.length <= PART_MAX ? safe : `${safe.slice(0, PART_MAX).replace(/&[a-z]*$/, "")}…`;
}
