import type { Session } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import type { Bounds, EventStore } from '../store/store.ts'
import type { HistoryReader } from './history-reader.ts'
import { ReplicationStream } from './replication-stream.ts'

/** The history of a hub, as other hubs copy it. */
export class Replication {
  readonly #store: EventStore
  readonly #history: HistoryReader
  readonly #streams = new Set<ReplicationStream>()
  #isDraining = false

  constructor(store: EventStore, history: HistoryReader) {
    this.#store = store
    this.#history = history
  }

  get epoch(): string {
    return this.#store.epoch
  }

  /** How many hubs copy the history now. */
  get streamCount(): number {
    return this.#streams.size
  }

  /** The beginning and the end of the history. A store that is a copy itself asks whether there is more. */
  async bounds(): Promise<Bounds> {
    await this.#store.inspect(Number.MAX_SAFE_INTEGER)
    return await this.#store.bounds()
  }

  /** The tag of the event at each position; `undefined` where none is kept. */
  async tagsOf(positions: readonly number[]): Promise<readonly (number | undefined)[]> {
    // Together: a store that is a copy asks once for all of those that are after its head.
    const states = await Promise.all(positions.map((position) => this.#store.inspect(position)))
    return states.map((state) => (state.name === 'kept' ? state.tag : undefined))
  }

  /** Prepares a stream of all events after a position. Rejects as the store does. */
  async open(after: number): Promise<{ deliverTo(session: Session): void; abandon(): void }> {
    const stream = await ReplicationStream.open(this.#store, this.#history, after)
    if (this.#isDraining) {
      stream.abandon()
      throw new HubError('HUB_CLOSED', 'The hub is shutting down. Try again when it, or another, is up.')
    }
    this.#streams.add(stream)
    const abandon = () => {
      this.#streams.delete(stream)
      stream.abandon()
    }
    return {
      deliverTo(session) {
        session.closed.then(abandon)
        stream.deliverTo(session)
      },
      abandon,
    }
  }

  /** Ends all streams, so that the other hubs come back, and begins no more. */
  async drain(): Promise<void> {
    this.#isDraining = true
    await Promise.all([...this.#streams].map((stream) => stream.drain()))
  }
}
