/**
 * Quantiles of the response time in M/M/1 processor sharing, in mean response times `1 / (1 - rho)`.
 *
 * The mean is `S / (1 - rho)` whatever the sizes; the shape needs the chain that a tagged request sees: with n others
 * present it leaves at rate 1/(n+1), another leaves at n/(n+1), one arrives at rho (service time 1). Arrivals see a
 * geometric number of others. The chain is uniformised (Jensen 1953) and its survival inverted by bisection.
 * In means: p95 3.34, 3.64, 3.87 and p99 5.88, 6.97, 7.83 at rho 0.4, 0.7, 0.9.
 *
 * @param utilisation 0 <= rho <= 0.99   @param quantiles ascending, each in (0, 1)
 */
export function processorSharingQuantiles(utilisation: number, quantiles: readonly number[]): Float64Array {
  const rho = utilisation;
  const rate = 1 + rho;
  const beyondLast = 1 - (quantiles[quantiles.length - 1] as number);
  // Others beyond this are rarer than 1e-9 on arrival; during a stay the crowd is rarely much larger.
  const states = rho === 0 ? 2 : Math.min(2_000, Math.ceil(Math.log(1e-9) / Math.log(rho)) + 20);
  let mass = Float64Array.from({ length: states }, (_, n) => (1 - rho) * rho ** n);
  let next = new Float64Array(states);
  // Survival after k jumps of the uniformised chain, until far below the tail that is asked for.
  const survival = [1];
  while ((survival[survival.length - 1] as number) > beyondLast / 50 && survival.length < 200_000) {
    next.fill(0);
    let left = 0;
    for (let n = 0; n < states; n++) {
      const here = mass[n] as number;
      const up = n + 1 < states ? rho : 0;
      const down = n / (n + 1);
      if (up > 0) next[n + 1] = (next[n + 1] as number) + (here * up) / rate;
      if (n > 0) next[n - 1] = (next[n - 1] as number) + (here * down) / rate;
      next[n] = (next[n] as number) + here * (1 - (up + 1) / rate);
    }
    for (let n = 0; n < states; n++) left += next[n] as number;
    survival.push(left);
    [mass, next] = [next, mass];
  }
  let low = 0;
  return Float64Array.from(quantiles, (quantile) => {
    let high = Math.max(1, low * 2);
    while (survivalAt(survival, rate * high) > 1 - quantile) high *= 2;
    let from = low;
    for (let i = 0; i < 26; i++) {
      const middle = (from + high) / 2;
      if (survivalAt(survival, rate * middle) > 1 - quantile) from = middle;
      else high = middle;
    }
    low = from;
    return from * (1 - rho);
  });
}

/** Mean of the survival over a Poisson number of jumps, summed outwards from the mode until terms vanish. */
function survivalAt(survival: readonly number[], jumps: number): number {
  const mode = Math.floor(jumps);
  const logMode = mode * Math.log(jumps) - jumps - logFactorial(mode);
  const peak = jumps === 0 ? 1 : Math.exp(logMode);
  const at = (k: number): number => (k < survival.length ? (survival[k] as number) : 0);
  let sum = peak * at(mode);
  for (let k = mode, weight = peak; k > 0; k--) {
    weight *= k / jumps;
    if (weight < 1e-12) break;
    sum += weight * at(k - 1);
  }
  for (let k = mode + 1, weight = peak; ; k++) {
    weight *= jumps / k;
    if (weight < 1e-12) break;
    sum += weight * at(k);
  }
  return sum;
}

/** Natural logarithm of n!, by Stirling's series; exact to 1e-10 from n = 10 on, tabulated below. */
function logFactorial(n: number): number {
  if (n < 10) {
    let product = 1;
    for (let k = 2; k <= n; k++) product *= k;
    return Math.log(product);
  }
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + 1 / (12 * n) - 1 / (360 * n ** 3);
}
