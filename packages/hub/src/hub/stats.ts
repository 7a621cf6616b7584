import type { CloseReason, GapReason } from '@headwater/sse/server'

/** What a hub has done and is doing. Counts are since it was made; none says anything of a topic. */
export interface HubStats {
  /** Sessions served now. */
  readonly subscribers: number
  /** Of those, how many lack something: events that wait to be written, or history that is to be read. */
  readonly subscribersBehind: number
  /** How many events of the whole history the one that is furthest behind has not come past. */
  readonly lagEvents: number
  /** Different selections among the subscribers. */
  readonly feeds: number
  /** Events written to sessions: one event counts for each subscriber. */
  readonly eventsDelivered: number
  readonly bytesDelivered: number
  /** Gaps told to subscribers, by reason. */
  readonly gaps: Readonly<Partial<Record<GapReason, number>>>
  /** Sessions that are over, by what ended them. `too-slow` and `stalled` are those of subscribers that could not keep up. */
  readonly sessionsClosed: Readonly<Partial<Record<CloseReason, number>>>
  /** The newest position of the history that the hub knows of. */
  readonly headPosition: number
}

/** Counts by name. */
export class Tally<Name extends string> {
  readonly counts: Partial<Record<Name, number>> = {}

  add(name: Name): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }
}
