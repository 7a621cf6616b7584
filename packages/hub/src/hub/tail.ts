import { HubError } from '../base/errors.ts'
import { type Bounds, beginning, type EventStore, type HistoryPosition, type StoredEvent } from '../store/store.ts'

/** Called with what the store's tail brings. */
export interface TailListener {
  /**
   * The tail begins after `bounds.head`: for the first time, or again after it failed at
   * `lastHead`.
   */
  onStart(bounds: Bounds, lastHead: HistoryPosition): void
  /** New events in order of position; `head` is already the last of them. */
  onAppend(events: readonly StoredEvent[]): void
  /** Events up to and including this one are gone. */
  onTrim(trimmed: HistoryPosition): void
  /** The tail failed. It starts again by itself. */
  onError(error: unknown): void
  /**
   * The history no longer has some of the events that the listener was called with. `onError` and
   * `onStart` follow.
   */
  onDiverged(): void
}

const retryMs = 1000

/**
 * Follows the end of the history in a store, and starts again if that fails. Knows how far it has
 * come.
 */
export class Tail {
  readonly #store: EventStore
  readonly #listener: TailListener
  #head: HistoryPosition = beginning
  #stop = () => {}
  #retryTimer: NodeJS.Timeout | undefined
  #isFollowing = false
  #divergences = 0
  /** Whether the head is one that the history no longer has: the tail has not begun again. */
  #isDiverged = false
  #isClosed = false
  readonly #waiting = new Set<{ position: number; resolve: (isReached: boolean) => void }>()

  constructor(store: EventStore, listener: TailListener) {
    this.#store = store
    this.#listener = listener
  }

  /** The newest event that the listener was called with, or where the tail began. */
  get head(): HistoryPosition {
    return this.#head
  }

  /** How many times the history lost events that the listener was called with. */
  get divergences(): number {
    return this.#divergences
  }

  /** Whether new events arrive. `false` for a moment after the store's tail has failed. */
  get isFollowing(): boolean {
    return this.#isFollowing
  }

  /** Whether nothing can be read up to the head, because the history has lost it. For a moment only. */
  get isDiverged(): boolean {
    return this.#isDiverged
  }

  /** Resolves when the tail has begun; rejects as the store does. */
  async start(): Promise<void> {
    const stop = await this.#store.follow({
      onStart: (bounds) => {
        const lastHead = this.#head
        // Who waited for a position that the history had has to look again.
        const reached = this.#isDiverged ? Infinity : bounds.head.position
        this.#isDiverged = false
        this.#moveTo(bounds.head, reached)
        this.#listener.onStart(bounds, lastHead)
      },
      onAppend: (events) => {
        this.#moveTo(events.at(-1)!)
        this.#listener.onAppend(events)
      },
      onTrim: (trimmed) => this.#listener.onTrim(trimmed),
      onFailure: (error) => this.#onFailure(error),
    })
    if (this.#isClosed) stop()
    else {
      this.#stop = stop
      this.#isFollowing = true
    }
  }

  /**
   * Resolves to `true` when the tail has reached a position, and to `false` if it is closed first.
   * After a divergence, resolves when the tail has begun again, wherever that is.
   */
  reach(position: number): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false)
    if (!this.#isDiverged && this.#head.position >= position) return Promise.resolve(true)
    return new Promise((resolve) => {
      this.#waiting.add({ position, resolve })
    })
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
    clearTimeout(this.#retryTimer)
    for (const { resolve } of this.#waiting) resolve(false)
    this.#waiting.clear()
  }

  #moveTo({ position, tag }: HistoryPosition, reached = position): void {
    this.#head = { position, tag }
    for (const waiting of this.#waiting) {
      if (waiting.position > reached) continue
      this.#waiting.delete(waiting)
      waiting.resolve(true)
    }
  }

  #onFailure(error: unknown): void {
    if (this.#isClosed) return
    this.#isFollowing = false
    const isDivergence = error instanceof HubError && error.code === 'STORE_DIVERGED'
    if (isDivergence) {
      this.#divergences++
      this.#isDiverged = true
      this.#listener.onDiverged()
    }
    this.#listener.onError(error)
    this.#retryTimer = setTimeout(
      () => {
        this.start().catch((error: unknown) => this.#onFailure(error))
        // Nothing is wrong with a store that has diverged.
      },
      isDivergence ? 0 : retryMs,
    )
  }
}
