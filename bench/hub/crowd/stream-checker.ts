import { readEventData } from '../content.ts'
import { Received } from './received.ts'
import type { Reference } from './reference.ts'
import type { Tally } from './tally.ts'

/** How the bytes of a connection are checked at the moment. */
type Way =
  /** Compared with the reference as they are, including chunk framing. */
  | 'wire'
  /** Extracted from their chunks, and compared with the reference. */
  | 'payload'
  /**
   * Extracted from their chunks, and parsed. The first subscriber of a feed adds what it finds to
   * the reference.
   */
  | 'parse'

/** The position of the next byte in the framing of chunked transfer coding [RFC 9112, 7.1]. */
type ChunkState = 'size' | 'extension' | 'data' | 'data-end' | 'trailer'

/**
 * Verifies the body of one subscriber's response: every event it should receive, once, whole, in
 * order. It uses the fastest method that fits the bytes, and falls back to the next when they are
 * not as expected. That alone is not a fault: a server may send a heartbeat or cut its chunks
 * differently. Only parsed events are judged.
 */
export class StreamChecker {
  /**
   * The ID of the last parsed event; of the last event of all for a subscriber that is alone with
   * its feed.
   */
  lastEventId = ''
  readonly #reference: Reference
  readonly #tally: Tally
  readonly #isChunked: boolean
  #way: Way = 'parse'
  /** The number of events of the reference that have arrived, while `#received` is not needed. */
  #events = 0
  #received: Received | undefined
  /** The offset of the next byte in the reference's wire, and the last checkpoint before it. */
  #wireAt = 0
  #checkpoint = 0
  /** The offset of the next byte in the reference's payload. */
  #payloadAt = 0
  /** The beginning of a block whose end has not arrived. */
  #pending = Buffer.alloc(0)
  #chunkState: ChunkState = 'size'
  #chunkLeft = 0
  #chunkDigits = 0
  /**
   * The last offset in the bytes being received at which a chunk ended with an event, and the
   * number of events before it; -1: none.
   */
  #cleanAt = -1
  #cleanEvents = 0
  #at = 0

  constructor(reference: Reference, tally: Tally, isChunked: boolean) {
    this.#reference = reference
    this.#tally = tally
    this.#isChunked = isChunked
    if (!isChunked) this.#chunkState = 'data'
  }

  /** The number of different expected events that have arrived. */
  get distinct(): number {
    return this.#received?.distinct ?? this.#events
  }

  /**
   * Whether nothing is wrong, except that events of several streams arrived in another order than
   * for the first subscriber of the feed.
   */
  get isInterleaved(): boolean {
    return this.#received?.faults === 0
  }

  /**
   * Accepts the bytes from `from` to `to`, which arrived at `at`. Throws a {@link FramingError} if
   * they cannot be part of the response.
   */
  receive(bytes: Buffer, from: number, to: number, at: number): void {
    this.#at = at
    this.#cleanAt = -1
    if (this.#way !== 'wire' && this.#isClean) this.#markClean(from)
    let next = from
    while (next < to)
      next = this.#way === 'wire' ? this.#compareWire(bytes, next, to) : this.#readChunks(bytes, next, to)
  }

  #compareWire(bytes: Buffer, from: number, to: number): number {
    const reference = this.#reference
    const length = Math.min(to - from, reference.wireEnd - this.#wireAt)
    if (length === 0 || !isEqual(bytes, from, reference.wire, this.#wireAt, length)) {
      this.#leaveWire(from)
      return from
    }
    this.#wireAt += length
    while (
      this.#checkpoint + 1 < reference.checkpointCount &&
      reference.checkpointWire[this.#checkpoint + 1]! <= this.#wireAt
    ) {
      this.#checkpoint++
      this.#countTo(reference.checkpointEvents[this.#checkpoint]!)
    }
    return from + length
  }

  /** Continues from the last checkpoint, with what arrived since before `at`. */
  #leaveWire(at: number): void {
    const { wire, checkpointWire } = this.#reference
    const from = checkpointWire[this.#checkpoint]!
    this.#way = 'payload'
    this.#payloadAt = this.#reference.startOf(this.#events)
    this.#chunkState = 'size'
    this.#cleanAt = -1
    if (from === this.#wireAt) this.#markClean(at)
    else this.#readChunks(wire, from, this.#wireAt)
  }

  /**
   * Extracts bytes from their chunks, up to where they can be compared as they are, if that is
   * earlier.
   */
  #readChunks(bytes: Buffer, from: number, to: number): number {
    if (!this.#isChunked) {
      this.#readPayload(bytes, from, to)
      return to
    }
    let next = from
    while (next < to) {
      switch (this.#chunkState) {
        case 'size': {
          const byte = bytes[next++]!
          const digit = hexDigit(byte)
          if (digit >= 0 && this.#chunkDigits < 8) {
            this.#chunkLeft = this.#chunkLeft * 16 + digit
            this.#chunkDigits++
          } else if (this.#chunkDigits > 0 && (byte === 13 || byte === 59)) this.#chunkState = 'extension'
          else throw new FramingError(`A chunk's size has the byte ${byte}.`)
          break
        }
        case 'extension':
          if (bytes[next++] === 10) {
            this.#chunkState = this.#chunkLeft > 0 ? 'data' : 'trailer'
            this.#chunkDigits = 0
          }
          break
        case 'data': {
          const end = Math.min(to, next + this.#chunkLeft)
          this.#readPayload(bytes, next, end)
          this.#chunkLeft -= end - next
          next = end
          if (this.#chunkLeft === 0) this.#chunkState = 'data-end'
          break
        }
        case 'data-end': {
          const byte = bytes[next++]!
          if (byte === 13) break
          if (byte !== 10) throw new FramingError(`A chunk goes on with the byte ${byte} after its end.`)
          this.#chunkState = 'size'
          if (this.#isClean && this.#enterWire(bytes, next)) return next
          break
        }
        case 'trailer':
          return to
      }
    }
    return next
  }

  /** Whether an event and its chunk have just ended, and nothing was wrong so far. */
  get #isClean(): boolean {
    if (this.#received || !this.#isChunked || this.#chunkState !== 'size' || this.#chunkDigits > 0) return false
    return this.#way === 'parse'
      ? this.#pending.length === 0
      : this.#payloadAt === this.#reference.startOf(this.#events)
  }

  #markClean(at: number): void {
    this.#cleanAt = at
    this.#cleanEvents = this.#events
  }

  /**
   * Compares what follows as it is, if the reference has a checkpoint here, or gets one from the
   * chunks that just arrived.
   */
  #enterWire(bytes: Buffer, at: number): boolean {
    const reference = this.#reference
    const isNew =
      this.#cleanAt >= 0 && this.#cleanEvents >= reference.lastCheckpointEvents && this.#events > this.#cleanEvents
    if (isNew) reference.appendWire(this.#cleanEvents, this.#events, bytes, this.#cleanAt, at)
    this.#markClean(at)
    const checkpoint = reference.checkpointAfter(this.#events)
    if (checkpoint < 0) return false
    this.#way = 'wire'
    this.#checkpoint = checkpoint
    this.#wireAt = reference.checkpointWire[checkpoint]!
    return true
  }

  #readPayload(bytes: Buffer, from: number, to: number): void {
    let next = from
    while (next < to) {
      next = this.#way === 'payload' ? this.#comparePayload(bytes, next, to) : this.#parse(bytes, next, to)
    }
  }

  #comparePayload(bytes: Buffer, from: number, to: number): number {
    const reference = this.#reference
    const length = Math.min(to - from, reference.payloadEnd - this.#payloadAt)
    if (length === 0 || !isEqual(bytes, from, reference.payload, this.#payloadAt, length)) {
      this.#way = 'parse'
      this.#pending = Buffer.from(reference.payload.subarray(reference.startOf(this.#events), this.#payloadAt))
      return from
    }
    this.#payloadAt += length
    let events = this.#events
    while (events < reference.count && reference.ends[events]! <= this.#payloadAt) events++
    this.#countTo(events)
    return from + length
  }

  #countTo(events: number): void {
    const { dues } = this.#reference
    for (let event = this.#events; event < events; event++) this.#tally.onDelivered(dues[event]!, this.#at)
    this.#events = events
  }

  /** Reads blocks, up to where the rest can be compared. */
  #parse(bytes: Buffer, from: number, to: number): number {
    const isContinued = this.#pending.length > 0
    const text = isContinued ? Buffer.concat([this.#pending, bytes.subarray(from, to)]) : bytes
    const end = isContinued ? text.length : to
    let next = isContinued ? 0 : from
    for (;;) {
      const after = endOfBlock(text, next, end)
      if (after < 0) break
      this.#readBlock(text, next, after)
      next = after
      if (this.#received || this.#events === this.#reference.count) continue
      this.#way = 'payload'
      this.#payloadAt = this.#reference.startOf(this.#events)
      this.#pending = empty
      return to - (end - next)
    }
    if (end - next > maxBlockBytes) throw new FramingError(`An event has no end after ${end - next} bytes.`)
    this.#pending = next < end ? Buffer.from(text.subarray(next, end)) : empty
    return to
  }

  #readBlock(bytes: Buffer, from: number, to: number): void {
    let data: string | undefined
    let type = ''
    // Data, event types and IDs of the benchmark are ASCII: any other byte makes them differ from
    // what is expected.
    for (const line of bytes.toString('latin1', from, to).split(/\r\n|\r|\n/)) {
      const [, field, value = ''] = /^([^:]+):? ?(.*)$/s.exec(line) ?? []
      if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
      else if (field === 'event') type = value
      else if (field === 'id') this.lastEventId = value
    }
    if (type === 'headwater-gap') this.#tally.gaps++
    if (data === undefined) this.#tally.heartbeats++
    if (data === undefined || type.startsWith('headwater-')) return

    const identity = readEventData(data)
    const reference = this.#reference
    if (!identity) {
      this.#tally.corrupted++
      this.#received ??= new Received(reference, this.#events)
      this.#received.faults++
    } else if (this.#received) this.#received.receive(identity, this.#at, this.#tally)
    else if (this.#events === reference.count && reference.expects(identity)) {
      reference.append(identity, bytes, from, to)
      this.#countTo(this.#events + 1)
    } else if (
      reference.streams[this.#events] === identity.stream &&
      reference.seqs[this.#events] === identity.seq &&
      this.#events < reference.count
    ) {
      this.#countTo(this.#events + 1)
    } else {
      this.#received = new Received(reference, this.#events)
      this.#received.receive(identity, this.#at, this.#tally)
    }
  }
}

/** Bytes that cannot be part of a chunked event stream. */
export class FramingError extends Error {}

const empty = Buffer.alloc(0)
const maxBlockBytes = 16 * 1024 * 1024

function isEqual(a: Buffer, aFrom: number, b: Buffer, bFrom: number, length: number): boolean {
  return a.compare(b, bFrom, bFrom + length, aFrom, aFrom + length) === 0
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  if (byte >= 97 && byte <= 102) return byte - 87
  if (byte >= 65 && byte <= 70) return byte - 55
  return -1
}

/** The end of the block that begins at `from`, after its empty line. -1 if that has not arrived. */
function endOfBlock(bytes: Buffer, from: number, to: number): number {
  let lineStart = from
  for (let index = from; index < to; index++) {
    const byte = bytes[index]
    if (byte !== 10 && byte !== 13) continue
    let after = index + 1
    if (byte === 13) {
      // The line feed of the same line end may not have arrived yet.
      if (after === to) return -1
      if (bytes[after] === 10) after++
    }
    if (index === lineStart) return after
    lineStart = after
    index = after - 1
  }
  return -1
}
