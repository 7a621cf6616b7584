/** A small generator of random numbers (mulberry32), so that a seed gives the same stream anywhere and at any time. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }
}

const names = ['data', 'data', 'data', 'event', 'id', 'retry', '']
const nearMisses = ['Data', 'dat', 'dataa', 'data ', ' data', 'ids', 'i', 'retr', 'evenT', '\uFEFFdata', 'é', '\0']
const separators = [':', ': ', ':  ', '::', ' :', '', ':\t']
const values = [
  '',
  'x',
  'two words',
  ' leading',
  'trailing ',
  'a:b',
  ':',
  '0',
  '40',
  '+40',
  '1e1',
  '40 ',
  '٤',
  '99999999999',
]
const oddities = [
  'a\0b',
  '\0',
  '\uFEFF',
  'é',
  '€uro',
  '𝄞',
  '👩‍🚀',
  '\u2028',
  '\v',
  '[DONE]',
  '{"a":[1,2]}',
  'x'.repeat(70),
]
const lineEnds = ['\n', '\n', '\n', '\r\n', '\r\n', '\r', '\r\r', '\n\n', '\n\n', '\r\n\r\n', '\n\r', '']

/** A stream made of what goes wrong: near misses, empty parts, line ends of every kind, and sometimes no end. */
export function generateStream(random: Random): string {
  let stream = random.below(6) === 0 ? '\uFEFF' : ''
  for (let lines = random.below(12); lines >= 0; lines--) {
    stream += random.below(8) === 0 ? random.pick(nearMisses) : random.pick(names)
    stream += random.below(4) === 0 ? random.pick(separators) : ': '
    stream += random.below(5) === 0 ? random.pick(oddities) : random.pick(values)
    stream += random.pick(lineEnds)
  }
  return stream
}

/** Bytes that are mostly the stream's, with some that are no UTF-8 at all. */
export function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const damaged = bytes.slice()
  for (let count = random.below(4); count > 0 && damaged.length > 0; count--) {
    damaged[random.below(damaged.length)] = random.pick([0x80, 0xbf, 0xc0, 0xe2, 0xed, 0xef, 0xf0, 0xff])
  }
  return damaged
}

/** The same, cut into pieces anywhere, empty ones among them. */
export function cut<T extends Uint8Array | string>(stream: T, random: Random): T[] {
  const pieces: T[] = []
  for (let at = 0; at < stream.length; ) {
    const end = at + random.below(random.pick([2, 4, 9, 40]))
    pieces.push(stream.slice(at, end) as T)
    at = end
  }
  return pieces
}
