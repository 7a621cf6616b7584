import { setTimeout as wait } from 'node:timers/promises'
import type { HubUnderSoak } from './hub-under-soak.ts'
import type { Faults } from './order.ts'
import { type Selection, Subscriber, type SubscriberOptions } from './subscriber.ts'
import { accountStreams, bulkStream, isNews, isRoom, newsStreams, type Topics, topicOf } from './topics.ts'

export interface PopulationOptions {
  readonly hub: HubUnderSoak
  readonly topics: Topics
  readonly faults: Faults
  /** The number that stay from beginning to end. */
  readonly steady: number
}

/**
 * The subscribers that are connected while the hub is watched: steady ones and, in proportion,
 * subscribers that leave and return, that each look into a room that nobody requested before, and
 * that hardly read or not at all. Each of the latter three is replaced every few rounds, with a
 * selection and a token of its own: what a hub remembers of former subscribers would add up.
 */
export class Population {
  /** Connections that were opened in place of an earlier one. */
  returned = 0
  /** Subscribers that left for good. */
  gone = 0
  #deliveredToGone = 0
  readonly #options: PopulationOptions
  readonly #present = new Set<Subscriber>()
  readonly #steady: Subscriber[] = []

  constructor(options: PopulationOptions) {
    this.#options = options
  }

  get delivered(): number {
    return [...this.#present].reduce((sum, { delivered }) => sum + delivered, this.#deliveredToGone)
  }

  get connected(): number {
    return [...this.#present].filter(({ isConnected }) => isConnected).length
  }

  /** Resolves when all subscribers that stay are connected. */
  async openSteady(): Promise<void> {
    for (let index = 0; index < this.#options.steady; index++) {
      const subscriber = this.#enter({ selection: await this.#selection(index) })
      this.#steady.push(subscriber)
      await subscriber.join()
    }
  }

  /** Runs the others, which come and go until the signal. */
  async comeAndGo(signal: AbortSignal): Promise<void> {
    const { steady } = this.#options
    const some = (share: number, live: (index: number, signal: AbortSignal) => Promise<void>) =>
      Array.from({ length: Math.max(1, Math.round(steady * share)) }, async (_, index) => {
        // Not all at once.
        await pause((index * 617) % 8000, signal)
        while (!signal.aborted) await live(index, signal)
      })
    await Promise.all([
      ...some(0.2, (index, until) => this.#comeBack(index, until)),
      ...some(0.05, (_, until) => this.#visitRoom(until)),
      ...some(0.015, (_, until) => this.#readSlowly('slowly', until)),
      ...some(0.015, (_, until) => this.#readSlowly('never', until)),
    ])
  }

  /** Called when a stream has ended. */
  end(stream: number, published: number): void {
    for (const subscriber of this.#present) subscriber.end(stream, published)
  }

  /**
   * Resolves when the subscribers that stay have everything, or nothing has arrived for some
   * seconds. What they are missing then is lost.
   */
  async settle(): Promise<void> {
    let [delivered, lacking] = [-1, 0]
    for (let looks = 0; looks < 100; looks++) {
      lacking = this.#steady.reduce((sum, subscriber) => sum + subscriber.lacks(), 0)
      if (lacking === 0) break
      if (this.delivered !== delivered) looks = 0
      delivered = this.delivered
      await wait(100)
    }
    this.#options.faults.lost += lacking
  }

  leave(): void {
    for (const subscriber of this.#present) subscriber.leave()
  }

  /**
   * Stays for some seconds, is away for some, and continues where it was; after three times it is
   * gone for good.
   */
  async #comeBack(index: number, signal: AbortSignal): Promise<void> {
    const life = this.gone + index
    const subscriber = this.#enter({ selection: await this.#selection(life) })
    for (let visit = 0; visit < 3 && !signal.aborted; visit++) {
      await this.#join(subscriber)
      if (visit > 0) this.returned++
      await pause(3000 + ((life * 7919 + visit * 3571) % 12_000), signal)
      subscriber.leave()
      await pause(300 + ((life * 4421 + visit * 1693) % 8000), signal)
    }
    this.#goForGood(subscriber)
  }

  async #visitRoom(signal: AbortSignal): Promise<void> {
    const room = this.#options.topics.newestRoom
    const selection = { query: match(topicOf(room)), admits: (stream: number) => stream === room }
    const subscriber = this.#enter({ selection })
    await this.#join(subscriber)
    await pause(4000, signal)
    this.#goForGood(subscriber)
  }

  /** Reads less than arrives, or nothing, until the hub has cut it off; then it returns, once. */
  async #readSlowly(pace: 'slowly' | 'never', signal: AbortSignal): Promise<void> {
    const selection = { query: match(topicOf(bulkStream)), admits: (stream: number) => stream === bulkStream }
    const subscriber = this.#enter({ selection, pace })
    for (let visit = 0; visit < 2 && !signal.aborted; visit++) {
      await this.#join(subscriber)
      await pause(240_000, signal)
      subscriber.leave()
      await pause(5000, signal)
    }
    this.#goForGood(subscriber)
  }

  #enter(options: Pick<SubscriberOptions, 'selection' | 'pace'>): Subscriber {
    const { hub, topics, faults } = this.#options
    const subscriber = new Subscriber({ port: hub.port, topics, faults, ...options })
    this.#present.add(subscriber)
    return subscriber
  }

  /** Errors in the response are counted as faults, and reported. */
  async #join(subscriber: Subscriber): Promise<void> {
    try {
      await subscriber.join()
    } catch (error) {
      console.error(String(error))
      this.#options.faults.broken++
    }
  }

  #goForGood(subscriber: Subscriber): void {
    subscriber.leave()
    this.#present.delete(subscriber)
    this.#deliveredToGone += subscriber.delivered
    this.gone++
  }

  /**
   * Of ten, four select one topic, two several, two everything by a pattern, one the same
   * compressed, and one its private events.
   */
  async #selection(index: number): Promise<Selection> {
    const kind = index % 10
    const [one, step] = [index % newsStreams.length, 1 + (index % 3)]
    if (kind === 9) {
      const account = accountStreams[index % accountStreams.length]!
      const token = await this.#options.hub.subscriberToken(topicOf(account), `subscriber ${index}`)
      return { query: match(topicOf(account)), admits: (stream) => stream === account, token }
    }
    if (kind >= 6) {
      const query = `match_urlpattern=${encodeURIComponent('https://soak.test/:kind/:name')}`
      return { query, admits: (stream) => isNews(stream) || isRoom(stream), acceptsGzip: kind === 8 }
    }
    const chosen = newsStreams.slice(one).filter((_, place) => (kind < 4 ? place === 0 : place % step === 0))
    return {
      query: chosen.map((stream) => match(topicOf(stream))).join('&'),
      admits: (stream) => chosen.includes(stream),
    }
  }
}

function match(topic: string): string {
  return `match=${encodeURIComponent(topic)}`
}

/** Resolves after some time, or at the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await wait(ms, undefined, { signal }).catch((error: Error) => {
    if (error.name !== 'AbortError') throw error
  })
}
