/** A seeded stream of numbers. The same seed gives the same stream on every machine. */
export interface Rng {
  /** Uniform in [0, 1), 32 random bits. */
  next(): number;
  /** Standard normal (mean 0, variance 1), by Box and Muller (1958). */
  normal(): number;
}

/**
 * sfc32 by Chris Doty-Humphrey (PractRand), seeded through splitmix32 so that near seeds give unlike streams.
 * @param seed any number; its integer part modulo 2^32 counts
 */
export function createRng(seed: number): Rng {
  let mixer = Math.trunc(seed) | 0;
  const splitmix = (): number => {
    mixer = (mixer + 0x9e3779b9) | 0;
    let z = mixer;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  // The first outputs still show the seed; the reference implementation discards twelve.
  for (let i = 0; i < 12; i++) next();
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return { next, normal };
}
