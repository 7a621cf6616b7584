import { EventSource, type EventStream, events } from '@headwater/sse/client'
import type { HubCore } from '../../src/hub/hub-core.ts'
import { exactTopic, type Matcher, topicSelector, urlPattern } from '../../src/matching/matcher.ts'
import { showPositions } from '../shown-positions.ts'
import { Chain, type Ledger } from './checker.ts'
import type { Exchange, Network, Server } from './network.ts'
import { Process, type Scheduler, type Task } from './scheduler.ts'
import { queryOf, type Selector } from './topics.ts'
import type { TrueHistory } from './true-history.ts'

/** How a program has its events: by an `EventSource`, by `events()`, or within the hub's own process. */
export type Style = 'EventSource' | 'events' | 'embedded'

export interface SubscriberOptions {
  readonly name: string
  readonly style: Style
  readonly selectors: readonly Selector[]
  readonly rights: readonly string[]
  /** Where it begins: an ID, `earliest`, `-N`, or nothing. */
  readonly start: string
  /** Whether it says so in the query rather than by the client's option. */
  readonly startsByQuery: boolean
  /** Whether the client tries again where the standard gives up. */
  readonly isPatient: boolean
  readonly idleTimeoutMs: number | undefined
  /** The longest it takes to look at an event, in milliseconds. */
  readonly lookMs: number
}

/** What a subscriber has to know of the servers. */
export interface Servers {
  readonly url: string
  historyOf(exchange: Exchange): TrueHistory
  /** How far a hub has been told of its history. */
  toldTo(server: Server): number
  readonly isLocal: boolean
  /** A hub to be embedded beside, if one is up. */
  hub(): { readonly hub: HubCore; readonly process: Process; readonly history: TrueHistory } | undefined
}

/** A program that subscribes, for as long as the simulation lasts: its pages come and go, what it has read it remembers. */
export class Subscriber {
  readonly options: SubscriberOptions
  readonly chain: Chain
  isClosed = true
  readonly #scheduler: Scheduler
  readonly #network: Network
  readonly #servers: Servers
  #process: Process | undefined
  #close: () => void = () => {}
  #reconnect: () => void = () => {}
  #return: Task | undefined

  constructor(scheduler: Scheduler, ledger: Ledger, network: Network, servers: Servers, options: SubscriberOptions) {
    this.#scheduler = scheduler
    this.#network = network
    this.#servers = servers
    this.options = options
    const { name, selectors, rights } = options
    const selects = (topic: string) => selectors.some((selector) => selector.selects(topic))
    this.chain = new Chain(scheduler, ledger, name, { selects, rights })
  }

  /** Opens a page that goes on where the last one was. */
  open(): void {
    if (!this.isClosed) return
    const { style, name } = this.options
    this.isClosed = false
    if (style === 'embedded') {
      this.#openEmbedded()
      return
    }
    const page = new Process(name)
    this.#process = page
    this.#scheduler.after(0, page, () => {
      if (style === 'EventSource') this.#openEventSource(page)
      else this.#openEvents(page)
    })
  }

  /** Leaves in good order. */
  close(): void {
    if (this.#return) this.#return.isCancelled = true
    if (this.isClosed) return
    this.#scheduler.note(`${this.options.name} leaves`)
    this.isClosed = true
    const close = this.#close
    if (this.#process?.isAlive) this.#scheduler.after(0, this.#process, close)
  }

  /** The page ends without a word. */
  crash(): void {
    if (this.isClosed || this.options.style === 'embedded' || !this.#process) return
    this.#scheduler.note(`${this.options.name} crashes`)
    this.isClosed = true
    this.#process.isAlive = false
    this.#network.onClientDeath(this.#process)
  }

  /** The page comes back from the background, and connects anew. */
  reconnect(): void {
    if (this.#process?.isAlive && !this.isClosed) this.#scheduler.after(0, this.#process, this.#reconnect)
  }

  /** Internal to the world: the process that it runs in, for what is left of it at the end. */
  get process(): Process | undefined {
    return this.#process
  }

  /** The hub that it is embedded beside has died. */
  onDeath(process: Process): void {
    if (this.options.style === 'embedded' && this.#process === process) this.isClosed = true
  }

  #openEventSource(page: Process): void {
    const { lookMs } = this.options
    const { url, init, onOpen } = this.#request(page)
    const isAlive = () => !this.isClosed && this.#process === page
    const source = new EventSource(url, {
      ...init,
      onEvent: (event) => {
        if (isAlive()) this.chain.receive(event)
      },
    })
    source.onopen = () => {
      if (isAlive()) onOpen()
    }
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED && isAlive()) this.#comeBack(page, lookMs)
    }
    this.#close = () => source.close()
  }

  #openEvents(page: Process): void {
    const { lookMs } = this.options
    const { url, init, onOpen } = this.#request(page)
    const isAlive = () => !this.isClosed && this.#process === page
    const stream: EventStream = events(url, {
      ...init,
      onState: ({ name }) => {
        if (name === 'open' && isAlive()) onOpen()
      },
    })
    this.#close = () => stream.close()
    const read = async () => {
      try {
        for await (const { type, data, lastEventId } of stream) {
          if (!isAlive()) return
          this.chain.receive({ type, data, lastEventId })
          if (lookMs > 0) await this.#scheduler.wait(this.#scheduler.random() * lookMs, page)
        }
      } catch (error) {
        this.#scheduler.note(`${this.options.name} is refused: ${(error as Error).message.slice(0, 80)}`)
      }
      if (isAlive()) this.#comeBack(page, lookMs)
    }
    read()
  }

  /** What both clients connect with. */
  #request(page: Process) {
    const { selectors, rights, start, startsByQuery, isPatient, idleTimeoutMs } = this.options
    const hasBegun = this.chain.lastEventId !== ''
    const inQuery = startsByQuery && start !== '' ? `&last_event_id=${encodeURIComponent(start)}` : ''
    const connections: { exchange: Exchange; requested: string; toldAtRequest: number }[] = []
    const fetch = async (url: string, init: RequestInit): Promise<Response> => {
      const header = new Headers(init.headers).get('last-event-id')
      const inUrl = new URL(url).searchParams.get('last_event_id') ?? ''
      // A header has the bytes of UTF-8, each as a character.
      const requested = header === null ? inUrl : Buffer.from(header, 'latin1').toString()
      let toldAtRequest = 0
      const onRoute = (server: Server) => {
        toldAtRequest = this.#servers.toldTo(server)
        return true
      }
      const exchange: Exchange = { server: undefined, onRoute }
      const response = await this.#network.fetch(page, url, init, exchange)
      if (response.status === 200) connections.push({ exchange, requested, toldAtRequest })
      return showPositions(response)
    }
    return {
      url: `${this.#servers.url}?${queryOf(selectors)}${inQuery}`,
      init: {
        fetch,
        headers: rights.length > 0 ? { 'x-rights': rights.join(' ') } : undefined,
        lastEventId: hasBegun ? this.chain.lastEventId : startsByQuery ? undefined : start,
        retry: isPatient ? { backoffMs: 100, maxBackoffMs: 5000 } : undefined,
        idleTimeoutMs,
        reconnectOn: (reconnect: () => void) => {
          this.#reconnect = reconnect
        },
      },
      onOpen: () => {
        const { exchange, requested, toldAtRequest } = connections.shift()!
        this.chain.open({
          requested,
          toldAtRequest,
          history: this.#servers.historyOf(exchange),
          isLocal: this.#servers.isLocal,
          openedAt: this.#scheduler.now,
          tellsPosition: true,
        })
      },
    }
  }

  #comeBack(page: Process, lookMs: number): void {
    this.isClosed = true
    this.#return = this.#scheduler.after(100 + this.#scheduler.random() * (1000 + lookMs), page, () => {
      if (this.#process === page) this.open()
    })
  }

  #openEmbedded(): void {
    const beside = this.#servers.hub()
    if (!beside) {
      this.isClosed = true
      return
    }
    const { hub, process, history } = beside
    const { rights, selectors, start, lookMs } = this.options
    const requested = this.chain.lastEventId || start
    const aborting = new AbortController()
    this.#process = process
    const close = () => aborting.abort(new DOMException('Left', 'AbortError'))
    this.#close = close
    const isAlive = () => !this.isClosed && this.#close === close
    const read = async () => {
      try {
        this.chain.open({
          requested,
          history,
          toldAtRequest: 0,
          isLocal: false,
          openedAt: this.#scheduler.now,
          tellsPosition: false,
        })
        const lastEventId = requested === '' ? undefined : requested
        const options = { rights: rights.map(exactTopic), lastEventId, signal: aborting.signal }
        for await (const { id, type, data } of hub.subscribe(selectors.map(toMatcher), options)) {
          if (!isAlive()) return
          this.chain.receive({ type, data, lastEventId: id })
          if (lookMs > 0) await this.#scheduler.wait(this.#scheduler.random() * lookMs, process)
        }
      } catch (error) {
        this.#scheduler.note(`${this.options.name} stops: ${(error as Error).message.slice(0, 80)}`)
      }
      // With the hub: somebody has to start it again.
      if (isAlive()) this.isClosed = true
    }
    this.#scheduler.after(0, process, read)
  }
}

/** What the hub makes of a selector in a URL, for a program that has no URL. */
function toMatcher({ parameter, value }: Selector): Matcher {
  if (parameter === 'match_urlpattern') return urlPattern(value, 'http://localhost/.well-known/mercure')
  return parameter === 'topic' ? topicSelector(value) : exactTopic(value)
}
