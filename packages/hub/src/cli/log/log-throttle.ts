/** How long counts are kept, in milliseconds: the limits are per minute. */
const windowMs = 60_000
/** Lines about one event from one client. */
const maxPerClient = 10
/** Lines about one event from all clients together. */
const maxPerEvent = 100
/**
 * How many clients are counted separately. This is bounded because anyone may have any number of
 * addresses.
 */
const maxClients = 1000

/** Lines that were left out of the log. */
export interface Omission<Event extends string> {
  readonly event: Event
  /** `undefined`: lines of several clients. */
  readonly client: string | undefined
  readonly count: number
}

/**
 * Keeps the log readable, and its disk from filling, while a client repeats the same mistake. In
 * each minute it admits the first lines about an event and a client, and afterwards reports how
 * many more there were. Its memory is bounded, whatever addresses clients use.
 */
export class LogThrottle<Event extends string> {
  readonly #onOmitted: (omissions: readonly Omission<Event>[]) => void
  readonly #perEvent = new Map<Event, number>()
  readonly #perClient = new Map<string, { event: Event; client: string; written: number; omitted: number }>()
  readonly #ofOthers = new Map<Event, number>()
  #timer: NodeJS.Timeout | undefined

  /** Calls `onOmitted` at the end of a minute in which lines were left out. */
  constructor(onOmitted: (omissions: readonly Omission<Event>[]) => void) {
    this.#onOmitted = onOmitted
  }

  /** Returns whether to write one more line about this event. If not, counts it. */
  admits(event: Event, client = ''): boolean {
    this.#timer ??= setTimeout(() => this.flush(), windowMs).unref()
    const ofEvent = this.#perEvent.get(event) ?? 0
    const key = `${event} ${client}`
    let entry = this.#perClient.get(key)
    if (!entry && this.#perClient.size < maxClients) {
      entry = { event, client, written: 0, omitted: 0 }
      this.#perClient.set(key, entry)
    }
    if (entry && entry.written < maxPerClient && ofEvent < maxPerEvent) {
      entry.written++
      this.#perEvent.set(event, ofEvent + 1)
      return true
    }
    // A client without a single written line does not get its own summary.
    if (entry && entry.written > 0) entry.omitted++
    else this.#ofOthers.set(event, (this.#ofOthers.get(event) ?? 0) + 1)
    return false
  }

  /** Reports what was left out so far, and starts a new minute. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const omissions: Omission<Event>[] = []
    for (const { event, client, omitted } of this.#perClient.values()) {
      if (omitted > 0) omissions.push({ event, client: client === '' ? undefined : client, count: omitted })
    }
    for (const [event, count] of this.#ofOthers) omissions.push({ event, client: undefined, count })
    this.#perEvent.clear()
    this.#perClient.clear()
    this.#ofOthers.clear()
    if (omissions.length > 0) this.#onOmitted(omissions)
  }
}
