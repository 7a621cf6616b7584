import type { HistoryPosition, StoredEvent } from '../../src/store/store.ts'

/**
 * What really was stored, kept or not: what the checker goes by, and where the simulated engine keeps its events. A restored backup
 * is a history of its own that begins like the other.
 */
export class TrueHistory {
  readonly epoch: string
  /** In order of position. */
  readonly events: StoredEvent[] = []
  /** All up to here is trimmed. */
  trimmed = 0
  /** Up to here the store no longer knows what it trimmed. */
  forgotten = 0
  readonly #byPosition = new Map<number, StoredEvent>()

  constructor(epoch: string) {
    this.epoch = epoch
  }

  get head(): number {
    return this.events.at(-1)?.position ?? 0
  }

  add(event: StoredEvent): void {
    this.events.push(event)
    this.#byPosition.set(event.position, event)
  }

  at(position: number): StoredEvent | undefined {
    return this.#byPosition.get(position)
  }

  /** The place of an event or of the beginning, if it is in this history. */
  markAt(position: number): HistoryPosition | undefined {
    if (position === 0) return { position: 0, tag: 0 }
    const event = this.at(position)
    return event && { position, tag: event.tag }
  }

  has({ position, tag }: HistoryPosition): boolean {
    return this.markAt(position)?.tag === tag
  }

  /** How it was when it had so many events, as a backup of then holds it. */
  backup(length: number, trimmed: number): TrueHistory {
    const copy = new TrueHistory(this.epoch)
    for (const event of this.events.slice(0, length)) copy.add(event)
    copy.trimmed = trimmed
    copy.forgotten = Math.min(this.forgotten, trimmed)
    return copy
  }
}
