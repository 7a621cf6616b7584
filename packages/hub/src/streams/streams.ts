import { isDeepStrictEqual } from 'node:util'
import { claimSession, type FedSession, namesOf } from '@headwater/sse/internal'
import type { Session } from '@headwater/sse/server'
import { checkNames } from '../base/check-names.ts'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import { withTimeout } from '../base/with-timeout.ts'
import type { HubCore } from '../hub/hub-core.ts'
import { Tail } from '../hub/tail.ts'
import type { Append, EventStore, HistoryPosition } from '../store/store.ts'
import { appendNumbered, type NumberedAppend } from './numbered-append.ts'
import type { StreamOptions, WrittenBefore } from './stream.ts'
import { endedError, goneError, hasWriterError, noStreamError, tooLargeError } from './stream-errors.ts'
import { StreamLog, type StreamPlace } from './stream-log.ts'
import { assertStreamName, StreamTopics } from './stream-name.ts'
import { deliverStream, type ReadEnd, readStream, type StreamEvent } from './stream-reader.ts'
import {
  beginningId,
  isEnd,
  numberInId,
  readRecord,
  reasonOf,
  recordId,
  type StreamEndKind,
  type StreamRecord,
  toEvent,
} from './stream-record.ts'
import { StreamWatch } from './stream-watch.ts'
import { StreamWriter } from './stream-writer.ts'
import { newWriterId } from './writer-id.ts'

/** The bounds of a hub's streams, and what holds for streams that say nothing else. */
export interface StreamsOptions {
  /** How long a stream may be silent before it is lost, in milliseconds, from 100 up. Default 4,500: a dead producer's stream ends within 5 s. */
  readonly leaseMs?: number | undefined
  /** How long a stream can be read after its end, in milliseconds. Default: `Infinity`, while the history keeps it. */
  readonly retentionMs?: number | undefined
  /** The most streams that are open at once. Default 10,000. */
  readonly maxOpen?: number | undefined
  /** The most bytes of data in one stream. Default 16,777,216 (16 MiB). */
  readonly maxBytes?: number | undefined
}

/** What streams are doing and have done, for metrics. */
export interface StreamStats {
  /** Streams that are open now, in all of the history. */
  readonly open: number
  /** Writers in this process. */
  readonly writers: number
  /** Readers of streams that this process serves now. */
  readonly readers: number
  /** Streams that this process opened, and how many it ended, by how. */
  readonly opened: number
  readonly ended: Readonly<Record<StreamEndKind, number>>
}

/** How often to try to append to a stream that another process writes, before giving up. */
const maxAttempts = 100
const leastLeaseMs = 100

/** The streams of a hub. */
export class Streams {
  readonly log: StreamLog
  readonly #hub: HubCore
  readonly #onError: (error: unknown) => void
  readonly #defaults: Required<{ [Name in keyof StreamsOptions]: number }>
  readonly #tail: Tail
  readonly #watch: StreamWatch
  readonly #writers = new Map<string, StreamWriter>()
  readonly #sessions = new Set<FedSession>()
  readonly #ended: Record<StreamEndKind, number> = { closed: 0, failed: 0, stopped: 0, lost: 0 }
  #opened = 0
  #isClosed = false

  /** Resolves when streams can be opened and read. Rejects as the store does, or with `INVALID_OPTION`. */
  static async start(
    hub: HubCore,
    store: EventStore,
    options: StreamsOptions | undefined,
    onError: (error: unknown) => void,
  ): Promise<Streams> {
    const streams = new Streams(hub, store, options ?? {}, onError)
    await streams.#watch.start(streams.#tail, streams.log)
    return streams
  }

  private constructor(hub: HubCore, store: EventStore, options: StreamsOptions, onError: (error: unknown) => void) {
    checkNames('streams', options, streamsNames)
    const { leaseMs = 4500, retentionMs = Infinity, maxOpen = 10_000, maxBytes = 16 * 1024 ** 2 } = options
    this.#defaults = {
      leaseMs: assertLease(leaseMs),
      retentionMs: assertNotNegative('retentionMs', retentionMs),
      maxOpen: assertNotNegative('maxOpen', maxOpen),
      maxBytes: assertNotNegative('maxBytes', maxBytes),
    }
    this.#hub = hub
    this.#onError = onError
    const topics = new StreamTopics(hub.path)
    this.#watch = new StreamWatch(topics, {
      onRecord: (name, record) => this.#writers.get(name)?.onRecord(record),
      onSilent: (name, last) => void this.#endLost(name, last),
      onDiverged: () => this.log.onDiverged(),
      onError,
    })
    this.#tail = new Tail(store, this.#watch)
    this.log = new StreamLog(store, topics, (position) => this.#tail.reach(position))
  }

  get stats(): StreamStats {
    return {
      open: this.#watch.size,
      writers: this.#writers.size,
      readers: this.#sessions.size,
      opened: this.#opened,
      ended: { ...this.#ended },
    }
  }

  /** The names of all streams that are open, whoever writes them, as far as this hub knows. */
  async openNames(): Promise<readonly string[]> {
    return await this.#watch.names()
  }

  /** Opens a stream for the writer with this ID. Rejects as `HubStream.open` does. */
  async open(name: string, writerId: string, options: StreamOptions): Promise<StreamWriter> {
    const record = await this.openRecord(name, writerId, options)
    return this.#write(name, record, 0)
  }

  /** Stores the beginning of a stream, unless this writer did before. Rejects as `HubStream.open` does. */
  async openRecord(name: string, writerId: string, options: StreamOptions): Promise<StreamRecord> {
    assertStreamName(name)
    const { leaseMs = this.#defaults.leaseMs, retentionMs = this.#defaults.retentionMs } = options
    const opened: StreamRecord = {
      kind: 'opened',
      number: 0,
      run: writerId,
      writer: writerId,
      leaseMs: assertLease(leaseMs),
      retentionMs: Number.isFinite(assertNotNegative('retentionMs', retentionMs)) ? Math.ceil(retentionMs) : null,
      isPrivate: options.private === true,
      type: '',
      data: '',
    }
    this.#assertOpen()
    const place = await this.log.placeNow(name)
    if (place.name === 'open') {
      if (place.last.number === 0 && place.last.writer === writerId) return place.last
      throw hasWriterError(name)
    }
    if (place.name !== 'none') throw overError(name, place)
    if (this.#watch.size >= this.#defaults.maxOpen) {
      throw new HubError(
        'TOO_MANY_STREAMS',
        `${this.#watch.size} streams are open, and the most is ${this.#defaults.maxOpen} (streams.maxOpen). Try again when some have ended.`,
      )
    }
    const outcome = await this.log.append(name, [opened])
    if (outcome.name === 'taken' && outcome.by.writer !== writerId) throw hasWriterError(name)
    this.#opened++
    this.#watch.watch(name, opened)
    return opened
  }

  /** Makes the writer with this ID the stream's, and reads what was written before. Rejects as `HubStream.takeOver` does. */
  async takeOver(
    name: string,
    writerId: string,
    signal?: AbortSignal,
  ): Promise<{ writer: StreamWriter; before: WrittenBefore }> {
    const record = await this.#appendNext(name, { kind: 'taken', data: '' }, writerId)
    if (record.kind !== 'taken') throw endedError(name, record.kind as StreamEndKind, reasonOf(record))
    // At once: it renews the lease, however long it takes to read.
    const writer = this.#write(name, record, 0)
    const leave = () => writer.abandon(signal?.reason as HubError)
    if (signal?.aborted) leave()
    signal?.addEventListener('abort', leave, { once: true })
    try {
      const before = await this.writtenBefore(name, record)
      writer.countBefore(before.bytes)
      return { writer, before }
    } catch (error) {
      writer.abandon(error as HubError)
      throw error
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  /**
   * The same for a producer elsewhere. Resolves to the record after which it goes on. The signal says that it has
   * left: then nobody renews the lease for it.
   */
  async takeOverElsewhere(
    name: string,
    writerId: string,
    signal: AbortSignal,
  ): Promise<{ record: StreamRecord; before: WrittenBefore }> {
    const { writer, before } = await this.takeOver(name, writerId, signal)
    return { record: await writer.release(), before }
  }

  /**
   * Continues as a writer that a producer elsewhere got before, to be its writer in this process. Rejects as
   * `appendNumbered` does.
   */
  async attach(name: string, writerId: string, number: number): Promise<StreamWriter> {
    this.#assertOpen()
    const place = await this.place(name)
    if (place.name === 'none') throw noStreamError(name)
    if (place.name !== 'open') throw overError(name, place)
    const { last } = place
    if (last.writer !== writerId || this.#writers.has(name)) throw hasWriterError(name)
    if (number !== last.number + 1) {
      throw new HubError(
        'INVALID_REQUEST',
        `The next number of the stream ${JSON.stringify(name)} is ${last.number + 1}, not ${number}.`,
      )
    }
    return this.#write(name, last, this.#watch.bytesOf(name))
  }

  /** Appends what a producer elsewhere sends; see `appendNumbered`. Resolves to the last record. */
  async append(name: string, append: NumberedAppend): Promise<StreamRecord> {
    assertStreamName(name)
    this.#assertOpen()
    const { maxBytes } = this.#defaults
    return await appendNumbered(this.log, name, append, {
      known: this.#watch.lastOf(name),
      assertFits: (bytes) => {
        if (this.#watch.bytesOf(name) + bytes > maxBytes) throw tooLargeError(name, maxBytes)
      },
      onStored: (records) => {
        // The next request may come before the tail brings them.
        for (const record of records) {
          if (isEnd(record.kind)) this.#countEnd(record.kind)
          else this.#watch.watch(name, record)
        }
      },
    })
  }

  /**
   * Stores records of streams that a hub which copies this one passes on, all or none. `assertMayWrite` is
   * called with the name of each. Rejects with `INVALID_REQUEST` for what is not a record, and as the store does.
   */
  async appendForReplica(
    appends: readonly Append[],
    assertMayWrite: (name: string) => void,
  ): Promise<readonly HistoryPosition[]> {
    this.#assertOpen()
    const { topics } = this.log
    for (const { event } of appends) {
      const name = topics.nameOf(event.topics[0])
      const record = readRecord(event)
      // A trace that it may have where it comes from does not count.
      const untraced = { ...event, traceContext: undefined }
      if (name === undefined || !record || !isDeepStrictEqual(untraced, toEvent(topics, name, record))) {
        throw new HubError(
          'INVALID_REQUEST',
          `The event on ${JSON.stringify(event.topics[0])} is not a record of a stream of this hub, whose path is ${this.#hub.path}. An edge that writes streams needs the same path.`,
        )
      }
      assertStreamName(name)
      assertMayWrite(name)
    }
    return await this.log.appendForReplica(appends)
  }

  /** Ends a stream at once, whoever writes it, and resolves to how it ended. */
  async stop(name: string, reason = ''): Promise<StreamEndKind> {
    const record = await this.#appendNext(name, { kind: 'stopped', data: reason }, newWriterId())
    return record.kind as StreamEndKind
  }

  /** Says what is known of a stream. Throws `INVALID_STREAM_NAME`. */
  async place(name: string): Promise<StreamPlace> {
    assertStreamName(name)
    return await this.log.placeNow(name)
  }

  /**
   * The same for a reader, who learns the rest from the stream: does not ask for what other hubs have just
   * written. Throws `INVALID_STREAM_NAME`.
   */
  async placeForReader(name: string): Promise<StreamPlace> {
    assertStreamName(name)
    const place = await this.log.place(name)
    // Known from now on, even if the history no longer keeps its beginning: a reader waits for its end.
    if (place.name === 'open') this.#watch.watch(name, place.last)
    return place
  }

  /** What was written to a stream before a record. */
  async writtenBefore(name: string, { run, number }: StreamRecord): Promise<WrittenBefore> {
    const events: StreamEvent[] = []
    const texts: string[] = []
    let bytes = 0
    for await (const record of this.log.records(name)) {
      if (record.run !== run || record.kind !== 'event' || record.number >= number) continue
      const { type, data } = record
      events.push({ id: recordId(name, run, record.number), type: type || 'message', data })
      if (type === '') texts.push(data)
      bytes += Buffer.byteLength(data)
    }
    return { events, text: texts.join(''), bytes }
  }

  /** Yields the events of a stream; see `HubStream.read`. */
  read(name: string, after: string, signal?: AbortSignal): AsyncGenerator<StreamEvent, ReadEnd, undefined> {
    return readStream(this.#hub, this.log, name, after, signal)
  }

  /** Sends a stream through a session. */
  deliver(name: string, session: Session): void {
    claimSession(session, {})
    if (this.#isClosed) {
      void session.drain()
      return
    }
    this.#sessions.add(session)
    session.closed.then(() => this.#sessions.delete(session))
    const { lastEventId } = session
    const cursor = numberInId(name, lastEventId) === undefined ? beginningId(name) : lastEventId
    void deliverStream(session, cursor, (signal) => this.read(name, lastEventId, signal), this.#onError)
  }

  /**
   * Ends sessions so that their clients come back, and leaves the streams of this process to other writers.
   * After `deadlineMs`, cuts off the sessions whose clients do not read.
   */
  async close({ deadlineMs = 8000 }: { readonly deadlineMs?: number | undefined } = {}): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const inOrder = this.#closeInOrder().then(() => true)
    // A timer supports at most 2^31 - 1 ms, and fires at once for more.
    const isInOrder = deadlineMs < 2 ** 31 ? await withTimeout(deadlineMs, inOrder, false) : await inOrder
    if (!isInOrder) for (const session of this.#sessions) void session.cutOff()
    this.#watch.close()
    this.#tail.close()
  }

  async #closeInOrder(): Promise<void> {
    const among = this.#sessions.size
    await Promise.all([
      ...Array.from(this.#sessions, (session) => session.drain({ among })),
      ...Array.from(this.#writers.values(), async (writer) => {
        await writer.settled()
        writer.abandon(
          new HubError(
            'HUB_CLOSED',
            `The hub is shutting down: the stream ${JSON.stringify(writer.name)} can be taken over when it, or another, is up.`,
          ),
        )
      }),
    ])
  }

  #write(name: string, last: StreamRecord, bytes: number): StreamWriter {
    const { maxBytes } = this.#defaults
    const writer = new StreamWriter(this.log, name, last, {
      bytes,
      maxBytes,
      onOver: () => {
        const { kind } = writer.last
        if (isEnd(kind)) this.#countEnd(kind)
        if (this.#writers.get(name) === writer) this.#writers.delete(name)
      },
    })
    this.#writers.set(name, writer)
    return writer
  }

  /**
   * Appends a record after whatever is the last, by this process's writer of the stream if it has one. If
   * the stream has ended before, resolves to its end.
   */
  async #appendNext(
    name: string,
    written: { readonly kind: 'taken' | 'stopped' | 'lost'; readonly data: string },
    writerId: string,
  ): Promise<StreamRecord> {
    assertStreamName(name)
    this.#assertOpen()
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const own = this.#writers.get(name)
      if (own?.isOpen) {
        try {
          return await (written.kind === 'taken' ? own.handOver(written, writerId) : own.end(written, true))
        } catch (error) {
          // It has just ended or lost the stream: what holds then is in the history.
          if (!(error instanceof HubError) || !/^STREAM_/.test(error.code)) throw error
        }
      }
      const place = await this.log.place(name)
      if (place.name === 'none') throw noStreamError(name)
      if (place.name === 'gone') throw goneError(name)
      if (place.name === 'ended') return place.last
      const { last } = place
      const record = { ...last, ...written, type: '', number: last.number + 1, writer: writerId }
      const outcome = await this.log.append(name, [record])
      if (outcome.name === 'stored' || outcome.by.writer === writerId) {
        if (isEnd(record.kind)) this.#countEnd(record.kind)
        return record
      }
      // Its writer was faster. Not at the same pace as it.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
    }
    throw new HubError(
      'STREAM_HAS_WRITER',
      `The writer of the stream ${JSON.stringify(name)} was faster ${maxAttempts} times. Try again.`,
    )
  }

  /** Ends a stream that was silent for its lease, unless its writer is here, and only busy. */
  async #endLost(name: string, silent: StreamRecord): Promise<void> {
    if (this.#writers.get(name)?.isOpen || this.#isClosed) return
    try {
      const place = await this.log.place(name)
      if (place.name !== 'open') {
        this.#watch.forget(name)
        return
      }
      const { last } = place
      if (last.run !== silent.run || last.number > silent.number) {
        this.#watch.watch(name, last)
        return
      }
      const data = `Its producer was silent for ${last.leaseMs} ms.`
      const record = { ...last, kind: 'lost', type: '', data, number: last.number + 1, writer: newWriterId() } as const
      const outcome = await this.log.append(name, [record])
      if (outcome.name === 'stored') this.#countEnd('lost')
    } catch (error) {
      // The stream is looked at again.
      if (!this.#isClosed) this.#onError(error)
    }
  }

  #countEnd(how: StreamEndKind): void {
    this.#ended[how]++
  }

  #assertOpen(): void {
    if (!this.#isClosed) return
    throw new HubError('HUB_CLOSED', 'The hub is shutting down. Try again when it, or another, is up.')
  }
}

const streamsNames = namesOf<StreamsOptions>({ leaseMs: true, retentionMs: true, maxOpen: true, maxBytes: true })

function assertLease(leaseMs: unknown): number {
  if (typeof leaseMs === 'number' && leaseMs >= leastLeaseMs && leaseMs <= 2 ** 31 - 1) return Math.ceil(leaseMs)
  throw new HubError(
    'INVALID_OPTION',
    `leaseMs is ${String(leaseMs)}: it must be a number of milliseconds, from ${leastLeaseMs} up.`,
  )
}

/** Why a stream that is over cannot be written. */
function overError(name: string, place: StreamPlace): HubError {
  return place.name === 'ended' ? endedError(name, place.how, place.reason) : goneError(name)
}
