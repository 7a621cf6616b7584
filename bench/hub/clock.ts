/** Milliseconds on the clock of the system that never jumps, the same in all threads: each counts `performance.now()` from its own start. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
