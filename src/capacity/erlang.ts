/**
 * Erlang B: probability that all `servers` are busy at an offered load of `erlangs`, by the recursion
 * B(0) = 1, B(k) = A B(k-1) / (k + A B(k-1)), which is stable for thousands of servers. O(servers).
 * @param erlangs >= 0   @param servers whole, >= 0
 */
function erlangB(erlangs: number, servers: number): number {
  let blocking = 1;
  for (let k = 1; k <= servers; k++) blocking = (erlangs * blocking) / (k + erlangs * blocking);
  return blocking;
}

/**
 * Erlang C: probability of waiting in M/M/c, `C = B / (1 - rho (1 - B))`. 1 at or beyond saturation.
 * @example erlangC(1, 2) // 0.3333
 */
export function erlangC(erlangs: number, servers: number): number {
  const utilisation = erlangs / servers;
  if (utilisation >= 1) return 1;
  const blocking = erlangB(erlangs, servers);
  return blocking / (1 - utilisation * (1 - blocking));
}

/**
 * Quantile of the response time in M/M/c, in mean service times: inverts
 * `P(W > t) = (1-C) e^-t + C (e^(-at) - a e^-t) / (1-a)`, `a = c - A` (service time 1; `a = 1`: `e^-t (1 + C t)`), by bisection.
 * @param quantile in (0, 1)   @param erlangs offered load, below `servers`
 * @example mmcResponseQuantile(0.95, 3.6, 4) // 8.1655
 */
export function mmcResponseQuantile(quantile: number, erlangs: number, servers: number, waiting = erlangC(erlangs, servers)): number {
  const spare = servers - erlangs;
  const tail = (t: number): number => {
    if (Math.abs(spare - 1) < 1e-9) return Math.exp(-t) * (1 + waiting * t);
    return (1 - waiting) * Math.exp(-t) + (waiting * (Math.exp(-spare * t) - spare * Math.exp(-t))) / (1 - spare);
  };
  const beyond = 1 - quantile;
  let low = 0;
  let high = 1;
  while (tail(high) > beyond) high *= 2;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (tail(middle) > beyond) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
