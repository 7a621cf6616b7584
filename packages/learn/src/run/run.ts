import { ConnectionErrorEvent, events, EventSource as OurEventSource } from '@headwater/sse/client'
import type { LogEntry } from '../../../hub/src/lessons/lesson-log.ts'
import { logUrl } from '../server.ts'
import type { ClientName, Entry, StateChange } from './entry.ts'
import { reportingFetch } from './reporting-fetch.ts'

export interface RunInit {
  /**
   * The name of the run, by which the server logs it. `undefined`: no server of ours, so no log.
   */
  readonly run: string | undefined
  /** The URL for each client. */
  readonly urlFor: (client: ClientName) => string
  readonly withCredentials?: boolean | undefined
  /** The types of events to listen to, beside `message`. */
  readonly types?: readonly string[] | undefined
  /**
   * Whether to show the requests and bytes of ours as this page sees them: for servers without a
   * log.
   */
  readonly isReceivedShown?: boolean | undefined
  /** Called after each change. */
  readonly onChange: () => void
}

/** One client of a run, as far as it is shown. */
export interface Lane {
  readonly client: ClientName
  readonly entries: readonly Entry[]
  readonly states: readonly StateChange[]
  readonly isClosed: boolean
}

/** The native `EventSource` and ours at the same stream, and what the server says of both. */
export class Run {
  readonly startedAt = Date.now()
  readonly lanes: readonly [MutableLane, MutableLane] = [new MutableLane('native'), new MutableLane('ours')]
  readonly #init: RunInit
  readonly #stopping = new AbortController()
  readonly #timer: ReturnType<typeof setInterval>
  /** What could not be shown. */
  failure: string | undefined

  constructor(init: RunInit) {
    this.#init = init
    this.#timer = setInterval(() => this.#watchStates(), 40)
    void this.#begin()
  }

  /** Whether the wire is shown as this page receives it, and not as the server logs it. */
  get isReceivedShown(): boolean {
    return this.#init.isReceivedShown ?? false
  }

  get isRunning(): boolean {
    return !this.#stopping.signal.aborted
  }

  /** Whether one of the objects is not CLOSED yet. */
  get isOpen(): boolean {
    return this.isRunning && this.lanes.some(({ isClosed }) => !isClosed)
  }

  /** Calls `close()` of both objects; the log goes on until they are gone. */
  close(): void {
    for (const lane of this.lanes) {
      if (!lane.source || lane.source.readyState === 2) continue
      lane.source.close()
      this.#add({ kind: 'closed', at: Date.now(), client: lane.client })
    }
    this.#watchStates()
  }

  /** Ends everything. */
  stop(): void {
    this.close()
    clearInterval(this.#timer)
    this.#stopping.abort()
    this.#init.onChange()
  }

  async #begin(): Promise<void> {
    try {
      if (this.#init.run !== undefined) await this.#watchLog(this.#init.run)
      if (this.isRunning) for (const lane of this.lanes) this.#open(lane)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.failure = String(error)
    this.stop()
  }

  /** Resolves when the log is open: nothing of the run is missed. */
  #watchLog(run: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const log = events(logUrl(run), {
        signal: this.#stopping.signal,
        onState: ({ name }) => name === 'open' && resolve(),
      })
      const read = async () => {
        for await (const { data } of log) this.#add(JSON.parse(data) as LogEntry)
      }
      read().catch((error) => {
        reject(error)
        this.#fail(error)
      })
    })
  }

  #open(lane: MutableLane): void {
    const { urlFor, withCredentials = false, types = [] } = this.#init
    const { client } = lane
    const source: EventSource =
      client === 'native'
        ? new EventSource(urlFor(client), { withCredentials })
        : (new OurEventSource(urlFor(client), {
            withCredentials,
            ...(this.#init.isReceivedShown && { fetch: reportingFetch((entry) => this.#add(entry)) }),
          }) as EventSource)
    lane.source = source
    source.addEventListener('open', () => this.#add({ kind: 'open', at: Date.now(), client }))
    for (const type of new Set(['message', ...types]))
      source.addEventListener(type, (event) => this.#onEvent(client, event))
    source.addEventListener('error', (event) => {
      // A server's event may be called so, too.
      if (event instanceof MessageEvent) this.#onEvent(client, event)
      else {
        const failure = event instanceof ConnectionErrorEvent ? event : undefined
        this.#add({ kind: 'error', at: Date.now(), client, readyState: source.readyState, failure })
      }
    })
    this.#watchStates()
  }

  #onEvent(client: ClientName, { type, data, lastEventId, origin }: MessageEvent): void {
    this.#add({ kind: 'event', at: Date.now(), client, type, data: String(data), lastEventId, origin })
  }

  #add(entry: Entry): void {
    this.#watchStates()
    const lane = this.lanes.find(({ client }) => client === entry.client)
    if (!lane) return
    // Two channels report: what happened first stands first. Not all is shown of a run without end.
    const { entries } = lane
    let index = entries.length
    while (index > 0 && orderOf(entries[index - 1]!) > orderOf(entry)) index--
    entries.splice(index, 0, entry)
    if (entries.length > 300) entries.shift()
    this.#init.onChange()
  }

  #watchStates(): void {
    for (const { source, states } of this.lanes) {
      if (!source || states.at(-1)?.readyState === source.readyState) continue
      states.push({ at: Date.now(), readyState: source.readyState })
      if (states.length > 200) states.shift()
      this.#init.onChange()
    }
    if (this.lanes.every(({ isClosed }) => isClosed)) clearInterval(this.#timer)
  }
}

class MutableLane implements Lane {
  readonly client: ClientName
  readonly entries: Entry[] = []
  readonly states: StateChange[] = []
  source: EventSource | undefined

  constructor(client: ClientName) {
    this.client = client
  }

  get isClosed(): boolean {
    return this.source?.readyState === 2
  }
}

/** What the server did in a millisecond comes before what an object made of it. */
function orderOf({ at, kind }: Entry): number {
  return at + (['request', 'response', 'bytes', 'end'].includes(kind) ? 0 : 0.5)
}
