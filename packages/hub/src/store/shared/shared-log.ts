import { encodeRecord, recordHeaderBytes, type TailRecord } from './tail-record.ts'

/** A stretch of the log, as threads hand it to one another. It is filled from its beginning to its end, and nothing in it ever changes. */
export type SegmentMemory = SharedArrayBuffer

/** The places of a segment's two words. */
export const segmentWords = { end: 0, isFull: 1 } as const
/** Where the records of a segment begin. */
export const segmentHeaderBytes = 8
/**
 * How large a segment is, unless one record is larger. A socket that does not read holds on to the segment of the one frame it is being
 * sent: this is no more than a subscriber may hold in any case.
 */
const segmentBytes = 64 * 1024

/**
 * The end of a history as a log of bytes that other threads read. Who writes puts records behind one another into a segment of shared
 * memory, and then moves the end that readers see; a full segment is followed by a new one. None is ever used again, so that nobody
 * has to say that it has been read: a segment is freed when no thread has a use for it any more.
 */
export class SharedLog {
  /** Counts up whenever there is something new, and wakes who waits for it to change. */
  readonly wakeup = new Int32Array(new SharedArrayBuffer(4))
  readonly #onSegment: (memory: SegmentMemory) => void
  #memory: SegmentMemory
  #words: Int32Array
  #bytes: Buffer
  #end = segmentHeaderBytes

  /** `onSegment` gets each new segment, before anything is in it. */
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

  /** Where in it the next record will be. */
  get end(): number {
    return this.#end
  }

  /** Writes a record, and gives the frame where it is now. Readers see it when it is published. */
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

  /** Lets readers see all that was written. */
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
