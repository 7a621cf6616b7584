import type { SessionSettings } from './session-options.ts'

/** Called with what becomes of asking. */
export interface AuthorizationListener {
  /** Asking failed; `onRefused` follows. */
  onError(error: unknown): void
  /** The client may listen no longer, or there was no answer for too long. */
  onRefused(): void
}

type Settings = Pick<SessionSettings, 'heartbeatMs' | 'stallTimeoutMs'>

/**
 * Whether a client may still listen, asked at the interval of its session's heartbeats. Only a
 * session with the option `authorize` has one.
 */
export class Authorization {
  readonly #authorize: () => boolean | Promise<boolean>
  readonly #settings: Settings
  readonly #listener: AuthorizationListener
  #askedAt: number
  /** Since when an answer is awaited. */
  #awaitedSince: number | undefined

  /** The session begins at `now`, when its client may listen. */
  constructor(
    authorize: () => boolean | Promise<boolean>,
    settings: Settings,
    now: number,
    listener: AuthorizationListener,
  ) {
    this.#authorize = authorize
    this.#settings = settings
    this.#listener = listener
    this.#askedAt = now
  }

  /** When to ask next. */
  get dueAt(): number {
    return this.#askedAt + this.#settings.heartbeatMs
  }

  /** Asks, unless an answer is still awaited. */
  ask(now: number): void {
    this.#askedAt = now
    if (this.#awaitedSince !== undefined) {
      if (now - this.#awaitedSince >= this.#settings.stallTimeoutMs) this.#listener.onRefused()
      return
    }
    this.#awaitedSince = now
    const authorize = this.#authorize
    new Promise<boolean>((resolve) => resolve(authorize())).then(
      (isAllowed) => {
        this.#awaitedSince = undefined
        if (!isAllowed) this.#listener.onRefused()
      },
      (error: unknown) => {
        this.#listener.onError(error)
        this.#listener.onRefused()
      },
    )
  }
}
