import { Histogram } from './histogram.ts'

/**
 * What subscribers of one kind have received, and every fault in it. Numbers of events, unless
 * stated otherwise.
 */
export class Tally {
  /** Each event counted once for each subscriber. */
  delivered = 0
  duplicated = 0
  /** Events that arrived after a later one of the same stream. */
  reordered = 0
  /** Data that no publisher sent, torn or altered. */
  corrupted = 0
  /** Events of a stream that the subscriber did not select. */
  misdirected = 0
  /** Subscribers that received a gap. */
  gaps = 0
  /** Blocks that are not events: comments, and blocks without data. */
  heartbeats = 0
  /** Responses that were not an event stream in valid chunks. */
  broken = 0
  /** Connections that ended before the end of the measurement. */
  closed = 0
  /** The time of the last event. */
  lastAt = 0
  readonly latencies = new Histogram()

  onDelivered(due: number, at: number): void {
    this.delivered++
    this.lastAt = at
    this.latencies.add(at - due)
  }
}
