/** Series longer than this are averaged down before the transform. */
const POINTS_MAX = 1 << 19;
/** How far a peak must rise over the valley before it. */
const PROMINENCE = 0.1;

/**
 * Period of a series: the lag of the highest peak of its autocorrelation, if that is at least `threshold`.
 * A peak is a local maximum that stands out over the lowest value at shorter lags, so neither slow trends nor noise count.
 * By fast Fourier transform (Wiener-Khinchin), O(n log n).
 * @returns the lag in samples, or `undefined` when nothing repeats
 */
export function dominantPeriod(series: Float64Array, threshold: number): number | undefined {
  const factor = Math.ceil(series.length / POINTS_MAX);
  const count = Math.floor(series.length / factor);
  if (count < 8) return undefined;
  let size = 1;
  while (size < 2 * count) size *= 2;
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  let mean = 0;
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = 0; j < factor; j++) sum += series[i * factor + j] as number;
    real[i] = sum / factor;
    mean += sum / factor / count;
  }
  for (let i = 0; i < count; i++) real[i] = (real[i] as number) - mean;
  transform(real, imaginary);
  for (let i = 0; i < size; i++) {
    real[i] = (real[i] as number) ** 2 + (imaginary[i] as number) ** 2;
    imaginary[i] = 0;
  }
  transform(real, imaginary);
  const zero = real[0] as number;
  if (!(zero > 0)) return undefined;
  let best: number | undefined;
  let bestValue = threshold;
  let lowest = 1;
  for (let lag = 1; lag < count / 2; lag++) {
    const here = (real[lag] as number) / zero;
    const before = (real[lag - 1] as number) / zero;
    const after = (real[lag + 1] as number) / zero;
    lowest = Math.min(lowest, here);
    if (here >= lowest + PROMINENCE && here >= before && here > after && here >= bestValue) {
      best = lag;
      // A later multiple of the period must be clearly higher to count.
      bestValue = here * 1.05;
    }
  }
  return best === undefined ? undefined : best * factor;
}

/** In-place radix-2 transform (Cooley and Tukey 1965); lengths are a power of two. */
function transform(real: Float64Array, imaginary: Float64Array): void {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    const re = real[i] as number;
    const im = imaginary[i] as number;
    real[i] = real[j] as number;
    imaginary[i] = imaginary[j] as number;
    real[j] = re;
    imaginary[j] = im;
  }
  for (let length = 2; length <= size; length *= 2) {
    const half = length / 2;
    const cosines = Float64Array.from({ length: half }, (_, k) => Math.cos((-2 * Math.PI * k) / length));
    const sines = Float64Array.from({ length: half }, (_, k) => Math.sin((-2 * Math.PI * k) / length));
    for (let begin = 0; begin < size; begin += length) {
      for (let k = 0; k < half; k++) {
        const a = begin + k;
        const b = a + half;
        const cosine = cosines[k] as number;
        const sine = sines[k] as number;
        const re = (real[b] as number) * cosine - (imaginary[b] as number) * sine;
        const im = (real[b] as number) * sine + (imaginary[b] as number) * cosine;
        real[b] = (real[a] as number) - re;
        imaginary[b] = (imaginary[a] as number) - im;
        real[a] = (real[a] as number) + re;
        imaginary[a] = (imaginary[a] as number) + im;
      }
    }
  }
}
