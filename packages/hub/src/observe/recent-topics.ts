/** How much is published to a topic. */
export interface TopicFigures {
  readonly topic: string
  /** Events since the hub began to count this topic; 0 if it is only known from the history. */
  readonly events: number
  /** Events a minute: an average over the recent past, in which an event counts less the older it is. */
  readonly perMinute: number
  /** When the newest event was stored, in milliseconds since 1970. */
  readonly lastAt: number
  readonly lastPosition: number
}

interface Counted {
  readonly topic: string
  events: number
  /** Events of the last minute or so, as of `lastAt`. */
  recent: number
  lastAt: number
  lastPosition: number
  /** After how many others it was put at the end. */
  putAt: number
}

/** The most topics that are counted: those with the newest events. */
export const maxCountedTopics = 1000
/** Topics that are longer are left out: a thousand of them would take too much memory. */
const maxTopicCharacters = 1024
/** An event may have a thousand topics. The first ones count. */
const maxTopicsOfEvent = 8
/** After this time an event counts 1/e of what it did. */
const decayMs = 60_000

/**
 * Counts the events of the topics that were published to last. A topic in steady use is never
 * dropped, however many others are used once; see docs/decisions/0044.
 */
export class RecentTopics {
  /** The topic whose newest event is the oldest comes first. */
  readonly #topics = new Map<string, Counted>()
  #hasDropped = false
  /** How often a topic was put at the end. */
  #puts = 0

  /** Whether topics were dropped, so that there are others. */
  get hasDropped(): boolean {
    return this.#hasDropped
  }

  get count(): number {
    return this.#topics.size
  }

  /** Counts a new event. */
  add(topics: readonly string[], position: number, at: number): void {
    const count = Math.min(topics.length, maxTopicsOfEvent)
    for (let index = 0; index < count; index++) this.#add(topics[index]!, position, at)
  }

  /** Learns of topics from events of the history, newest first, without counting the events. */
  learn(topics: readonly string[], position: number, at: number): void {
    for (const topic of topics.slice(0, maxTopicsOfEvent)) {
      if (topic.length > maxTopicCharacters || this.#topics.has(topic) || this.#topics.size >= maxCountedTopics)
        continue
      this.#topics.set(topic, { topic, events: 0, recent: 0, lastAt: at, lastPosition: position, putAt: 0 })
    }
  }

  /** The busiest topics whose name contains a text, at most so many. */
  busiest(at: number, most: number, containing = ''): readonly TopicFigures[] {
    const wanted = containing.toLowerCase()
    const found: TopicFigures[] = []
    for (const counted of this.#topics.values()) {
      if (wanted !== '' && !counted.topic.toLowerCase().includes(wanted)) continue
      const { topic, events, lastAt, lastPosition } = counted
      found.push({ topic, events, perMinute: recentAt(counted, at), lastAt, lastPosition })
    }
    found.sort((a, b) => b.perMinute - a.perMinute || b.lastPosition - a.lastPosition)
    return found.slice(0, most)
  }

  #add(topic: string, position: number, at: number): void {
    let counted = this.#topics.get(topic)
    if (!counted) {
      if (topic.length > maxTopicCharacters) {
        this.#hasDropped = true
        return
      }
      counted = { topic, events: 0, recent: 0, lastAt: at, lastPosition: position, putAt: 0 }
      this.#putAtEnd(counted)
    } else if (this.#puts - counted.putAt > maxCountedTopics / 2) {
      // Only when it is needed: moving costs more than counting.
      this.#topics.delete(topic)
      this.#putAtEnd(counted)
    }
    counted.recent = recentAt(counted, at) + 1
    counted.events++
    counted.lastAt = Math.max(counted.lastAt, at)
    counted.lastPosition = position
  }

  #putAtEnd(counted: Counted): void {
    this.#puts++
    counted.putAt = this.#puts
    this.#topics.set(counted.topic, counted)
    if (this.#topics.size <= maxCountedTopics) return
    const [oldest] = this.#topics.keys()
    this.#topics.delete(oldest!)
    this.#hasDropped = true
  }
}

function recentAt({ recent, lastAt }: Counted, at: number): number {
  return at <= lastAt ? recent : recent * Math.exp((lastAt - at) / decayMs)
}
