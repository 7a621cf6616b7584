import type { EventIdentity } from '../content.ts'

/**
 * The streams that a subscriber should receive, each with the number of the first expected event.
 */
export type Selection = ReadonlyMap<number, number>

/**
 * When the events are due: `perStream` of each stream, one stream after the other. 0 for an event
 * that is not published yet.
 */
export interface DueTimes {
  readonly times: Float64Array
  readonly perStream: number
}

/**
 * The bytes that subscribers of one feed should receive, as the first of them received them: each
 * event in here was parsed and found to be the next one, whole. The others only need to be compared
 * with it, in long spans of memory, which lets one core verify millions of deliveries a second.
 *
 * It is kept twice: the events alone (`payload`), and the same with the HTTP chunks around them
 * (`wire`), since a server may cut chunks as it likes. Checkpoints connect the two where a chunk
 * ends together with an event.
 */
export class Reference {
  readonly selection: Selection
  count = 0
  payload: Buffer = Buffer.alloc(0)
  payloadEnd = 0
  wire: Buffer = Buffer.alloc(0)
  wireEnd = 0
  /** The end of each event in `payload`. */
  ends = new Int32Array(4)
  streams = new Int32Array(4)
  seqs = new Int32Array(4)
  dues = new Float64Array(4)
  /** For each checkpoint: its offset in `wire`, and the number of events before it. */
  checkpointWire = new Int32Array(4)
  checkpointEvents = new Int32Array(4)
  checkpointCount = 0
  /** By number of events: the checkpoint after them, plus 1; 0 if there is none. */
  #checkpointAfter = new Int32Array(4)
  readonly #next: Map<number, number>
  readonly #dueTimes: DueTimes

  constructor(selection: Selection, dueTimes: DueTimes) {
    this.selection = selection
    this.#next = new Map(selection)
    this.#dueTimes = dueTimes
  }

  dueOf({ stream, seq }: EventIdentity): number {
    return this.#dueTimes.times[stream * this.#dueTimes.perStream + seq] ?? 0
  }

  /** The beginning of an event in `payload`. */
  startOf(event: number): number {
    return event === 0 ? 0 : this.ends[event - 1]!
  }

  /** Whether nothing is missing between the reference and this event. */
  expects({ stream, seq }: EventIdentity): boolean {
    return this.#next.get(stream) === seq
  }

  /** Adds the expected event, with the bytes of its block. */
  append(identity: EventIdentity, bytes: Buffer, from: number, to: number): void {
    const index = this.count++
    const end = this.payloadEnd + to - from
    this.payload = ensureBytes(this.payload, end)
    bytes.copy(this.payload, this.payloadEnd, from, to)
    this.payloadEnd = end
    if (this.ends.length <= index) {
      this.ends = grown(this.ends, Int32Array)
      this.streams = grown(this.streams, Int32Array)
      this.seqs = grown(this.seqs, Int32Array)
      this.dues = grown(this.dues, Float64Array)
    }
    this.ends[index] = end
    this.streams[index] = identity.stream
    this.seqs[index] = identity.seq
    this.dues[index] = this.dueOf(identity)
    this.#next.set(identity.stream, identity.seq + 1)
  }

  /** The checkpoint after this many events, or -1. */
  checkpointAfter(events: number): number {
    return (this.#checkpointAfter[events] ?? 0) - 1
  }

  /** The number of events before the last checkpoint; -1 if there is none. */
  get lastCheckpointEvents(): number {
    return this.checkpointCount === 0 ? -1 : this.checkpointEvents[this.checkpointCount - 1]!
  }

  /**
   * Adds whole chunks, as received, that hold the events from `fromEvent` to `toEvent`, none of
   * which is in `wire` yet.
   */
  appendWire(fromEvent: number, toEvent: number, bytes: Buffer, from: number, to: number): void {
    if (this.lastCheckpointEvents !== fromEvent) {
      // What would be joined here does not follow what is before it. A byte that no stream has here
      // stops comparisons.
      if (this.checkpointCount > 0) this.#write(barrier, 0, 1)
      this.#addCheckpoint(fromEvent)
    }
    this.#write(bytes, from, to)
    this.#addCheckpoint(toEvent)
  }

  #write(bytes: Buffer, from: number, to: number): void {
    this.wire = ensureBytes(this.wire, this.wireEnd + to - from)
    bytes.copy(this.wire, this.wireEnd, from, to)
    this.wireEnd += to - from
  }

  #addCheckpoint(events: number): void {
    const index = this.checkpointCount++
    if (this.checkpointWire.length <= index) {
      this.checkpointWire = grown(this.checkpointWire, Int32Array)
      this.checkpointEvents = grown(this.checkpointEvents, Int32Array)
    }
    this.checkpointWire[index] = this.wireEnd
    this.checkpointEvents[index] = events
    while (this.#checkpointAfter.length <= events) this.#checkpointAfter = grown(this.#checkpointAfter, Int32Array)
    this.#checkpointAfter[events] = index + 1
  }
}

const barrier = Buffer.alloc(1)

function ensureBytes(buffer: Buffer, length: number): Buffer {
  if (buffer.length >= length) return buffer
  const larger = Buffer.allocUnsafeSlow(Math.max(512, 2 * length))
  buffer.copy(larger)
  return larger
}

function grown<T extends Int32Array | Float64Array>(array: T, type: new (length: number) => T): T {
  const larger = new type(array.length * 2)
  larger.set(array)
  return larger
}
