import { parentPort } from "node:worker_threads";
import { busyShare, type LoadRequest, playShare, type Share } from "../load/play.ts";

// Runs in a thread of its own: a share of a load comes in, each second and the whole go out.

const stop = new AbortController();
parentPort?.on("message", async (message: "stop" | { readonly request: LoadRequest; readonly share: Share }) => {
  if (message === "stop") return stop.abort();
  const { request, share } = message;
  const played = await playShare(request, share, (report, parts) => parentPort?.postMessage({ kind: "second", report, parts }), stop.signal);
  parentPort?.postMessage({ kind: "whole", ...played, busy: busyShare() });
});
