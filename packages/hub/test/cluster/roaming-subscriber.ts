import { type ClientRequest, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { EventSource, events } from '@headwater/sse/client'
import type { ReceivedEvent, SubscriberClaims } from '../crash/delivery-checker.ts'
import { type Right, someTime, type Wish } from '../crash/system-events.ts'
import { shownPosition, showPositions } from '../shown-positions.ts'
import type { Door } from './cluster.ts'
import type { Deliveries } from './deliveries.ts'
import type { Outages, Want } from './outages.ts'

/**
 * How a subscriber lives. One that stays has an `EventSource` on one URL; one that roams closes it by and by, or when it fails, and opens
 * another at any door; a slow one takes its time over each event; one by hand has no client of ours, and is cut at any moment.
 */
export const subscriberKinds = ['stays', 'roams', 'slow', 'by hand', 'roams'] as const
export type SubscriberKind = (typeof subscriberKinds)[number]

export interface RoamingSubscriberOptions {
  readonly name: string
  readonly kind: SubscriberKind
  /** Where it may connect to. One that stays has only one. */
  readonly doors: readonly Door[]
  readonly wish: Wish
  readonly right: Right
  readonly fromTheBeginning: boolean
  readonly checker: SubscriberChecker
  readonly outages: Outages
  readonly deliveries: Deliveries
  /** Whether it counts how long it has no stream: not of one that comes to a hub that is away, and has itself to blame. */
  readonly measuresConnect: boolean
  /** What it counts as to wait for an event, if anything: it never goes away by itself. */
  readonly receives: Want | undefined
  readonly random: () => number
  /** Aborted when everything has been published. */
  readonly hurry: AbortSignal
}

/** What is told of what subscribers get. */
export interface SubscriberChecker {
  subscriber(claims: SubscriberClaims): {
    readonly connectionCount: number
    connected(): void
    receive(event: ReceivedEvent): void
  }
  /** Something that is wrong whatever else is found. */
  fail(what: string): void
}

/** What a hub may say for a while: it cannot find out now whether it has what the client has. */
const passing = [408, 425, 429, 500, 502, 503, 504]

/** A subscriber over real sockets, which tells the checker what it gets. */
export class RoamingSubscriber {
  readonly name: string
  /** When the event that it received last was sent. */
  newestBegunAt = 0
  readonly #options: RoamingSubscriberOptions
  readonly #receiver: ReturnType<SubscriberChecker['subscriber']>
  #lastEventId = ''
  #hasLast = false
  #isClosed = false
  #connected: (() => void) | undefined
  #close = () => {}

  constructor(options: RoamingSubscriberOptions) {
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

  get isConnected(): boolean {
    return this.#connected === undefined
  }

  get hasLast(): boolean {
    return this.#hasLast
  }

  start(): void {
    this.#open()
  }

  close(): void {
    this.#isClosed = true
    this.#close()
  }

  #open(): void {
    if (this.#isClosed) return
    const { kind } = this.#options
    this.#onLost()
    if (kind === 'slow') this.#readSlowly()
    else if (kind === 'by hand') this.#readByHand()
    else this.#listen()
  }

  #onConnected(): void {
    this.#receiver.connected()
    this.#connected?.()
    this.#connected = undefined
  }

  #onLost(): void {
    if (this.#isClosed) return
    const { measuresConnect, outages } = this.#options
    this.#connected ??= measuresConnect ? outages.begin('connect') : () => {}
  }

  #listen(): void {
    const { random, kind, hurry } = this.#options
    const reloadAfter = kind === 'stays' ? Infinity : 20 + random() * 400
    let count = 0
    const { url, headers, lastEventId } = this.#connection()
    const source = new EventSource(url, {
      headers,
      lastEventId,
      fetch: fetchShown,
      retry: { statuses: passing, maxRetries: Infinity, backoffMs: 50, maxBackoffMs: 500 },
      onEvent: ({ type, data, lastEventId }) => {
        this.#take({ type, data, lastEventId })
        count++
        if (count >= reloadAfter && this.#lastEventId !== '' && !hurry.aborted) {
          source.close()
          this.#comeBack()
        }
      },
    })
    source.onopen = () => this.#onConnected()
    source.onerror = () => {
      this.#onLost()
      if (kind !== 'stays') {
        source.close()
        this.#comeBack(100)
      } else if (source.readyState === EventSource.CLOSED) this.#fail('was turned away for good')
    }
    this.#close = () => source.close()
  }

  async #comeBack(maxPauseMs = 400): Promise<void> {
    await someTime(this.#options.random, maxPauseMs)
    this.#open()
  }

  async #readSlowly(): Promise<void> {
    const { random, hurry } = this.#options
    const { url, headers, lastEventId } = this.#connection()
    const stream = events(url, {
      headers,
      lastEventId,
      fetch: fetchShown,
      retry: { backoffMs: 50, maxBackoffMs: 500 },
      onState: ({ name }) => (name === 'open' ? this.#onConnected() : this.#onLost()),
    })
    this.#close = () => stream.close()
    try {
      for await (const { type, data, lastEventId } of stream) {
        this.#take({ type, data, lastEventId })
        if (random() < 0.02 && !hurry.aborted) await someTime(random, 1000)
      }
      if (!this.#isClosed) this.#fail('got the end of its stream')
    } catch (error) {
      this.#fail(`got the end of its stream: ${error}`)
    }
  }

  /** A request and a parser of the test's own, cut after any number of bytes. */
  #readByHand(): void {
    const { random, hurry } = this.#options
    const { url, headers, lastEventId } = this.#connection()
    let left = hurry.aborted ? Infinity : 2000 + random() * 200_000
    let isOver = false
    const end = () => {
      if (isOver) return
      isOver = true
      sent.destroy()
      this.#onLost()
      this.#comeBack(100)
    }
    const sent: ClientRequest = request(url, {
      agent: false,
      headers: {
        ...headers,
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': Buffer.from(lastEventId).toString('latin1') }),
      },
    })
    // The hub says something every ten seconds.
    sent.setTimeout(25_000, end)
    sent.on('error', end).on('response', (response) => {
      if (response.statusCode !== 200) {
        if (!passing.includes(response.statusCode!)) this.#fail(`was answered ${response.statusCode}`)
        end()
        return
      }
      this.#onConnected()
      const parse = parser(this.#lastEventId, (event) => {
        if (!isOver) this.#take(event)
      })
      response.setEncoding('utf8').on('data', (text: string) => {
        left -= text.length
        if (!isOver) parse(text)
        if (left < 0) end()
      })
      response.on('error', end).on('close', end)
    })
    sent.end()
    this.#close = () => {
      isOver = true
      sent.destroy()
    }
  }

  #take(event: ReceivedEvent): void {
    if (this.#isClosed) return
    this.#receiver.receive(event)
    this.#lastEventId = event.lastEventId
    if (event.data.endsWith(' last')) this.#hasLast = true
    const begunAt = this.#options.deliveries.received(event.data, this.#options.receives)
    if (begunAt !== undefined) this.newestBegunAt = begunAt
  }

  #fail(what: string): void {
    if (!this.#isClosed) this.#options.checker.fail(`${this.name} ${what}`)
  }

  /** Where it goes on from is said in the query at first, and then by either way. */
  #connection(): { url: string; headers: Record<string, string>; lastEventId: string | undefined } {
    const { doors, wish, right, fromTheBeginning, random } = this.#options
    const { url } = doors[Math.floor(random() * doors.length)]!
    const isInQuery = this.#lastEventId === '' || random() < 0.5
    const start = this.#lastEventId || (fromTheBeginning ? 'earliest' : '')
    const query = isInQuery && start ? `${wish.query}&last_event_id=${encodeURIComponent(start)}` : wish.query
    return {
      url: `${url}?${query}`,
      headers: right.headers,
      lastEventId: isInQuery ? undefined : this.#lastEventId,
    }
  }
}

async function fetchShown(url: string, init: RequestInit): Promise<Response> {
  return showPositions(await fetch(url, init))
}

/** Parses an event stream as the standard says, in the fewest words. */
function parser(lastEventId: string, onEvent: (event: ReceivedEvent) => void): (text: string) => void {
  let rest = ''
  let [type, data, id] = ['', [] as string[], lastEventId]
  const dispatch = () => {
    if (data.length > 0) {
      const name = type === 'headwater-position' ? shownPosition : type || 'message'
      onEvent({ type: name, data: data.join('\n'), lastEventId: id })
    }
    type = ''
    data = []
  }
  const field = (line: string) => {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line)!
    if (name === 'event') type = value!
    if (name === 'data') data.push(value!)
    if (name === 'id') id = value!
  }
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      if (line === '') dispatch()
      else field(line)
    }
  }
}

/** Resolves when there is nothing to wait for any more. */
export async function settled(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(20)
}
