import { createParser, type ParsedEvent } from '@headwater/sse'
import { createResponse, type SessionOptions } from '@headwater/sse/server'
import type { HubCore } from '../../src/hub/hub-core.ts'
import type { SubscriptionOptions } from '../../src/hub/subscription-options.ts'
import { nextTurn } from '../next-turn.ts'

/** An event as an `EventSource` would show it, with the last event ID at that point. */
export interface ReceivedEvent {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

/**
 * A client of a hub without a network: a real session over a Fetch response, whose body is read only when told to, so that a test
 * decides how slow it is. Keeps its last event ID across connections, as an `EventSource` does.
 */
export class TestClient {
  readonly received: ReceivedEvent[] = []
  lastEventId: string | undefined
  /** What the hub said comes before the first event of the newest connection. */
  precedingEventId: string | undefined
  readonly #hub: HubCore
  readonly #options: SubscriptionOptions
  readonly #sessionOptions: SessionOptions
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #reading: Promise<ReadableStreamReadResult<Uint8Array>> | undefined
  #parser = createParser({ onEvent: (event) => this.#take(event) })

  constructor(hub: HubCore, options: SubscriptionOptions, sessionOptions: SessionOptions = {}) {
    this.#hub = hub
    this.#options = options
    this.#sessionOptions = sessionOptions
    this.lastEventId = options.lastEventId
  }

  get isConnected(): boolean {
    return this.#reader !== undefined
  }

  /** The application's events: without those by which the hub speaks to clients. */
  get datas(): string[] {
    return this.received.filter(({ type }) => !type.startsWith('headwater-')).map(({ data }) => data)
  }

  get gaps(): { reason: string; requested: string; earliest: string | null }[] {
    return this.received.filter(({ type }) => type === 'headwater-gap').map(({ data }) => JSON.parse(data))
  }

  async connect(): Promise<this> {
    const subscription = await this.#hub.openSubscription({ ...this.#options, lastEventId: this.lastEventId })
    this.precedingEventId = subscription.precedingEventId
    const request = new Request('http://hub.test/', { headers: { accept: 'text/event-stream' } })
    const response = createResponse(request, this.#sessionOptions, (session) => {
      subscription.deliverTo(session)
    })
    this.#reader = response.body!.getReader()
    this.#parser.reset()
    return this
  }

  /** Reads one chunk, if one comes within a few turns of the event loop. `false` if none did. */
  async readSome(turns = 10): Promise<boolean> {
    if (!this.#reader) return false
    this.#reading ??= this.#reader.read()
    let result: ReadableStreamReadResult<Uint8Array> | undefined
    this.#reading.then(
      (read) => {
        result = read
      },
      // A response that breaks off is over, like one that ends.
      () => {
        result = { done: true, value: undefined }
      },
    )
    for (let turn = 0; turn < turns && !result; turn++) await nextTurn()
    if (!result) return false
    this.#reading = undefined
    if (result.done) {
      this.#reader = undefined
      return false
    }
    this.#parser.feed(result.value)
    return true
  }

  /**
   * Reads until the hub has nothing more to send for now: nothing comes, and nobody is behind. A feed may rest for some milliseconds, on a
   * busy machine; a subscriber of the same test that does not read stays behind for good.
   */
  async readAll(): Promise<this> {
    for (let rests = 0; rests < 20; rests++) {
      while (await this.readSome()) {}
      if (this.#hub.stats.subscribersBehind === 0) break
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return this
  }

  /** Reads until it has received so many of the application's events. */
  async readUntil(count: number): Promise<this> {
    while (this.datas.length < count) await this.readSome()
    return this
  }

  /** Leaves without a word, and without what it has not read yet. */
  async disconnect(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    this.#reading = undefined
    await reader?.cancel().catch(() => {})
  }

  #take({ type = 'message', data, id }: ParsedEvent): void {
    if (id !== undefined) this.lastEventId = id
    this.received.push({ type, data, lastEventId: this.lastEventId ?? '' })
  }
}
