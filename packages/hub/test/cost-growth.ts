/**
 * How many times as long work takes at eight times the size: about 8 where it is linear, 64 where it is quadratic, whatever the machine.
 * Measured is the processor time of this thread, which others on the machine do not lengthen as they lengthen the time by the clock. Of
 * several runs the quickest counts, for what disturbs one only makes it longer.
 */
export function costGrowth(work: (size: number) => void, size: number): number {
  const quickest = (each: () => void) => Math.min(...Array.from({ length: 9 }, () => cpuTimeOf(each)))
  const eightSmall = quickest(() => {
    for (let count = 0; count < 8; count++) work(size)
  })
  const large = quickest(() => work(8 * size))
  return large / (eightSmall / 8)
}

/** Between linear and quadratic, with room to both sides. */
export const atMostLinear = 24

/** In microseconds, at least one. */
function cpuTimeOf(work: () => void): number {
  const start = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(start)
  return Math.max(1, user + system)
}
