import { type Endpoint, readEndpoints } from "../sources/scrape/endpoints.ts";

const READ_WITHIN_MS = 1_000;

/** A file of endpoints that is read again and again. */
export interface FollowedEndpoints {
  /** Reads it now. @returns why it cannot be read, in words */
  look(): Promise<string | undefined>;
  close(): void;
}

/** Reads again and again who is there, `everyMs`. What cannot be read leaves what was read last. @param path of what is asked for on each endpoint */
export function followEndpoints(file: string, path: string, everyMs: number, onFound: (endpoints: readonly Endpoint[]) => void): FollowedEndpoints {
  const look = async (): Promise<string | undefined> => {
    const found = await readEndpoints(file, path, AbortSignal.timeout(READ_WITHIN_MS));
    if (typeof found === "string") return found;
    onFound(found);
    return undefined;
  };
  const timer = setInterval(() => void look(), everyMs);
  return { look, close: () => clearInterval(timer) };
}
