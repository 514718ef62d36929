import { expect, test } from "vitest";
import { manifestEngine } from "./app.ts";
import { parseHpaManifests } from "./formats/hpa-manifest.ts";

const MANIFEST = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {kind: Deployment, name: web}, maxReplicas: 9}
`;
const BEHAVIOUR = MANIFEST.replace("9}", `9, behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}`);

test.each([
  ["hpa-v2", MANIFEST, undefined],
  ["hpa-v2", BEHAVIOUR, 60_000],
  ["hpa-adapter0", MANIFEST, undefined],
  ["hpa-adapter0", BEHAVIOUR, 60_000],
  ["hpa-legacy", BEHAVIOUR, undefined],
])("%s of a manifest follows its `behavior` block where it has one and the kind knows it", (kind, text, windowMs) => {
  const engine = manifestEngine(`${kind}=hpa.yaml`, (file) => parseHpaManifests(text, file));
  if (typeof engine !== "object" || "problem" in engine) throw new Error("no engine");
  expect(engine.hpa.behaviour?.down.stabilizationMs).toBe(windowMs);
});
