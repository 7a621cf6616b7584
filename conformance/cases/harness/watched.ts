import { ConformanceFailure, show } from './failure.ts'

/** One dispatched event, as it was while it was dispatched. */
export interface Seen {
  type: string
  /** The source's readyState inside the listener. */
  readyState: number
  /** Undefined where the event is not a MessageEvent. */
  data: unknown
  lastEventId: string | undefined
  origin: string | undefined
  event: Event
}

/** An EventSource and everything it has dispatched so far. */
export class Watched {
  readonly source: EventSource
  /** All that was seen, in order, whether a case has asked for it or not. */
  readonly seen: Seen[] = []
  #taken = 0
  #wake: (() => void) | undefined

  constructor(source: EventSource, types: string[]) {
    this.source = source
    for (const type of new Set(['open', 'message', 'error', ...types])) {
      source.addEventListener(type, (event) => this.#see(event))
    }
  }

  get readyState(): number {
    return this.source.readyState
  }

  /** The next event, which must be of this type. */
  async next(type: string): Promise<Seen> {
    const seen = await this.#take(type)
    if (seen.type !== type) {
      throw new ConformanceFailure(`next event: expected ${JSON.stringify(type)}, got ${describeSeen(seen)}`)
    }
    return seen
  }

  /** Skips to the next event of this type; `check` sees the ones it skips. */
  async nextAfterOthers(type: string, check?: (skipped: Seen) => void): Promise<Seen> {
    for (;;) {
      const seen = await this.#take(type)
      if (seen.type === type) return seen
      check?.(seen)
    }
  }

  /** The types of all events so far, in order. */
  types(): string[] {
    return this.seen.map(({ type }) => type)
  }

  /** The type that the case waits for right now. */
  waitingFor: string | undefined

  async #take(type: string): Promise<Seen> {
    this.waitingFor = type
    while (this.#taken === this.seen.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.waitingFor = undefined
    return this.seen[this.#taken++]!
  }

  #see(event: Event): void {
    const message = event as Partial<MessageEvent>
    this.seen.push({
      type: event.type,
      readyState: this.source.readyState,
      data: message.data,
      lastEventId: message.lastEventId,
      origin: message.origin,
      event,
    })
    this.#wake?.()
  }
}

export function describeSeen({ type, readyState, data }: Seen): string {
  return `${JSON.stringify(type)}${data === undefined ? '' : ` with data ${show(data)}`} at readyState ${readyState}`
}
