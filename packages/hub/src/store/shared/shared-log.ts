import { encodeRecord, recordHeaderBytes, type TailRecord } from './tail-record.ts'

/**
 * A part of the log, as threads pass it to one another. It is filled from beginning to end, and
 * nothing written to it ever changes.
 */
export type SegmentMemory = SharedArrayBuffer

/** The indexes of the two words of a segment. */
export const segmentWords = { end: 0, isFull: 1 } as const
/** The offset of the records in a segment. */
export const segmentHeaderBytes = 8
/**
 * The size of a segment, unless one record is larger. A socket that does not read keeps the segment
 * of the one frame that is being sent to it. That is no more than a subscriber may hold in any
 * case.
 */
const segmentBytes = 64 * 1024

/**
 * The end of a history as a log of bytes that other threads read. The writer appends records to a
 * segment of shared memory, and then moves the end that readers see. When a segment is full, a new
 * one follows. Segments are never used again, so that no reader has to report what it has read: a
 * segment is freed when no thread refers to it any more.
 */
export class SharedLog {
  /**
   * Incremented whenever there is something new, which wakes the threads that wait for it to
   * change.
   */
  readonly wakeup = new Int32Array(new SharedArrayBuffer(4))
  readonly #onSegment: (memory: SegmentMemory) => void
  #memory: SegmentMemory
  #words: Int32Array
  #bytes: Buffer
  #end = segmentHeaderBytes

  /** `onSegment` is called with each new segment while it is still empty. */
  constructor(onSegment: (memory: SegmentMemory) => void) {
    this.#onSegment = onSegment
    this.#memory = new SharedArrayBuffer(segmentBytes)
    this.#words = new Int32Array(this.#memory, 0, 2)
    this.#bytes = Buffer.from(this.#memory)
    Atomics.store(this.#words, segmentWords.end, this.#end)
  }

  /** The segment that is being filled. */
  get memory(): SegmentMemory {
    return this.#memory
  }

  /** The offset of the next record in it. */
  get end(): number {
    return this.#end
  }

  /**
   * Writes a record. Returns its frame in the shared memory. Readers see the record once it is
   * published.
   */
  append(record: TailRecord): Uint8Array {
    const { fields, frame } = encodeRecord(record)
    const length = recordHeaderBytes + fields.length + frame.length
    if (this.#end + length > this.#bytes.length) this.#begin(length)
    const start = this.#end
    this.#bytes.writeUInt32LE(fields.length, start)
    this.#bytes.writeUInt32LE(frame.length, start + 4)
    this.#bytes.set(fields, start + recordHeaderBytes)
    const frameStart = start + recordHeaderBytes + fields.length
    this.#bytes.set(frame, frameStart)
    this.#end = start + length
    return this.#bytes.subarray(frameStart, this.#end)
  }

  /** Lets readers see everything that was written. */
  publish(): void {
    Atomics.store(this.#words, segmentWords.end, this.#end)
    Atomics.add(this.wakeup, 0, 1)
    Atomics.notify(this.wakeup, 0)
  }

  #begin(recordBytes: number): void {
    const full = this.#words
    Atomics.store(full, segmentWords.end, this.#end)
    this.#memory = new SharedArrayBuffer(Math.max(segmentBytes, segmentHeaderBytes + recordBytes))
    this.#words = new Int32Array(this.#memory, 0, 2)
    this.#bytes = Buffer.from(this.#memory)
    this.#end = segmentHeaderBytes
    Atomics.store(this.#words, segmentWords.end, this.#end)
    this.#onSegment(this.#memory)
    Atomics.store(full, segmentWords.isFull, 1)
  }
}
