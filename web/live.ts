import { useEffect, useReducer, useRef } from "preact/hooks";
import { ask, forgetToken, hasToken, Refused, request, troubleText } from "./api.ts";

// What is known, and whether it is still so. One stream of events for the page; views ask again when something happened.

/** Without a word for so long, the stream counts as lost: the controller says something every 5 s. */
const SILENCE_MS = 12_000;
const RETRY_LEAST_MS = 1_000;
const RETRY_MOST_MS = 10_000;

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "lost"; readonly sinceMs: number }
  | { readonly kind: "unknown-token" };

let connection: Connection = { kind: "connecting" };
/** When the controller last said anything. */
let heardMs = Date.now();
const watchers = new Set<() => void>();
const listeners = new Set<() => void>();

function become(next: Connection): void {
  // Since when it has been lost, not since when it was last tried.
  if (connection.kind === "lost" && next.kind === "lost") return;
  connection = next;
  for (const watcher of watchers) watcher();
}

/** Listens for as long as the page is open. */
export async function stayConnected(): Promise<void> {
  let waitMs = RETRY_LEAST_MS;
  for (;;) {
    if (!hasToken()) {
      become({ kind: "unknown-token" });
      return;
    }
    try {
      await listen(() => {
        waitMs = RETRY_LEAST_MS;
      });
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        forgetToken();
        become({ kind: "unknown-token" });
        return;
      }
    }
    // Nobody looks: a browser has few connections to one place, and other tabs of it want them, too.
    if (document.hidden) {
      become({ kind: "connecting" });
      await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
      waitMs = RETRY_LEAST_MS;
      continue;
    }
    // Since the last word of it, not since its silence was noticed.
    become({ kind: "lost", sinceMs: heardMs });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(RETRY_MOST_MS, 2 * waitMs);
  }
}

async function listen(onHeard: () => void): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const hide = (): void => {
    if (document.hidden) silence.abort();
  };
  document.addEventListener("visibilitychange", hide);
  try {
    const { body } = await request("/events", { signal: silence.signal });
    if (body === null) return;
    heardMs = Date.now();
    become({ kind: "live" });
    onHeard();
    for (const listener of listeners) listener();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heardMs = Date.now();
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const lines = (rest + value).split("\n");
      rest = lines.pop() as string;
      if (lines.some((line) => line.startsWith("event:"))) for (const listener of listeners) listener();
    }
  } finally {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", hide);
  }
}

export function useConnection(): Connection {
  const [, again] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    const watcher = (): void => again(undefined);
    watchers.add(watcher);
    // What happened between drawing and here.
    watcher();
    return () => void watchers.delete(watcher);
  }, []);
  return connection;
}

export interface Known<T> {
  readonly answer: T | undefined;
  readonly trouble: string | undefined;
  /** When the answer came, by this browser's clock. */
  readonly atMs: number;
  refresh(): void;
}

/**
 * What the controller says at a path: asked for now, when something happens, at most once in `everyMs`, and again after the connection was
 * lost. What was known stays until something newer comes: whoever shows it says how old it is.
 */
export function useAnswer<T>(path: string | undefined, everyMs = 1_000): Known<T> {
  const [, again] = useReducer((count: number, _: undefined) => count + 1, 0);
  const known = useRef<{ path: string | undefined; answer: T | undefined; trouble: string | undefined; atMs: number }>({
    path: undefined,
    answer: undefined,
    trouble: undefined,
    atMs: 0,
  });
  const refresh = useRef<() => void>(() => {});
  if (known.current.path !== path) known.current = { path, answer: undefined, trouble: undefined, atMs: 0 };
  useEffect(() => {
    if (path === undefined) return;
    const stop = new AbortController();
    let isAsking = false;
    let wanted = false;
    let askedMs = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const go = async (): Promise<void> => {
      wanted = false;
      isAsking = true;
      askedMs = Date.now();
      try {
        const answer = await ask<T>(path, stop.signal);
        if (!stop.signal.aborted) known.current = { path, answer, trouble: undefined, atMs: Date.now() };
      } catch (error) {
        if (!stop.signal.aborted) known.current = { ...known.current, trouble: troubleText(error) };
      }
      if (stop.signal.aborted) return;
      isAsking = false;
      again(undefined);
      if (wanted) soon();
    };
    const soon = (): void => {
      wanted = true;
      if (isAsking || timer !== undefined || document.hidden) return;
      timer = setTimeout(
        () => {
          timer = undefined;
          void go();
        },
        Math.max(0, askedMs + everyMs - Date.now()),
      );
    };
    const seen = (): void => {
      if (!document.hidden && wanted) soon();
    };
    refresh.current = () => {
      if (!isAsking) void go();
    };
    listeners.add(soon);
    document.addEventListener("visibilitychange", seen);
    void go();
    return () => {
      stop.abort();
      clearTimeout(timer);
      listeners.delete(soon);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, everyMs]);
  const { answer, trouble, atMs } = known.current;
  return { answer, trouble, atMs, refresh: () => refresh.current() };
}
