import type { Figures } from '../../observe/figures.ts'
import type { Observed, Totals } from '../../observe/observatory.ts'
import type { ListedSubscriber, SubscriberList } from '../../observe/subscriber-book.ts'

export const topicOrders = ['rate', 'events', 'newest', 'name'] as const
export const subscriberOrders = ['behind', 'unsent', 'newest', 'address'] as const
export type TopicOrder = (typeof topicOrders)[number]
export type SubscriberOrder = (typeof subscriberOrders)[number]

/** The figures of a second that are shown over time. */
type Second = Partial<Record<keyof Figures, number | null>>

const seconds = 60
/** Over how many seconds a rate is an average. */
const rateSeconds = 10

/** What is known of a hub: the newest snapshot, and what came after it. */
export class TopState {
  observed: Observed
  subscribers: SubscriberList
  topicOrder: TopicOrder = 'rate'
  subscriberOrder: SubscriberOrder = 'behind'
  /** What is wrong with the connection; `undefined` for nothing. */
  trouble: string | undefined
  isPaused = false
  readonly #seconds = new Map<number, Second>()

  constructor(observed: Observed, subscribers: SubscriberList) {
    this.observed = observed
    this.subscribers = subscribers
    this.add(observed)
  }

  /** Adds a snapshot or a step. */
  add(observed: Observed): void {
    const notices = [
      ...this.observed.notices.filter(({ id }) => observed.notices.every((each) => each.id !== id)),
      ...observed.notices,
    ]
    const isSame = observed.startedAt === this.observed.startedAt
    this.observed = { ...observed, notices: (isSame ? notices : observed.notices).slice(-20) }
    if (!isSame) this.#seconds.clear()
    const { newestAt, stepMs, values } = observed.series.minute
    const length = values.published.length
    for (let index = 0; index < length; index++) {
      const second: Second = {}
      for (const name of ['published', 'delivered', 'deliveredBytes', 'refused', 'failed', 'gaps'] as const) {
        second[name] = values[name][index] ?? null
      }
      this.#seconds.set(newestAt - (length - 1 - index) * stepMs, second)
    }
    for (const at of this.#seconds.keys()) if (at <= newestAt - seconds * stepMs) this.#seconds.delete(at)
  }

  get totals(): Totals {
    return this.observed.totals
  }

  /** How often in a second something happened lately. */
  rate(name: keyof Figures): number {
    const known = this.series(name)
      .slice(-rateSeconds)
      .filter((value) => value !== null)
    return known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length
  }

  /** The last minute, second by second; `null` where nothing is known. */
  series(name: keyof Figures): readonly (number | null)[] {
    const newest = this.observed.series.minute.newestAt
    return Array.from({ length: seconds }, (_, index) => {
      return this.#seconds.get(newest - (seconds - 1 - index) * 1000)?.[name] ?? null
    })
  }

  sortedTopics(): Observed['topics']['busiest'] {
    const topics = [...this.observed.topics.busiest]
    if (this.topicOrder === 'name') return topics.sort((a, b) => (a.topic < b.topic ? -1 : 1))
    if (this.topicOrder === 'events') return topics.sort((a, b) => b.events - a.events)
    if (this.topicOrder === 'newest') return topics.sort((a, b) => b.lastAt - a.lastAt)
    return topics.sort((a, b) => b.perMinute - a.perMinute || b.lastAt - a.lastAt)
  }

  sortedSubscribers(): readonly ListedSubscriber[] {
    const all = [...this.subscribers.subscribers]
    if (this.subscriberOrder === 'address') return all.sort((a, b) => (a.address < b.address ? -1 : 1))
    if (this.subscriberOrder === 'unsent') return all.sort((a, b) => b.unsentBytes - a.unsentBytes)
    if (this.subscriberOrder === 'newest') return all.sort((a, b) => b.since - a.since)
    return all.sort((a, b) => b.lagEvents - a.lagEvents || a.since - b.since)
  }
}
