import { Histogram } from './histogram.ts'

/** What subscribers of one kind have received, and everything that was wrong with it. Numbers of events, where not said otherwise. */
export class Tally {
  /** Each event counted once for each subscriber. */
  delivered = 0
  duplicated = 0
  /** Came after one of the same stream that was published later. */
  reordered = 0
  /** Data that no publisher sent, torn or altered. */
  corrupted = 0
  /** Of a stream that the subscriber did not select. */
  misdirected = 0
  /** Subscribers told of a gap. */
  gaps = 0
  /** Blocks that are no event: comments, and what has no data. */
  heartbeats = 0
  /** Answers that were not an event stream, in chunks that make sense. */
  broken = 0
  /** Connections that ended before the end of the measurement. */
  closed = 0
  /** When the last event came. */
  lastAt = 0
  readonly latencies = new Histogram()

  onDelivered(due: number, at: number): void {
    this.delivered++
    this.lastAt = at
    this.latencies.add(at - due)
  }
}
