import { ConnectionError } from '../client/connection-error.ts'
import type { ConnectionState } from '../client/connection-state.ts'
import { type EventStream, type EventsOptions, events, type StreamEvent } from '../client/events.ts'
import { SseError } from '../protocol/errors.ts'
import type { AnyLiveOptions } from './options.ts'
import type { LiveSnapshot } from './snapshot.ts'

export type AnySnapshot = LiveSnapshot<Record<string, string>, unknown>
type Listener = (snapshot: AnySnapshot) => void

interface User {
  readonly listener: Listener
  readonly isEnabled: boolean
}

/** The snapshot before anything was received. */
export function firstSnapshot({ enabled, initial }: AnyLiveOptions, reconnect: () => void): AnySnapshot {
  const state = enabled === false ? 'closed' : 'connecting'
  return { state, events: [], last: undefined, value: initial, error: undefined, gap: undefined, reconnect }
}

/** One connection and what became of its events, for all users with the same key. */
export class SharedStream {
  snapshot: AnySnapshot
  /** The newest. Only its functions differ from those of before. */
  options: AnyLiveOptions
  readonly #url: string | URL
  readonly #onUnused: () => void
  readonly #users = new Set<User>()
  #stream: EventStream | undefined
  /** It is complete or has failed for good, so it starts again only when asked to. */
  #hasEnded = false
  /** Where to resume. */
  #lastEventId: string | undefined
  #reconnect: (() => void) | undefined
  #closing: ReturnType<typeof setTimeout> | undefined
  #isSettling = false
  /** The newest events, and up to as many before them. */
  #events: StreamEvent<Record<string, string>>[] = []
  /** What the next snapshot has in place of this one's. */
  #next: AnySnapshot
  #hasChanged = false
  /** Runs after an update; until it has run, what changes waits for the next one. */
  #resting: ReturnType<typeof setTimeout> | undefined

  constructor(url: string | URL, options: AnyLiveOptions, first: AnySnapshot, onUnused: () => void) {
    this.#url = url
    this.options = options
    this.snapshot = first
    this.#next = first
    this.#onUnused = onUnused
  }

  subscribe(listener: Listener, isEnabled: boolean): () => void {
    const user = { listener, isEnabled }
    this.#users.add(user)
    this.#settleSoon()
    listener(this.snapshot)
    return () => {
      if (this.#users.delete(user)) this.#settleSoon()
    }
  }

  reconnect(): void {
    if (this.#stream) {
      if (this.#next.state !== 'open') this.#reconnect?.()
    } else {
      this.#hasEnded = false
      this.#settleSoon()
    }
  }

  /**
   * Not at once: who leaves and comes back in the same task (a component that is mounted twice, as in
   * React's StrictMode) changes nothing, and who only looks (a server that renders) opens nothing.
   */
  #settleSoon(): void {
    if (this.#isSettling) return
    this.#isSettling = true
    queueMicrotask(() => {
      this.#isSettling = false
      this.#settle()
    })
  }

  /** Opens or closes the connection, as those who are here now want it. */
  #settle(): void {
    clearTimeout(this.#closing)
    if ([...this.#users].some(({ isEnabled }) => isEnabled)) {
      if (!this.#stream && !this.#hasEnded) void this.#run()
    } else if (this.#users.size > 0) this.#stop()
    else if (this.#stream) {
      const { closeDelayMs = 1000 } = this.options
      if (closeDelayMs === Number.POSITIVE_INFINITY) return
      this.#closing = setTimeout(() => {
        this.#stop()
        this.#leave()
      }, closeDelayMs)
    } else this.#leave()
  }

  #leave(): void {
    clearTimeout(this.#resting)
    this.#onUnused()
  }

  async #run(): Promise<void> {
    let stream: EventStream | undefined
    let error: SseError | undefined
    this.#change({ state: 'connecting', error: undefined })
    try {
      stream = events(this.#url, this.#connectionOptions())
      this.#stream = stream
      // An event that was on its way when the stream was closed counts for where to resume, so it is
      // taken, too.
      for await (const event of stream) this.#take(event)
    } catch (cause) {
      if (!this.options.signal?.aborted) error = toError(cause)
    }
    // Stopped, and maybe started again meanwhile.
    if (this.#stream !== stream) return
    this.#stop()
    this.#hasEnded = true
    this.#change({ error })
    this.#settleSoon()
  }

  #stop(): void {
    const stream = this.#stream
    this.#stream = undefined
    this.#hasEnded = false
    if (stream) {
      this.#lastEventId = stream.lastEventId
      stream.close()
    }
    this.#change({ state: 'closed', error: undefined })
  }

  #take(event: StreamEvent<Record<string, string>>): void {
    const { keep = 100, reduce } = this.options
    if (reduce) this.#change({ value: reduced(reduce, this.#next.value, event) })
    if (keep > 0) this.#events.push(event)
    // Not each time, because it costs time as long as the list.
    if (this.#events.length > 2 * keep) this.#events = this.#events.slice(-keep)
    this.#change({ last: event })
  }

  #change(change: Partial<AnySnapshot>): void {
    const names = Object.keys(change) as (keyof AnySnapshot)[]
    if (names.every((name) => Object.is(change[name], this.#next[name]))) return
    this.#next = { ...this.#next, ...change }
    if (this.#hasChanged) return
    this.#hasChanged = true
    if (this.#resting === undefined) queueMicrotask(() => this.#publish())
  }

  #publish(): void {
    const { batchMs = 16, keep = 100 } = this.options
    this.#hasChanged = false
    if (this.#next.last !== this.snapshot.last && keep > 0) {
      this.#next = { ...this.#next, events: this.#events.slice(-keep) }
    }
    this.snapshot = this.#next
    if (batchMs > 0) {
      this.#resting = setTimeout(() => {
        this.#resting = undefined
        if (this.#hasChanged) this.#publish()
      }, batchMs)
    }
    for (const { listener } of [...this.#users]) {
      try {
        listener(this.snapshot)
      } catch (error) {
        // The fault of one, of which the others hear nothing, but the host does.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #connectionOptions(): EventsOptions {
    const {
      keep: _keep,
      enabled: _enabled,
      key: _key,
      batchMs: _batchMs,
      closeDelayMs: _closeDelayMs,
      reduce: _reduce,
      initial: _initial,
      ...options
    } = this.options
    const { events, retry } = options
    return {
      ...following(options, () => this.options),
      events: events && following(events, () => this.options.events),
      retry: retry && following(retry, () => this.options.retry || {}),
      lastEventId: this.#lastEventId ?? options.lastEventId,
      reconnectOn: (reconnect, signal) => {
        this.#reconnect = () => reconnect()
        options.reconnectOn?.(reconnect, signal)
      },
      onGap: (gap, lastEventId) => {
        this.#change({ gap })
        this.options.onGap?.(gap, lastEventId)
      },
      onState: (state) => {
        this.#hear(state)
        this.options.onState?.(state)
      },
    }
  }

  #hear(state: ConnectionState): void {
    if (state.name === 'open') this.#change({ state: 'open', error: undefined })
    else if (state.name === 'waiting') this.#change({ state: 'connecting', error: new ConnectionError(state.failure) })
  }
}

/** The same, but its functions are always those of now. */
function following<O extends object>(options: O, now: () => object | undefined): O {
  const followed = Object.entries(options).map(([name, value]) => {
    if (typeof value !== 'function') return [name, value]
    return [
      name,
      (...args: unknown[]) => {
        // Not as a method, which a browser's own fetch refuses to be.
        const call = (now() as Record<string, ((...args: unknown[]) => unknown) | undefined>)[name]
        return call?.(...args)
      },
    ]
  })
  return Object.fromEntries(followed) as O
}

function reduced(
  reduce: NonNullable<AnyLiveOptions['reduce']>,
  value: unknown,
  event: StreamEvent<Record<string, string>>,
): unknown {
  try {
    return reduce(value, event)
  } catch (cause) {
    const type = JSON.stringify(event.type)
    throw new SseError('INVALID_DATA', `reduce threw at an event of type ${type}: ${cause}`, { cause })
  }
}

function toError(cause: unknown): SseError {
  if (cause instanceof SseError) return cause
  return new SseError('INVALID_OPTION', `The stream could not be opened: ${cause}`, { cause })
}
