/** How long counts are kept, in milliseconds: limits are per minute. */
const windowMs = 60_000
/** Lines about the same thing from the same client. */
const maxPerClient = 10
/** Lines about the same thing, from however many. */
const maxPerEvent = 100
/** How many clients are told apart; anybody may have any number of addresses. */
const maxClients = 1000

/** What was left out of the log. */
export interface Omission<Event extends string> {
  readonly event: Event
  /** `undefined`: of several clients. */
  readonly client: string | undefined
  readonly count: number
}

/**
 * Keeps a log readable, and its disk from filling, while somebody does the same wrong thing over and over: in each minute it admits the first
 * lines about an event and a client, and afterwards tells how many more there were. What it holds is bounded, whoever the clients say they are.
 */
export class LogThrottle<Event extends string> {
  readonly #onOmitted: (omissions: readonly Omission<Event>[]) => void
  readonly #perEvent = new Map<Event, number>()
  readonly #perClient = new Map<string, { event: Event; client: string; told: number; omitted: number }>()
  readonly #ofOthers = new Map<Event, number>()
  #timer: NodeJS.Timeout | undefined

  /** `onOmitted` is called at the end of a minute in which something was left out. */
  constructor(onOmitted: (omissions: readonly Omission<Event>[]) => void) {
    this.#onOmitted = onOmitted
  }

  /** Whether one more line about this is to be written; if not, it is counted. */
  admits(event: Event, client = ''): boolean {
    this.#timer ??= setTimeout(() => this.flush(), windowMs).unref()
    const ofEvent = this.#perEvent.get(event) ?? 0
    const key = `${event} ${client}`
    let entry = this.#perClient.get(key)
    if (!entry && this.#perClient.size < maxClients) {
      entry = { event, client, told: 0, omitted: 0 }
      this.#perClient.set(key, entry)
    }
    if (entry && entry.told < maxPerClient && ofEvent < maxPerEvent) {
      entry.told++
      this.#perEvent.set(event, ofEvent + 1)
      return true
    }
    // One that nothing was told of is not worth a line of its own.
    if (entry && entry.told > 0) entry.omitted++
    else this.#ofOthers.set(event, (this.#ofOthers.get(event) ?? 0) + 1)
    return false
  }

  /** Tells what was left out so far, and begins anew. */
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
