/** Wrong usage that the option parser cannot see by itself. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
