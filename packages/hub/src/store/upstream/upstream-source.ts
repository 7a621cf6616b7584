import { HubError } from '../../base/errors.ts'
import type { HistorySource, Sequenced, SourcePage, SourceStatus } from '../replicated/history-source.ts'
import { type Append, beginning, type HistoryPosition, hubEventType, type StoredEvent } from '../store.ts'
import { type StartMessage, toEvent, toMark } from './replication-protocol.ts'
import type { StreamMessage, UpstreamClient } from './upstream-client.ts'
import { UpstreamError } from './upstream-error.ts'
import { UpstreamNodes } from './upstream-nodes.ts'
import { UpstreamSequencer } from './upstream-sequencer.ts'
import { UpstreamStream } from './upstream-stream.ts'
import { shownUrl } from './upstream-url.ts'

export interface UpstreamSourceOptions {
  readonly client: UpstreamClient
  readonly epoch: string
  readonly waitMs: number
  /** Whether what publishers append is passed on. What the hub itself says always is. */
  readonly passesPublishes: boolean
  /** Called when there is a connection, and when there is none: then with the reason. */
  readonly onConnection: (error?: UpstreamError) => void
}

/** About the most events of a page. */
const pageEvents = 2000

/** The history of a hub upstream. */
export class UpstreamSource implements HistorySource {
  readonly epoch: string
  readonly name = 'the hub upstream'
  readonly nodes: UpstreamNodes
  failure: HubError | undefined
  readonly #client: UpstreamClient
  readonly #waitMs: number
  readonly #stream: UpstreamStream
  readonly #sequencer: UpstreamSequencer
  readonly #passesPublishes: boolean
  readonly #listeners: (() => void)[] = []
  /** The last event that was read, and its tag as far as it is known. */
  #last: { readonly position: number; readonly tag: number | undefined } | undefined
  /** Whether a connection has begun after `#last`. */
  #hasStarted = false
  #head: HistoryPosition = beginning
  #trimmed: HistoryPosition = beginning
  /** What the hub upstream is known to have, although it may not have come yet. */
  #known = { head: 0, trimmed: 0 }
  #isClosed = false

  constructor({ client, epoch, waitMs, passesPublishes, onConnection }: UpstreamSourceOptions) {
    this.epoch = epoch
    this.#client = client
    this.#waitMs = waitMs
    this.#sequencer = new UpstreamSequencer({ client, epoch, waitMs })
    this.#passesPublishes = passesPublishes
    this.nodes = new UpstreamNodes({ client, epoch })
    this.#stream = new UpstreamStream({
      client,
      epoch,
      onMessage: () => this.#onChange(),
      onConnection: (error) => {
        if (error) this.#note(error)
        onConnection(error)
      },
    })
  }

  async append(appends: readonly Append[]): Promise<Sequenced> {
    if (this.failure) {
      throw new HubError('STORE_FAILED', `The event was not stored: ${this.failure.message}`, { cause: this.failure })
    }
    if (!this.#passesPublishes && !appends.some(({ event }) => event.type === hubEventType)) {
      throw new HubError(
        'FORBIDDEN',
        'This hub is at the edge and accepts no events (--upstream-publish refuse). Publish to the hub that it copies.',
      )
    }
    // The stream brings them as quickly as the answer.
    return { marks: await this.#sequencer.append(appends), previous: undefined }
  }

  async read(after: number): Promise<SourcePage> {
    if (this.#last?.position !== after) this.#moveTo(after)
    const deadline = performance.now() + this.#waitMs
    for (;;) {
      this.#assertUsable()
      const message = this.#stream.take()
      if (message?.type === 'events') return this.#pageFrom(message)
      if (message) this.#onBounds(message)
      else if (this.#hasAll) return this.#page(this.#last!.tag, [])
      else {
        const remainingMs = deadline - performance.now()
        if (remainingMs <= 0) throw this.#lateness()
        await this.#stream.change(remainingMs)
      }
    }
  }

  async refresh(): Promise<void> {
    const { epoch, head, trimmed } = await this.#client.head(this.#waitMs)
    if (epoch !== this.epoch) this.#note(this.#replacedBy(epoch))
    this.#assertUsable()
    this.#known = { head: Math.max(this.#known.head, head[0]), trimmed: Math.max(this.#known.trimmed, trimmed[0]) }
  }

  status(): SourceStatus {
    const { isConnected, newestPosition, silentMs } = this.#stream
    return { isConnected, silentMs, headPosition: newestPosition }
  }

  async tagsOf(positions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    if (positions.length === 0) return new Map()
    const tags = await this.#client.tags({ epoch: this.epoch, positions }, this.#waitMs)
    return new Map(
      positions.flatMap((position, index) => (typeof tags[index] === 'number' ? [[position, tags[index]]] : [])),
    )
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** The hub upstream trims, for all that copy it. */
  async trim(): Promise<void> {}

  async close(): Promise<void> {
    this.#listeners.length = 0
    await this.#sequencer.close()
    this.#isClosed = true
    await this.#stream.close()
  }

  get #hasAll(): boolean {
    const { position } = this.#last!
    const isAtHead = position >= this.#head.position && this.#head.position >= this.#known.head
    return this.#stream.isConnected && this.#hasStarted && isAtHead && this.#trimmed.position >= this.#known.trimmed
  }

  #moveTo(after: number): void {
    this.#last = { position: after, tag: undefined }
    this.#hasStarted = false
    // The hub upstream says which tag it has there.
    this.#stream.startAfter({ position: after, tag: 0 })
  }

  #onBounds(message: Exclude<StreamMessage, { type: 'events' }>): void {
    this.#head = toMark(message.head)
    this.#trimmed = toMark(message.trimmed)
    if (message.type === 'start') this.#onStart(message)
  }

  #onStart({ after, tagBefore, head, trimmed }: StartMessage): void {
    this.#last = { position: after, tag: tagBefore ?? undefined }
    this.#hasStarted = true
    // It may have been restored since, and have less than before.
    this.#known = { head: head[0], trimmed: trimmed[0] }
  }

  /** The page of a message, and of those that wait behind it. */
  #pageFrom(first: Extract<StreamMessage, { type: 'events' }>): SourcePage {
    const tagBefore = this.#last!.tag
    const events: StoredEvent[] = []
    let message = first
    for (;;) {
      for (const each of message.events) events.push(toEvent(each))
      this.#head = toMark(message.head)
      this.#trimmed = toMark(message.trimmed)
      const { next } = this.#stream
      if (next?.type !== 'events' || events.length >= pageEvents) break
      this.#stream.take()
      message = next
    }
    this.#last = events.at(-1)!
    return this.#page(tagBefore, events)
  }

  #page(tagBefore: number | undefined, events: readonly StoredEvent[]): SourcePage {
    return { head: this.#head, trimmed: this.#trimmed, tagBefore, events, isLast: this.#hasAll && !this.#stream.next }
  }

  #assertUsable(): void {
    if (this.failure) throw this.failure
    if (this.#isClosed) throw new HubError('STORE_CLOSED', 'The connection to the hub upstream is closed.')
  }

  #lateness(): UpstreamError {
    const why = this.#stream.error?.message ?? 'it did not send what it has.'
    return new UpstreamError('away', `Within ${this.#waitMs / 1000} s, the hub upstream was not reached: ${why}`)
  }

  #note(error: UpstreamError): void {
    if (error.trouble !== 'replaced' || this.failure) return
    this.failure = new HubError(
      'STORE_FAILED',
      `${error.message} This hub has a copy of the history ${this.epoch}. Restart it: it then copies the other one.`,
      { cause: error },
    )
  }

  #replacedBy(epoch: string): UpstreamError {
    return new UpstreamError(
      'replaced',
      `The hub upstream at ${shownUrl(this.#client.url)} now has the history ${epoch}.`,
    )
  }

  #onChange(): void {
    for (const listener of this.#listeners) listener()
  }
}
