import { setTimeout as pause } from 'node:timers/promises'
import { EventSource, events } from '@headwater/sse/client'
import { showPositions } from '../shown-positions.ts'
import type { DeliveryChecker, ReceivedEvent, Receiver } from './delivery-checker.ts'
import { type Right, someTime, type Wish } from './system-events.ts'

/**
 * How a subscriber lives. `EventSource` reconnects by itself; one that reloads closes it and starts again from its last ID; a slow one
 * takes its time over each event; one that stays away does so, by and by, for as long as many events.
 */
const subscriberKinds = ['EventSource', 'reloads', 'slow', 'stays away'] as const
export type SubscriberKind = (typeof subscriberKinds)[number]

export interface SubscriberOptions {
  readonly url: string
  readonly name: string
  readonly kind: SubscriberKind
  readonly wish: Wish
  readonly right: Right
  readonly fromTheBeginning: boolean
  readonly checker: DeliveryChecker
  readonly random: () => number
  /** How many acknowledged events one that stays away is away for. */
  readonly awayEvents: number
  /** Whether the hub is there, as it is for a page that is loaded from beside it. */
  readonly isHubReady: () => boolean
  /** Aborted when it is to hurry: everything has been published. */
  readonly hurry: AbortSignal
}

/** A subscriber with a real client over a real socket, which tells the checker what it gets. */
export class ResumingSubscriber {
  readonly name: string
  reloadCount = 0
  readonly #options: SubscriberOptions
  readonly #receiver: Receiver
  #lastEventId = ''
  #hasLast = false
  #isClosed = false
  #close = () => {}

  constructor(options: SubscriberOptions) {
    const { name, kind, wish, right, fromTheBeginning, checker } = options
    this.name = `subscriber ${name} (${kind}, ${wish.says}, ${right.says}${fromTheBeginning ? '' : ', live'})`
    this.#options = options
    this.#receiver = checker.subscriber({
      name: this.name,
      selects: wish.selects,
      mayHave: right.mayHave,
      fromTheBeginning,
    })
  }

  get connectionCount(): number {
    return this.#receiver.connectionCount
  }

  /** Whether it has been given the event that is the last for everybody. */
  get hasLast(): boolean {
    return this.#hasLast
  }

  start(): void {
    if (this.#options.kind === 'slow') this.#readSlowly()
    else this.#open()
  }

  close(): void {
    this.#isClosed = true
    this.#close()
  }

  #open(): void {
    const { random, kind, hurry } = this.#options
    const reloadAfter = kind === 'EventSource' ? Infinity : 20 + random() * 400
    let count = 0
    const [url, options] = this.#connection()
    const source = new EventSource(url, {
      ...options,
      onEvent: ({ type, data, lastEventId }) => {
        this.#take({ type, data, lastEventId })
        count++
        if (count >= reloadAfter && this.#lastEventId !== '' && !hurry.aborted) {
          source.close()
          this.#reload()
        }
      },
    })
    source.onopen = () => this.#receiver.connected()
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.#options.checker.fail(`${this.name} was turned away for good`)
    }
    this.#close = () => source.close()
  }

  async #reload(): Promise<void> {
    const { random, kind, checker, awayEvents, isHubReady, hurry } = this.#options
    this.reloadCount++
    const until = checker.acknowledgedCount + awayEvents
    if (kind === 'stays away') while (checker.acknowledgedCount < until && !hurry.aborted) await pause(5)
    else await someTime(random, 400)
    while (!isHubReady() && !this.#isClosed) await pause(5)
    if (!this.#isClosed) this.#open()
  }

  async #readSlowly(): Promise<void> {
    const { random, checker, hurry } = this.#options
    const [url, options] = this.#connection()
    const stream = events(url, {
      ...options,
      onState: ({ name }) => name === 'open' && this.#receiver.connected(),
    })
    this.#close = () => stream.close()
    try {
      for await (const { type, data, lastEventId } of stream) {
        this.#take({ type, data, lastEventId })
        if (random() < 0.02 && !hurry.aborted) await someTime(random, 1000)
      }
      if (!this.#isClosed) checker.fail(`the stream of ${this.name} ended`)
    } catch (error) {
      checker.fail(`the stream of ${this.name} ended: ${error}`)
    }
  }

  #take(event: ReceivedEvent): void {
    this.#receiver.receive(event)
    this.#lastEventId = event.lastEventId
    if (event.data.endsWith(' last')) this.#hasLast = true
  }

  /** Where it goes on from is said in the query at first, and then by either way. */
  #connection(): [
    url: string,
    options: { headers: Record<string, string>; lastEventId: string | undefined; fetch: typeof fetchShown },
  ] {
    const { url, wish, right, fromTheBeginning, random } = this.#options
    const isInQuery = this.#lastEventId === '' || random() < 0.5
    const start = this.#lastEventId || (fromTheBeginning ? 'earliest' : '')
    const query = isInQuery && start ? `${wish.query}&last_event_id=${encodeURIComponent(start)}` : wish.query
    return [
      `${url}?${query}`,
      { headers: right.headers, lastEventId: isInQuery ? undefined : this.#lastEventId, fetch: fetchShown },
    ]
  }
}

async function fetchShown(url: string, init: RequestInit): Promise<Response> {
  return showPositions(await fetch(url, init))
}
