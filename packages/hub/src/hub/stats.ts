import type { CloseReason, GapReason } from '@headwater/sse/server'

/** What a hub has done and is doing. Counts start when the hub is created. None reveals a topic. */
export interface HubStats {
  /** Sessions served now. */
  readonly subscribers: number
  /** How many of them are behind: with events to be written, or history to be read. */
  readonly subscribersBehind: number
  /** How many positions of the whole history, and so at most how many events, the slowest subscriber is behind. */
  readonly lagEvents: number
  /** Different selections among the subscribers. */
  readonly feeds: number
  /** Bytes in memory for sessions that do not read them. Bytes that several share count once. */
  readonly unsentBytes: number
  /** Events written to sessions: one event counts for each subscriber. */
  readonly eventsDelivered: number
  readonly bytesDelivered: number
  /** Gaps reported to subscribers, by reason. */
  readonly gaps: Readonly<Partial<Record<GapReason, number>>>
  /**
   * Sessions that have ended, by reason. `too-slow` and `stalled` mean subscribers that could not
   * keep up.
   */
  readonly sessionsClosed: Readonly<Partial<Record<CloseReason, number>>>
  /** Hubs that copy the history of this one now. */
  readonly replicas: number
  /** The newest position of the history that the hub knows. */
  readonly headPosition: number
}

/** Counts what was delivered, since the hub was created. */
export class DeliveryCounts {
  readonly gaps = new Tally<GapReason>()
  readonly sessionsClosed = new Tally<CloseReason>()
  #events = 0
  #bytes = 0

  add(events: number, bytes: Uint8Array): void {
    this.#events += events
    this.#bytes += bytes.length
  }

  toStats(): Pick<HubStats, 'eventsDelivered' | 'bytesDelivered' | 'gaps' | 'sessionsClosed'> {
    return {
      eventsDelivered: this.#events,
      bytesDelivered: this.#bytes,
      gaps: { ...this.gaps.counts },
      sessionsClosed: { ...this.sessionsClosed.counts },
    }
  }
}

/** Counts by name. */
class Tally<Name extends string> {
  readonly counts: Partial<Record<Name, number>> = {}

  add(name: Name): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }
}
