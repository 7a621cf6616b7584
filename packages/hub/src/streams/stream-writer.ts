import { HubError } from '../base/errors.ts'
import { displacedError, endedError, takenOverError, tooLargeError } from './stream-errors.ts'
import type { AppendOutcome } from './stream-log.ts'
import { isEnd, type StreamRecord, type StreamRecordKind } from './stream-record.ts'

/** The most bytes of text that are stored together. */
const batchBytes = 256 * 1024
/** How long to wait before what could not be stored is tried again, in milliseconds. */
const retryMs = 250

/** Where a writer's records go: the history, or a hub elsewhere. */
export interface RecordSink {
  /** The most records that are stored together, all or none. */
  readonly maxTogether: number
  /** Appends records of one stream with consecutive numbers; see `StreamLog.append`. */
  append(name: string, records: readonly StreamRecord[]): Promise<AppendOutcome>
}

/** What a writer writes: a record without its place. */
export interface Written {
  readonly kind: StreamRecordKind
  readonly type?: string | undefined
  readonly data: string
}

interface Waiting extends Written {
  /** Who becomes the writer by it. */
  readonly writer: string
  readonly resolve: (record: StreamRecord) => void
  readonly reject: (error: unknown) => void
}

/**
 * The one writer of a stream, in this process. One batch is under way at a time, and what is written
 * meanwhile goes together in the next: so there are no holes, and whoever stores the next number has
 * the stream. Renews the lease while nothing is written.
 */
export class StreamWriter {
  readonly name: string
  readonly id: string
  readonly signal: AbortSignal
  readonly #log: RecordSink
  readonly #controller = new AbortController()
  /** The number of the record by which it got the stream. */
  readonly #since: number
  /** The newest record that is stored. */
  #last: StreamRecord
  #waiting: Waiting[] = []
  #isBusy = false
  /** The batches that are under way. */
  #batch: Promise<void> = Promise.resolve()
  /** How many of those that wait are being stored. */
  #batchSize = 0
  /** Why nothing more can be written. */
  #over: HubError | undefined
  #renewal: NodeJS.Timeout | undefined
  readonly #onOver: () => void
  readonly #maxBytes: number
  /** The bytes of all events of the stream, those that wait and those that were refused included. */
  #bytes: number
  #waitingBytes = 0

  /** `last` is the record by which the writer got the stream. */
  constructor(
    log: RecordSink,
    name: string,
    last: StreamRecord,
    { bytes, maxBytes, onOver }: { readonly bytes: number; readonly maxBytes: number; readonly onOver: () => void },
  ) {
    this.#log = log
    this.name = name
    this.id = last.writer
    this.#since = last.number
    this.#last = last
    this.#bytes = bytes
    this.#maxBytes = maxBytes
    this.#onOver = onOver
    this.signal = this.#controller.signal
    this.#renewLater()
  }

  /** The newest record that is known to be stored. */
  get last(): StreamRecord {
    return this.#last
  }

  get isOpen(): boolean {
    return this.#over === undefined
  }

  /** How many bytes are not stored yet. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** How many records are not stored yet. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  /**
   * Stores an event after all that were written before, and resolves to its record.
   *
   * @throws HubError `STREAM_ENDED`, `STREAM_TAKEN_OVER`, `TOO_LARGE`, `HUB_CLOSED`; what the store throws.
   */
  write(data: string, type?: string): Promise<StreamRecord> {
    if (this.#over) return Promise.reject(this.#over)
    const bytes = Buffer.byteLength(data)
    this.#bytes += bytes
    // Nor anything after it, however small: there would be a hole.
    if (this.#bytes > this.#maxBytes) return Promise.reject(tooLargeError(this.name, this.#maxBytes))
    return this.#add({ kind: 'event', type, data })
  }

  /**
   * Ends the stream after all that was written, or before it (`isAtOnce`): what waits is then refused.
   * Rejects as `write` does.
   */
  end(written: Written, isAtOnce = false): Promise<StreamRecord> {
    return this.#addLast(written, this.id, isAtOnce)
  }

  /** Hands the stream to another writer, after what is under way. Resolves to the record that says so. */
  handOver(written: Written, writer: string): Promise<StreamRecord> {
    return this.#addLast(written, writer, true)
  }

  /** Called with what others stored in this stream, as the hub reads it: another writer, or an end. */
  onRecord(record: StreamRecord): void {
    const { run, number, writer } = record
    // What the writer before wrote may come late.
    if (run !== this.#last.run || number <= this.#since || writer === this.id) return
    this.#finish(displacedError(this.name, record))
  }

  /** Writes nothing more, and does not end the stream: its lease does, unless another writer goes on. */
  abandon(error: HubError): void {
    this.#finish(error)
  }

  /** Counts what others wrote before. */
  countBefore(bytes: number): void {
    this.#bytes += bytes
  }

  /** Leaves the stream to the same writer elsewhere, and resolves to the newest record. Rejects if it has lost it. */
  async release(): Promise<StreamRecord> {
    await this.settled()
    if (this.#over) throw this.#over
    this.#finish(takenOverError(this.name))
    return this.#last
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#isBusy) await this.#batch
  }

  #addLast(written: Written, writer: string, isAtOnce: boolean): Promise<StreamRecord> {
    if (this.#over) return Promise.reject(this.#over)
    const refused = isAtOnce ? this.#waiting.splice(this.#isBusy ? this.#batchSize : 0) : []
    const stored = this.#add(written, writer)
    // Nothing comes after it, from now on.
    this.#over = isEnd(written.kind) ? endedError(this.name, written.kind) : takenOverError(this.name)
    for (const { data, reject } of refused) {
      this.#waitingBytes -= Buffer.byteLength(data)
      reject(this.#over)
    }
    return stored
  }

  #add(written: Written, writer = this.id): Promise<StreamRecord> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...written, writer, resolve, reject })
      this.#waitingBytes += Buffer.byteLength(written.data)
      if (this.#isBusy) return
      this.#isBusy = true
      clearTimeout(this.#renewal)
      // What is written in the same turn goes together.
      this.#batch = Promise.resolve().then(() => this.#storeAll())
    })
  }

  async #storeAll(): Promise<void> {
    while (this.#waiting.length > 0 && !this.signal.aborted) {
      const batch = this.#nextBatch()
      this.#batchSize = batch.length
      try {
        const records = batch.map((each, index) => this.#recordOf(each, index))
        await this.#store(records)
        this.#last = records.at(-1)!
        this.#waiting.splice(0, batch.length)
        for (const [index, { resolve, data }] of batch.entries()) {
          this.#waitingBytes -= Buffer.byteLength(data)
          resolve(records[index]!)
        }
        if (isEnd(this.#last.kind) || this.#last.writer !== this.id) this.#finish(this.#over!)
      } catch (error) {
        this.#finish(error as HubError)
      }
    }
    this.#batchSize = 0
    this.#isBusy = false
    this.#renewLater()
  }

  #nextBatch(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    for (const { data } of this.#waiting) {
      bytes += data.length
      if (count > 0 && (bytes > batchBytes || count === this.#log.maxTogether)) break
      count++
    }
    return this.#waiting.slice(0, count)
  }

  #recordOf({ kind, type = '', data, writer }: Waiting, index: number): StreamRecord {
    const { run, number, leaseMs, retentionMs, isPrivate } = this.#last
    return { kind, number: number + 1 + index, run, writer, leaseMs, retentionMs, isPrivate, type, data }
  }

  /**
   * Stores records, and tries again for as long as a lease lasts when the store fails: by their IDs
   * they cannot be stored twice, even if an attempt that failed succeeds later.
   */
  async #store(records: readonly StreamRecord[]): Promise<void> {
    const [first] = records
    const until = performance.now() + this.#last.leaseMs
    for (;;) {
      try {
        const outcome = await this.#log.append(this.name, records)
        if (outcome.name === 'stored' || isSame(outcome.by, first!)) return
        throw displacedError(this.name, outcome.by)
      } catch (error) {
        const isPassing = error instanceof HubError && error.code === 'STORE_FAILED'
        if (!isPassing || performance.now() >= until || this.signal.aborted) throw error
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      }
    }
  }

  #finish(error: HubError): void {
    this.#over = error
    if (this.signal.aborted) return
    clearTimeout(this.#renewal)
    this.#controller.abort(error)
    const refused = this.#waiting.splice(0)
    this.#waitingBytes = 0
    for (const { reject } of refused) reject(error)
    this.#onOver()
  }

  #renewLater(): void {
    if (this.#over || this.#isBusy) return
    clearTimeout(this.#renewal)
    this.#renewal = setTimeout(() => {
      // What goes wrong, the signal says.
      this.#add({ kind: 'renewed', data: '' }).catch(() => {})
    }, this.#last.leaseMs / 3)
    this.#renewal.unref()
  }
}

/** Whether a record is what an earlier attempt stored. */
function isSame(stored: StreamRecord, given: StreamRecord): boolean {
  return stored.writer === given.writer && stored.kind === given.kind && stored.data === given.data
}
