/**
 * How many times as long work takes at eight times the size: about 8 where it is linear, 64 where it is quadratic, whatever the machine. Of
 * several runs the quickest counts, for what disturbs one only makes it longer.
 */
export function costGrowth(work: (size: number) => void, size: number): number {
  const quickest = (each: number) => Math.min(...Array.from({ length: 7 }, () => timeOf(() => work(each))))
  const small = quickest(size)
  return quickest(8 * size) / small
}

/** Between linear and quadratic, with room to both sides. */
export const atMostLinear = 24

function timeOf(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}
