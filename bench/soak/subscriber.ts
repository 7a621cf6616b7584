import { connect, type Socket } from 'node:net'
import { readEventData } from '../hub/content.ts'
import { BrokenResponse, EventStreamReader, type ReadEvent } from './event-stream-reader.ts'
import { type Faults, Order } from './order.ts'
import type { Topics } from './topics.ts'

/** The request of a subscriber, and the streams that it should receive. */
export interface Selection {
  readonly query: string
  readonly admits: (stream: number) => boolean
  readonly token?: string | undefined
  readonly acceptsGzip?: boolean | undefined
}

export interface SubscriberOptions {
  readonly port: number
  readonly selection: Selection
  readonly topics: Topics
  readonly faults: Faults
  /**
   * Default `at-once`. The hub ends subscribers that do not read at once, and may report gaps to
   * them.
   */
  readonly pace?: 'at-once' | 'slowly' | 'never' | undefined
}

/**
 * A subscriber that leaves and returns, and checks that what it receives over all of its
 * connections is complete and in order.
 */
export class Subscriber {
  readonly #options: SubscriberOptions
  readonly #order: Order
  #lastEventId = ''
  #socket: Socket | undefined
  #reader: EventStreamReader | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: SubscriberOptions) {
    this.#options = options
    this.#order = new Order(options.faults)
  }

  get delivered(): number {
    return this.#order.delivered
  }

  get isConnected(): boolean {
    return this.#socket !== undefined
  }

  /** Resolves when the response has begun; rejects when there is none. */
  join(): Promise<void> {
    const { port, topics, faults } = this.#options
    // A subscriber that has an ID continues after that event, whatever is published meanwhile.
    const isNew = this.#lastEventId === ''
    const earliest = new Map(topics.acknowledged)
    return new Promise((resolve, reject) => {
      const reader = new EventStreamReader({
        onOpen: () => {
          if (isNew) this.#order.begin(earliest, new Map(topics.published))
          resolve()
        },
        onEvent: (event) => this.#receive(event),
      })
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      this.#reader = reader
      this.#socket = socket
      socket.on('connect', () => socket.write(this.#request()))
      socket.on('data', (bytes) => {
        try {
          reader.read(bytes)
          this.#slowDown(socket)
        } catch (error) {
          if (!(error instanceof BrokenResponse)) throw error
          faults.broken++
          reject(error)
          this.leave()
        }
      })
      socket.on('error', reject)
      socket.on('close', () => {
        reject(new Error(`The hub ended a connection before it answered ${this.#options.selection.query}`))
        if (this.#socket !== socket) return
        // The subscriber did not cause this.
        if (this.#isComplete) faults.closed++
        this.leave()
      })
    })
  }

  /** Disconnects at once, as if the network had failed. */
  leave(): void {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = undefined
    socket?.resetAndDestroy()
    this.#reader?.close()
  }

  /** The number of published events that have not arrived yet. */
  lacks(): number {
    const { topics, selection } = this.#options
    let lacking = 0
    for (const [stream, published] of topics.published) {
      if (selection.admits(stream)) lacking += this.#order.lacks(stream, published)
    }
    return lacking
  }

  /** Called when a stream has ended, after this many events. */
  end(stream: number, published: number): void {
    if (this.#options.selection.admits(stream) && this.#isComplete) this.#order.end(stream, published)
  }

  /** Whether it must receive every event. */
  get #isComplete(): boolean {
    return (this.#options.pace ?? 'at-once') === 'at-once'
  }

  #request(): string {
    const { query, token, acceptsGzip } = this.#options.selection
    return [
      `GET /.well-known/mercure?${query} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Accept: text/event-stream',
      ...(acceptsGzip ? ['Accept-Encoding: gzip'] : []),
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
      ...(this.#lastEventId === '' ? [] : [`Last-Event-ID: ${this.#lastEventId}`]),
      '\r\n',
    ].join('\r\n')
  }

  #receive({ id, type, data }: ReadEvent): void {
    this.#lastEventId = id || this.#lastEventId
    const { faults, selection, topics } = this.#options
    if (type === 'headwater-gap') {
      if (this.#isComplete) faults.gaps++
      else this.#order.allowJump([...topics.published.keys()].filter(selection.admits))
    }
    if (type.startsWith('headwater-')) return
    const identity = readEventData(data)
    if (!identity) faults.corrupted++
    else if (!selection.admits(identity.stream)) faults.misdirected++
    else this.#order.receive(identity)
  }

  #slowDown(socket: Socket): void {
    if (this.#isComplete) return
    socket.pause()
    if (this.#options.pace === 'slowly') this.#timer = setTimeout(() => socket.resume(), slowReadMs)
  }
}

/** Each read returns at most 64 KiB: some 13 KB/s, which is less than arrives. */
const slowReadMs = 5000
