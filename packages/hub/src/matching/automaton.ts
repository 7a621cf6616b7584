import { HubError } from '../base/errors.ts'
import type { CharSet } from './char-set.ts'
import type { Language } from './language.ts'

/** Counts the steps of an automaton, so that tests can check its bound without a clock. */
export interface Work {
  /** How many words of 30 states were read or changed. */
  steps: number
}

/** The most states of one automaton. A character then costs at most 35 steps for its states. */
export const maxStates = 1024
/**
 * The most words that all jumps of one automaton reach together: the most steps they add to a
 * character.
 */
export const maxJumpWords = 256

/** States in one word. Not 32, so that the sum of two words is still a small integer. */
const wordBits = 30
const wordMask = 2 ** wordBits - 1
const maxWords = Math.ceil((maxStates + 1) / wordBits)

/**
 * Decides whether a text is in a language. Reads each character once and never goes back.
 *
 * It is in all states at once that the text so far can have led to, one bit for each, and a
 * character moves all of them together: at most `maxStates / 30 + maxJumpWords` steps, whatever the
 * language and the text. Nearly all states lead to the next one, may stay (`x+`) or be skipped
 * (`x?`), and these three are a shift, a mask and an addition on 30 states at a time. Whatever
 * leads elsewhere (choices, groups that repeat or may be missing) is a separate state that jumps.
 */
export class Automaton {
  /** The most steps that a character of a text costs. */
  readonly cost: number
  readonly #words: number
  /**
   * The bit after the last state. If it is set at the end of the text, the text is in the language.
   */
  readonly #acceptWord: number
  readonly #acceptBit: number
  readonly #start: Int32Array
  readonly #startLow: number
  readonly #startHigh: number
  readonly #stays: Int32Array
  readonly #passes: Int32Array
  readonly #reads: Reads
  readonly #jumps: Jumps | undefined

  /** Throws a `HubError` `INVALID_MATCHER` for a language that needs too many states or jumps. */
  constructor(language: Language) {
    assertFewStates(countStates(language))
    const states = layOut(language)
    assertFewStates(states.length)
    const words = Math.ceil((states.length + 1) / wordBits)
    this.#words = words
    this.#acceptWord = Math.floor(states.length / wordBits)
    this.#acceptBit = 1 << (states.length % wordBits)
    this.#stays = bitsWhere(states, words, ({ stays }) => stays)
    this.#passes = bitsWhere(states, words, ({ passes }) => passes)
    this.#reads = readsOf(states, words)
    this.#jumps = jumpsOf(states, words)
    this.cost = words + (this.#jumps?.words.length ?? 0)
    this.#start = toBits(reachableFrom(states, 0), words)
    this.#startLow = this.#start.findIndex((word) => word !== 0)
    this.#startHigh = this.#start.findLastIndex((word) => word !== 0)
  }

  /** Whether the part of the text between two indexes is in the language. */
  accepts(text: string, from = 0, to = text.length, work?: Work): boolean {
    const stays = this.#stays
    const passes = this.#passes
    const { rowOfAscii, table } = this.#reads
    const jumps = this.#jumps
    // All words outside low…high are 0.
    let low = this.#startLow
    let high = this.#startHigh
    active.fill(0, 0, this.#words)
    active.set(this.#start)
    let steps = high - low + 1

    for (let index = from; index < to; index++) {
      const code = text.charCodeAt(index)
      const row = code < 128 ? rowOfAscii[code]! : rowOf(this.#reads, code)
      let carry = 0
      let newLow = maxWords
      let newHigh = -1
      for (let word = low; word <= high || carry !== 0; word++) {
        steps++
        const reading = active[word]! & table[row + word]!
        let next = ((reading << 1) & wordMask) | carry | (reading & stays[word]!)
        // Adding a state to the run of states it can skip carries it to the first state that it
        // cannot skip. The bits that differ after the addition are the states it passed. (The trick
        // is Cameron's MatchStar, from Parabix.)
        const passed = passes[word]!
        next |= ((next & passed) + passed) ^ passed
        carry = (reading >>> (wordBits - 1)) | (next >>> wordBits)
        next &= wordMask
        active[word] = next
        if (jumps) jumping[word] = next & jumps.bits[word]!
        if (next === 0) continue
        if (newLow === maxWords) newLow = word
        newHigh = word
      }
      if (newHigh < 0) {
        if (work) work.steps += steps
        return false
      }
      low = newLow
      high = newHigh
      if (!jumps) continue
      for (let word = newLow; word <= newHigh; word++) {
        while (jumping[word] !== 0) {
          const bit = jumping[word]! & -jumping[word]!
          jumping[word]! ^= bit
          const state = word * wordBits + 31 - Math.clz32(bit)
          // Includes everything reachable without reading, so this also completes the jumps on the
          // way.
          for (let at = jumps.startOf[state]!; at < jumps.startOf[state + 1]!; at++) {
            steps++
            const target = jumps.words[at]!
            active[target]! |= jumps.targets[at]!
            jumping[target]! &= ~jumps.targets[at]!
            if (target < low) low = target
            if (target > high) high = target
          }
        }
      }
    }
    if (work) work.steps += steps
    return (active[this.#acceptWord]! & this.#acceptBit) !== 0
  }
}

/** The current states. Only one automaton runs at a time, so all share one array. */
const active = new Int32Array(maxWords + 1)
/** The states that still have to jump; all 0 between two characters. */
const jumping = new Int32Array(maxWords + 1)

/** One state. A state without a set reads nothing and only jumps. */
interface State {
  readonly set: CharSet | undefined
  /** After reading, the automaton is still in this state, as well as in the next. */
  readonly stays: boolean
  /** Being in this state is also being in the next. */
  readonly passes: boolean
  /** Being in this state is also being in these. */
  readonly jumps: number[]
}

/**
 * How many states `layOut` makes. Calculated without making them, because `(a{1000}){1000}` asks
 * for a million.
 */
function countStates(language: Language): number {
  switch (language.name) {
    case 'text':
      return language.text.length
    case 'one of':
      return 1
    case 'sequence':
      return language.items.reduce((sum, item) => sum + countStates(item), 0)
    case 'choice':
      return language.items.reduce((sum, item) => sum + countStates(item) + 1, 0)
    case 'some of':
      return language.items.reduce((sum, item) => sum + countStates(item) + language.separator.length + 1, 0)
    case 'repeat': {
      const { item, min, max } = language
      const count = countStates(item)
      if (item.name === 'one of') return max === Infinity ? Math.max(min, 1) : max
      const jumps = canBeEmpty(item) ? 0 : 1
      return max === Infinity ? Math.max(min, 1) * count + 1 + jumps : min * count + (max - min) * (count + jumps)
    }
  }
}

/** Lays states out in a row so that each leads to the next, except for jumps. */
function layOut(language: Language): State[] {
  const states: State[] = []
  add(language)
  return states

  function add(language: Language): void {
    switch (language.name) {
      case 'text':
        addText(language.text)
        return
      case 'one of':
        read(language.set)
        return
      case 'sequence':
        for (const item of language.items) add(item)
        return
      case 'choice':
        addChoice(language.items)
        return
      case 'some of':
        addSomeOf(language.items, language.separator)
        return
      case 'repeat':
        if (language.item.name === 'one of') repeatOne(language.item.set, language.min, language.max)
        else addRepeat(language.item, language.min, language.max)
    }
  }

  function addText(text: string): void {
    for (let index = 0; index < text.length; index++) read([[text.charCodeAt(index), text.charCodeAt(index)]])
  }

  function addChoice(items: readonly Language[]): void {
    const fork = jump({ passes: true })
    const ends: State[] = []
    for (const [index, item] of items.entries()) {
      if (index > 0) fork.jumps.push(states.length)
      add(item)
      if (index < items.length - 1) ends.push(jump({ passes: false }))
    }
    for (const end of ends) end.jumps.push(states.length)
  }

  /**
   * Any item may be the first. After one comes the next with its separator; any number of following
   * items may be skipped.
   */
  function addSomeOf(items: readonly Language[], separator: string): void {
    const fork = jump({ passes: true })
    let skip: State | undefined
    for (const [index, item] of items.entries()) {
      skip?.jumps.push(states.length)
      if (index > 0) {
        skip = jump({ passes: true })
        addText(separator)
        fork.jumps.push(states.length)
      }
      add(item)
    }
    skip?.jumps.push(states.length)
  }

  function repeatOne(set: CharSet, min: number, max: number): void {
    const count = max === Infinity ? Math.max(min, 1) : max
    for (let index = 0; index < count; index++) {
      read(set, { stays: max === Infinity && index === count - 1, passes: index >= min })
    }
  }

  function addRepeat(item: Language, min: number, max: number): void {
    for (let index = 0; index < (max === Infinity ? min - 1 : min); index++) add(item)
    if (max === Infinity) addEndless(item, min === 0)
    else for (let index = min; index < max; index++) addOptional(item)
  }

  function addEndless(item: Language, isOptional: boolean): void {
    const start = states.length
    const skip = isOptional && !canBeEmpty(item) ? jump({ passes: true }) : undefined
    add(item)
    jump({ passes: true }).jumps.push(start)
    skip?.jumps.push(states.length)
  }

  function addOptional(item: Language): void {
    const skip = canBeEmpty(item) ? undefined : jump({ passes: true })
    add(item)
    skip?.jumps.push(states.length)
  }

  function read(set: CharSet, { stays = false, passes = false } = {}): void {
    states.push({ set, stays, passes, jumps: [] })
  }

  function jump({ passes }: { passes: boolean }): State {
    const state: State = { set: undefined, stays: false, passes, jumps: [] }
    states.push(state)
    return state
  }
}

function canBeEmpty(language: Language): boolean {
  switch (language.name) {
    case 'text':
      return language.text === ''
    case 'one of':
      return false
    case 'sequence':
      return language.items.every(canBeEmpty)
    case 'choice':
    case 'some of':
      return language.items.some(canBeEmpty)
    case 'repeat':
      return language.min === 0 || canBeEmpty(language.item)
  }
}

/** The state, and all states reachable from it without reading. */
function reachableFrom(states: readonly State[], from: number): Set<number> {
  const reachable = new Set([from])
  for (const index of reachable) {
    const state = states[index]
    if (state?.passes) reachable.add(index + 1)
    for (const target of state?.jumps ?? []) reachable.add(target)
  }
  return reachable
}

/**
 * Which states read which code units. Code units that no state distinguishes share a row of the
 * table.
 */
interface Reads {
  /** The row, as an index into the table, of each ASCII character. */
  readonly rowOfAscii: Int32Array
  /** The first code unit of each range with one row, in ascending order, and that row. */
  readonly starts: Uint16Array
  readonly rows: Int32Array
  readonly table: Int32Array
}

function readsOf(states: readonly State[], words: number): Reads {
  const readers = readersOf(states).map(({ set, states }) => ({ set, bits: toBits(states, words) }))
  const starts = new Set([0])
  for (const [from, to] of readers.flatMap(({ set }) => set)) starts.add(from).add(to + 1)
  starts.delete(0x10000)
  const sorted = Uint16Array.from(starts).sort()
  const indexOf = new Map([...sorted].map((start, index) => [start, index]))

  const readersAt: number[][] = Array.from(sorted, () => [])
  for (const [reader, { set }] of readers.entries()) {
    for (const [from, to] of set) {
      const end = indexOf.get(to + 1) ?? sorted.length
      for (let index = indexOf.get(from)!; index < end; index++) readersAt[index]!.push(reader)
    }
  }
  const rows = new Int32Array(sorted.length)
  const table: number[] = []
  const rowByReaders = new Map<string, number>()
  for (const [index, some] of readersAt.entries()) {
    const key = some.join()
    let row = rowByReaders.get(key)
    if (row === undefined) {
      row = table.length
      rowByReaders.set(key, row)
      for (let word = 0; word < words; word++)
        table.push(some.reduce((bits, one) => bits | readers[one]!.bits[word]!, 0))
    }
    rows[index] = row
  }
  const rowOfAscii = new Int32Array(128)
  for (const [index, start] of sorted.entries()) rowOfAscii.fill(rows[index]!, start)
  return { rowOfAscii, starts: sorted, rows, table: Int32Array.from(table) }
}

/** Groups the states by the code units they read. */
function readersOf(states: readonly State[]): { set: CharSet; states: number[] }[] {
  const readers = new Map<string, { set: CharSet; states: number[] }>()
  // Most states share a set with others: no need to expand it each time.
  const known = new Map<CharSet, number[]>()
  for (const [index, { set }] of states.entries()) {
    if (!set) continue
    let some = known.get(set)
    if (!some) {
      const key = set.join()
      some = readers.get(key)?.states ?? []
      readers.set(key, { set, states: some })
      known.set(set, some)
    }
    some.push(index)
  }
  return [...readers.values()]
}

function rowOf({ starts, rows }: Reads, code: number): number {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (starts[middle]! <= code) low = middle
    else high = middle
  }
  return rows[low]!
}

/** The targets of the states that jump. */
interface Jumps {
  readonly bits: Int32Array
  /** For each state, where its targets begin. They end where the next state's begin. */
  readonly startOf: Int32Array
  /** All reachable states, as a word and the bits in it. */
  readonly words: Int32Array
  readonly targets: Int32Array
}

function jumpsOf(states: readonly State[], words: number): Jumps | undefined {
  const startOf = [0]
  const targetWords: number[] = []
  const targets: number[] = []
  for (const [index, { jumps }] of states.entries()) {
    if (jumps.length > 0) {
      for (const [word, bits] of toBits(reachableFrom(states, index), words).entries()) {
        if (bits === 0) continue
        targetWords.push(word)
        targets.push(bits)
      }
      if (targets.length > maxJumpWords) {
        throw new HubError(
          'INVALID_MATCHER',
          'The pattern has too many groups that are optional, repeat or offer a choice. Use fewer, or several patterns.',
        )
      }
    }
    startOf.push(targets.length)
  }
  if (targets.length === 0) return undefined
  return {
    bits: bitsWhere(states, words, ({ jumps }) => jumps.length > 0),
    startOf: Int32Array.from(startOf),
    words: Int32Array.from(targetWords),
    targets: Int32Array.from(targets),
  }
}

function bitsWhere(states: readonly State[], words: number, is: (state: State) => boolean): Int32Array {
  const indexes = [...states.keys()].filter((index) => is(states[index]!))
  return toBits(indexes, words)
}

function toBits(indexes: Iterable<number>, words: number): Int32Array {
  const bits = new Int32Array(words)
  for (const index of indexes) bits[Math.floor(index / wordBits)]! |= 1 << (index % wordBits)
  return bits
}

function assertFewStates(count: number): void {
  if (count <= maxStates) return
  throw new HubError(
    'INVALID_MATCHER',
    `The pattern describes more than ${maxStates} characters between its first and its last wildcard or group. Make it shorter.`,
  )
}
