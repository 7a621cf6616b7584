import type { Tombstone } from './store.ts'

/**
 * The most tombstones kept, one for each set of topics, and the most topics in all of them. Beyond
 * these, the oldest are forgotten. A subscriber that returns from before that receives a gap,
 * whether or not it missed one of its own events.
 */
const maxTombstones = 10_000
const maxTopics = 100_000

interface KnownTombstone extends Tombstone {
  readonly topics: readonly string[]
}

/**
 * The tombstones of a history: for each set of topics, private events apart, that of the newest
 * trimmed event.
 */
export class Tombstones {
  /**
   * By topics and privacy, the oldest first: an entry is removed and inserted again when its topics
   * are trimmed further.
   */
  readonly #all = new Map<string, KnownTombstone>()
  readonly #byTopic = new Map<string, Map<string, KnownTombstone>>()
  #forgottenPosition: number
  #newestPosition: number
  #topicCount = 0

  /** @param forgottenPosition The newest trimmed event without a tombstone, if there are any. */
  constructor(forgottenPosition = 0) {
    this.#forgottenPosition = forgottenPosition
    this.#newestPosition = forgottenPosition
  }

  /** Up to this position, the topics of the trimmed events are not known. */
  get forgottenPosition(): number {
    return this.#forgottenPosition
  }

  /**
   * Adds the tombstone of an event newer than those added before. Returns the tombstones that were
   * forgotten to make room.
   */
  add(trace: KnownTombstone): KnownTombstone[] {
    const key = JSON.stringify([trace.isPrivate, ...trace.topics])
    if (!this.#all.delete(key)) this.#topicCount += trace.topics.length
    this.#all.set(key, trace)
    this.#newestPosition = trace.position
    for (const topic of trace.topics) {
      const ofTopic = this.#byTopic.get(topic)
      if (ofTopic) ofTopic.set(key, trace)
      else this.#byTopic.set(topic, new Map([[key, trace]]))
    }
    return this.#forgetOldest()
  }

  /**
   * Returns the tombstones of the events with one of these topics that were trimmed after a
   * position; `undefined` for any topic.
   */
  after(position: number, topics: ReadonlySet<string> | undefined): Tombstone[] {
    if (position >= this.#newestPosition) return []
    const lost = new Set<Tombstone>()
    for (const trace of topics ? this.#ofTopics(topics) : this.#all.values()) {
      if (trace.position > position) lost.add(trace)
    }
    const traces = [...lost].sort((a, b) => a.position - b.position)
    if (this.#forgottenPosition > position) {
      traces.unshift({ position: this.#forgottenPosition, topics: undefined, isPrivate: false })
    }
    return traces
  }

  *#ofTopics(topics: ReadonlySet<string>): Generator<KnownTombstone> {
    for (const topic of topics) yield* this.#byTopic.get(topic)?.values() ?? []
  }

  #forgetOldest(): KnownTombstone[] {
    const forgotten: KnownTombstone[] = []
    while (this.#all.size > maxTombstones || this.#topicCount > maxTopics) {
      const [oldest] = this.#all
      if (!oldest) break
      const [key, trace] = oldest
      this.#all.delete(key)
      this.#topicCount -= trace.topics.length
      for (const topic of trace.topics) {
        const ofTopic = this.#byTopic.get(topic)
        ofTopic?.delete(key)
        if (ofTopic?.size === 0) this.#byTopic.delete(topic)
      }
      this.#forgottenPosition = trace.position
      forgotten.push(trace)
    }
    return forgotten
  }
}
