/** Rings begin with so many entries, and double when they are full: most windows hold few, and there may be thousands of them. */
export const RING_BEGINS_WITH = 8;

/** A ring of twice the length, its entries in order from the beginning. @param head position of the first entry */
export function grown(ring: Float64Array, head: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * ring.length);
  larger.set(ring.subarray(head));
  larger.set(ring.subarray(0, head), ring.length - head);
  return larger;
}
