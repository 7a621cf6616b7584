/**
 * How many times as long work takes at eight times the size: about 8 where it is linear, 64 where it is quadratic, whatever the machine.
 * Measured is the processor time of this thread, which others on the machine do not lengthen as they lengthen the time by the clock. Of
 * several runs the middle one counts: what disturbs one makes it longer, and on a busy machine a system may count one short.
 */
export function costGrowth(work: (size: number) => void, size: number): number {
  const usual = (each: () => void) => Array.from({ length: 9 }, () => cpuTimeOf(each)).sort((one, two) => one - two)[4]!
  const eightSmall = usual(() => {
    for (let count = 0; count < 8; count++) work(size)
  })
  const large = usual(() => work(8 * size))
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
