import type { Trace } from "./trace.ts";

/** The recording in bins of at least `binMs`: means of whole numbers of its own bins. A last part of a bin is left out. */
export function coarsen(trace: Trace, binMs: number): Trace {
  const width = Math.max(1, Math.ceil(binMs / trace.binMs - 1e-9));
  if (width === 1) return trace;
  const bins = Math.floor(trace.load.length / width);
  const mean = (values: Float64Array): Float64Array => {
    const means = new Float64Array(bins);
    for (let bin = 0; bin < bins; bin++) {
      let sum = 0;
      for (let i = bin * width; i < (bin + 1) * width; i++) sum += values[i] as number;
      means[bin] = sum / width;
    }
    return means;
  };
  return { ...trace, binMs: trace.binMs * width, load: mean(trace.load), columns: new Map([...trace.columns].map(([name, values]) => [name, mean(values)])) };
}
