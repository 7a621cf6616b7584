import { setTimeout as wait } from 'node:timers/promises'
import { events } from '@headwater/sse/client'
import { publishWithRetry } from '../hub-client.ts'

/** How often a number is published, in milliseconds. */
const everyMs = 1000

/** The numbers 1, 2, 3, … on a topic, one after the other, and somebody who checks that they come. */
export class Counting {
  /** The newest number that the hub has acknowledged. */
  published = 0
  /** The newest number that the subscriber has. */
  received = 0
  /** Numbers that came twice, or not in their turn. */
  wrong = 0
  /** How often the subscriber had to connect again. */
  reconnects = 0
  readonly #hub: URL
  readonly #topic: string
  readonly #ended = new AbortController()

  constructor(hub: URL, topic: string) {
    this.#hub = hub
    this.#topic = topic
  }

  /** Begins; `onReceived` is called with each number. */
  start(onReceived: (number: number) => void): void {
    void this.#publish()
    void this.#subscribe(onReceived)
  }

  stop(): void {
    this.#ended.abort()
  }

  /** Waits for the hub with each number, as a publisher would that loses nothing. */
  async #publish(): Promise<void> {
    const { signal } = this.#ended
    for (let number = 1; !signal.aborted; number++) {
      const fields = new URLSearchParams({ topic: this.#topic, type: 'count', data: String(number) })
      const outcome = await publishWithRetry(this.#hub, fields, { token: undefined, until: Infinity, onAway: () => {} })
      if (outcome.name === 'published') this.published = number
      await wait(everyMs, undefined, { signal }).catch(() => {})
    }
  }

  async #subscribe(onReceived: (number: number) => void): Promise<void> {
    const url = new URL(this.#hub)
    url.searchParams.set('match', this.#topic)
    let wasOpen = false
    const stream = events(url, {
      lastEventId: 'earliest',
      retry: { maxBackoffMs: 1000 },
      signal: this.#ended.signal,
      onState: ({ name }) => {
        if (name !== 'open') return
        if (wasOpen) this.reconnects++
        wasOpen = true
      },
    })
    try {
      for await (const { type, data } of stream) {
        if (type !== 'count') continue
        const number = Number(data)
        if (number !== this.received + 1) this.wrong++
        this.received = number
        onReceived(number)
      }
    } catch (error) {
      if (!this.#ended.signal.aborted) throw error
    }
  }
}
