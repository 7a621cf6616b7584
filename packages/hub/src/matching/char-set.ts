/** A set of UTF-16 code units: inclusive ranges in ascending order, none touching the next. */
export type CharSet = readonly (readonly [from: number, to: number])[]

const last = 0xffff

/** Every code unit. */
export const anyChar: CharSet = [[0, last]]

/** The code units of a text. */
export function charsOf(text: string): CharSet {
  const ranges: [number, number][] = []
  for (let index = 0; index < text.length; index++) ranges.push([text.charCodeAt(index), text.charCodeAt(index)])
  return normalize(ranges)
}

/** The code units from one to another, inclusive. */
export function charRange(from: number, to: number): CharSet {
  return [[from, to]]
}

/** The union of the sets. */
export function unionOf(sets: readonly CharSet[]): CharSet {
  return normalize(sets.flat())
}

/** The complement of the set. */
export function complementOf(set: CharSet): CharSet {
  const ranges: [number, number][] = []
  let from = 0
  for (const [start, end] of set) {
    if (start > from) ranges.push([from, start - 1])
    from = end + 1
  }
  if (from <= last) ranges.push([from, last])
  return ranges
}

function normalize(ranges: readonly (readonly [number, number])[]): CharSet {
  const normal: [number, number][] = []
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = normal.at(-1)
    if (previous && from <= previous[1] + 1) previous[1] = Math.max(previous[1], to)
    else normal.push([from, to])
  }
  return normal
}
