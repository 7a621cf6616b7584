import { SseError } from '../protocol/index.ts'
import { namesOf, refuseUnknownName } from './names.ts'

/** How much a channel keeps for clients that reconnect. The first limit reached counts. */
export interface HistoryOptions {
  /**
   * Default 1000. `0` keeps nothing: every client that reconnects after missing something gets a
   * gap.
   */
  maxEvents?: number | undefined
  /** The age at which events are dropped, in milliseconds. Default 300000 (5 minutes). */
  maxAgeMs?: number | undefined
  /**
   * The most encoded bytes. Default 8388608 (8 MiB). Beside them the channel keeps a reference to the
   * data of each event, for filters.
   */
  maxBytes?: number | undefined
}

/** An event of a channel, encoded once for all. */
export interface SentEvent {
  readonly bytes: Uint8Array
  /** How many of the bytes, at their end, are the ID and the blank line. */
  readonly idLength: number
  /** Its place in the channel, as in an ID. */
  readonly place: string
  /** The ID that the application gave it. */
  readonly ownId: string | undefined
  /** As the application gave it, for filters. */
  readonly content: { readonly type: string; readonly data: unknown }
}

/** The most recent events of a channel, encoded. Their positions are consecutive. */
export class History {
  /** The position of the latest event ever added; 0 if there was none. */
  head = 0
  readonly #maxEvents: number
  readonly maxAgeMs: number
  readonly #maxBytes: number
  #kept: (KeptEvent | undefined)[] = []
  #firstIndex = 0
  #byteLength = 0
  /** Where the events with an ID of their own are. */
  readonly #positions = new Map<string, number>()

  constructor(options: HistoryOptions) {
    if (typeof options !== 'object' || options === null) {
      throw new SseError(
        'INVALID_OPTION',
        `history is ${String(options)}, not an object. Did you mean { history: { maxEvents: ${typeof options === 'number' ? options : 1000} } }?`,
      )
    }
    refuseUnknownName('history', options, names)
    const { maxEvents = 1000, maxAgeMs = 300_000, maxBytes = 8_388_608 } = options
    this.#maxEvents = from0('maxEvents', maxEvents)
    this.maxAgeMs = from0('maxAgeMs', maxAgeMs)
    this.#maxBytes = from0('maxBytes', maxBytes)
  }

  /** The position of the earliest event; one past the head if the history is empty. */
  get earliest(): number {
    return this.head + 1 - (this.#kept.length - this.#firstIndex)
  }

  /** Adds the event at the position after the head. */
  add(event: SentEvent): void {
    this.head++
    this.#kept.push({ ...event, addedAt: performance.now() })
    this.#byteLength += event.bytes.length
    if (event.ownId !== undefined) this.#positions.set(event.ownId, this.head)
    this.trim()
  }

  /** The event at a position in the history. */
  at(position: number): SentEvent {
    return this.#kept[this.#firstIndex + position - this.earliest] as KeptEvent
  }

  /** The position of the event that an application gave this ID. */
  find(ownId: string): number | undefined {
    return this.#positions.get(ownId)
  }

  /** Drops events beyond the limits. */
  trim(): void {
    const oldestAllowed = performance.now() - this.maxAgeMs
    for (let first = this.#kept[this.#firstIndex]; first; first = this.#kept[this.#firstIndex]) {
      const count = this.#kept.length - this.#firstIndex
      if (count <= this.#maxEvents && this.#byteLength <= this.#maxBytes && first.addedAt >= oldestAllowed) break
      this.#byteLength -= first.bytes.length
      if (first.ownId !== undefined) this.#positions.delete(first.ownId)
      this.#kept[this.#firstIndex++] = undefined
    }
    // In bulk, because shifting a long array one by one is quadratic.
    if (this.#firstIndex > this.#kept.length / 2) {
      this.#kept = this.#kept.slice(this.#firstIndex)
      this.#firstIndex = 0
    }
  }
}

const names = namesOf<HistoryOptions>({ maxEvents: true, maxAgeMs: true, maxBytes: true })

interface KeptEvent extends SentEvent {
  readonly addedAt: number
}

function from0(name: string, value: number): number {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new SseError(
      'INVALID_OPTION',
      `history.${name} is ${String(value)}: it must be a number, 0 or more, or Infinity.`,
    )
  }
  return value
}
