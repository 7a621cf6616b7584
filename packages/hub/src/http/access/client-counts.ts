import { randomInt } from 'node:crypto'

/** A count of one thing. */
export interface Count {
  readonly total: number
  /** Adds one. Call the returned function once to subtract it again. */
  add(): () => void
}

/** A count for each name. The count of `undefined` is 0. */
export interface CountOfNames {
  of(name: string | undefined): number
  /** Adds one. Call the returned function once to subtract it again. */
  add(name: string | undefined): () => void
}

/** The counts that the limits are checked against. */
export interface ClientCounts {
  readonly connections: Count
  readonly connectionsOfAddress: CountOfNames
  readonly subscribers: Count
  readonly subscribersOfAddress: CountOfNames
  readonly subscribersOfHolder: CountOfNames
}

/** Creates counts for this thread alone. */
export function createCounts(): ClientCounts {
  return {
    connections: new SharedCount([new Int32Array(1)], 0, 0),
    connectionsOfAddress: new CountByName(),
    subscribers: new SharedCount([new Int32Array(1)], 0, 0),
    subscribersOfAddress: new CountByName(),
    subscribersOfHolder: new CountByName(),
  }
}

/**
 * The memory in which several threads count together. Each thread adds to its own part, so that the
 * counts of a thread that died can be removed.
 */
export interface CountMemory {
  readonly ofThread: readonly Int32Array[]
  /** Random, so that nobody can choose addresses that are counted as one. */
  readonly seed: number
}

/**
 * Names are counted in bounded memory. Each has one cell in each row, so that a name seldom shares
 * all of its cells.
 */
const rows = 4
const cellsPerRow = 2 ** 15
const places = {
  connections: 0,
  subscribers: 1,
  connectionsOfAddress: 2,
  subscribersOfAddress: 0,
  subscribersOfHolder: 0,
}
places.subscribersOfAddress = places.connectionsOfAddress + rows * cellsPerRow
places.subscribersOfHolder = places.subscribersOfAddress + rows * cellsPerRow
const cells = places.subscribersOfHolder + rows * cellsPerRow

export function createCountMemory(threads: number): CountMemory {
  return {
    ofThread: Array.from({ length: threads }, () => new Int32Array(new SharedArrayBuffer(cells * 4))),
    seed: randomInt(2 ** 32),
  }
}

/** Opens the counts of all threads, for one of them to add to. */
export function openCounts(memory: CountMemory, thread: number): ClientCounts {
  const { ofThread, seed } = memory
  const names = (place: number) => new SharedCountOfNames(ofThread, thread, place, seed)
  return {
    connections: new SharedCount(ofThread, thread, places.connections),
    connectionsOfAddress: names(places.connectionsOfAddress),
    subscribers: new SharedCount(ofThread, thread, places.subscribers),
    subscribersOfAddress: names(places.subscribersOfAddress),
    subscribersOfHolder: names(places.subscribersOfHolder),
  }
}

/** Removes the counts of a thread that died. Returns how many subscribers it had counted. */
export function clearCounts({ ofThread }: CountMemory, thread: number): number {
  const own = ofThread[thread]!
  const subscribers = Atomics.load(own, places.subscribers)
  own.fill(0)
  return subscribers
}

class SharedCount implements Count {
  readonly #ofThread: readonly Int32Array[]
  readonly #own: Int32Array
  readonly #place: number

  constructor(ofThread: readonly Int32Array[], thread: number, place: number) {
    this.#ofThread = ofThread
    this.#own = ofThread[thread]!
    this.#place = place
  }

  get total(): number {
    return sumAt(this.#ofThread, this.#place)
  }

  add(): () => void {
    Atomics.add(this.#own, this.#place, 1)
    return () => {
      Atomics.sub(this.#own, this.#place, 1)
    }
  }
}

/**
 * A count-min sketch: a name has one cell in each of four rows, and its count is the least of the
 * four. The count is too high if other names share all four cells. It is never too low.
 */
class SharedCountOfNames implements CountOfNames {
  readonly #ofThread: readonly Int32Array[]
  readonly #own: Int32Array
  readonly #place: number
  readonly #seed: number

  constructor(ofThread: readonly Int32Array[], thread: number, place: number, seed: number) {
    this.#ofThread = ofThread
    this.#own = ofThread[thread]!
    this.#place = place
    this.#seed = seed
  }

  of(name: string | undefined): number {
    if (name === undefined) return 0
    return Math.min(...this.#cellsOf(name).map((cell) => sumAt(this.#ofThread, cell)))
  }

  add(name: string | undefined): () => void {
    if (name === undefined) return () => {}
    const own = this.#cellsOf(name)
    for (const cell of own) Atomics.add(this.#own, cell, 1)
    return () => {
      for (const cell of own) Atomics.sub(this.#own, cell, 1)
    }
  }

  #cellsOf(name: string): number[] {
    const first = hash(name, this.#seed)
    const step = hash(name, ~this.#seed) | 1
    return Array.from({ length: rows }, (_, row) => {
      return this.#place + row * cellsPerRow + (((first + Math.imul(row, step)) >>> 0) % cellsPerRow)
    })
  }
}

function sumAt(ofThread: readonly Int32Array[], place: number): number {
  let sum = 0
  for (const each of ofThread) sum += Atomics.load(each, place)
  return sum
}

/**
 * FNV-1a from a secret start value, with the last step of MurmurHash3, which spreads the value over
 * all bits.
 */
function hash(name: string, seed: number): number {
  let value = seed | 0
  for (let index = 0; index < name.length; index++) value = Math.imul(value ^ name.charCodeAt(index), 16777619)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}

/** Counts for each name. Keeps only names whose count is not 0. */
export class CountByName {
  readonly #counts = new Map<string, number>()

  /** How many names are counted. */
  get size(): number {
    return this.#counts.size
  }

  entries(): IterableIterator<[name: string, count: number]> {
    return this.#counts.entries()
  }

  /** 0 for `undefined`. */
  of(name: string | undefined): number {
    return (name !== undefined && this.#counts.get(name)) || 0
  }

  /** Adds one. Call the returned function once to subtract it again. */
  add(name: string | undefined): () => void {
    if (name === undefined) return () => {}
    this.#counts.set(name, this.of(name) + 1)
    return () => {
      const left = this.of(name) - 1
      if (left > 0) this.#counts.set(name, left)
      else this.#counts.delete(name)
    }
  }
}
