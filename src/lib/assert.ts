/**
 * Stops the process when a condition that our own code must keep is broken.
 * Never for bad input: that gets a value or one of the error classes.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
