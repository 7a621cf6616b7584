import { type SegmentMemory, segmentHeaderBytes, segmentWords } from './shared-log.ts'
import { decodeRecord, recordHeaderBytes, type TailRecord } from './tail-record.ts'

/** A segment of a shared log, as one thread reads it. */
export class Segment {
  /** The offset of the first record in every segment. */
  static readonly start = segmentHeaderBytes
  /** The next segment, once this thread knows it; `cut off` if it will not receive that. */
  next: Segment | 'cut off' | undefined
  /** The total size of the segments that this thread received before this one. */
  readonly bytesBefore: number
  readonly #words: Int32Array
  readonly #bytes: Buffer

  constructor(memory: SegmentMemory, bytesBefore: number) {
    this.bytesBefore = bytesBefore
    this.#words = new Int32Array(memory, 0, 2)
    this.#bytes = Buffer.from(memory)
  }

  get byteLength(): number {
    return this.#bytes.length
  }

  /**
   * Reads all records from an offset on. Returns where they end, and whether no more will follow in
   * this segment.
   */
  readFrom(start: number, take: (record: TailRecord) => void): { readonly end: number; readonly isOver: boolean } {
    // In this order: once the segment is full, its end does not move.
    const isOver = Atomics.load(this.#words, segmentWords.isFull) === 1
    const end = Atomics.load(this.#words, segmentWords.end)
    let at = start
    while (at < end) {
      const fieldsStart = at + recordHeaderBytes
      const frameStart = fieldsStart + this.#bytes.readUInt32LE(at)
      at = frameStart + this.#bytes.readUInt32LE(at + 4)
      take(decodeRecord(this.#bytes.subarray(fieldsStart, frameStart), this.#bytes.subarray(frameStart, at)))
    }
    return { end, isOver }
  }
}
