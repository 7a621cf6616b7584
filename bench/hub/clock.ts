/** Milliseconds on a clock that all threads of the process share; `performance.now()` begins at each thread's own start. */
export function now(): number {
  return performance.now() + offset
}

const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()
