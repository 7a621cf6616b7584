/**
 * Milliseconds of the monotonic clock of the system, the same in all threads: each counts
 * `performance.now()` from its own start.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
