import type { EventRecord } from '../../src/store/store.ts'

// What the publishers of the crash test publish: each event follows from its publisher and its number, so that the
// checker knows what must be there to the letter.

/** What a process that is to be killed is told. */
export interface CrashJob {
  readonly directory: string
  readonly durability: 'full' | 'fast'
  readonly maxEvents: number
  /** The number from which on each publisher publishes. */
  readonly next: readonly number[]
  /** Of how many acknowledged events it says that they are enough to be killed. */
  readonly enough: number
}

export const publishers = 32

/** Publishers from here on append three events at a time, which must be stored all or none. */
export const firstOfThrees = 24

export function crashEvent(publisher: number, number: number): EventRecord {
  const topics = [`publisher/${publisher}`]
  if (number % 3 === 0) topics.push('every third', `number/${number % 10}`)
  // Some fill several pages of the database, most share one.
  const length = number % 50 === 0 ? 9000 : (number * 37) % 400
  return {
    topics,
    data: `${publisher}:${number}:${'⛲ab'.repeat(length / 3)}`,
    isPrivate: number % 5 === 0,
    id: number % 4 === 0 ? `urn:${publisher}:${number}` : undefined,
    type: number % 6 === 0 ? 'sixth' : undefined,
    retryMs: undefined,
  }
}

export function crashKey(publisher: number, number: number): string {
  return `${publisher}-${number}`
}
