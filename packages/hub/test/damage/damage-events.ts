import type { EventRecord } from '../../src/store/store.ts'

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const topics = [
  'news',
  'orders',
  'users/1',
  'users/2',
  'a topic with a long name, so that pages of the index differ',
]

/** The events that are written for a seed: the same ones each time. */
export function* historyOf(
  seed: number,
  count: number,
): Generator<{ readonly event: EventRecord; readonly key: string | undefined }> {
  const random = randomOf(seed)
  for (let n = 1; n <= count; n++) {
    const topic = topics[Math.floor(random() * topics.length)]!
    const other = topics[Math.floor(random() * topics.length)]!
    // One in ten is longer than a page of the database.
    const length = random() < 0.1 ? 6000 : Math.floor(random() * 200)
    yield {
      event: {
        topics: topic === other || random() < 0.7 ? [topic] : [topic, other],
        data: `${n} ${String.fromCharCode(97 + Math.floor(random() * 26)).repeat(length)}`,
        isPrivate: random() < 0.2,
        id: random() < 0.1 ? `own-${n}` : undefined,
        type: random() < 0.2 ? 'tick' : undefined,
        retryMs: undefined,
      },
      key: random() < 0.1 ? `key-${n}` : undefined,
    }
  }
}
