import type { LogEntry } from '../../../hub/src/lessons/lesson-log.ts'

export type ClientName = 'native' | 'ours'

/** One line of what is shown of a client: what its server saw and did, or what its object did. */
export type Entry = LogEntry | ObjectEntry

/** What an `EventSource` did. Times are in milliseconds since 1970. */
export type ObjectEntry =
  | { readonly kind: 'open'; readonly at: number; readonly client: string }
  | {
      readonly kind: 'event'
      readonly at: number
      readonly client: string
      readonly type: string
      readonly data: string
      readonly lastEventId: string
      readonly origin: string
    }
  | {
      readonly kind: 'error'
      readonly at: number
      readonly client: string
      readonly readyState: number
      /** What ours says of it; the native object says nothing. */
      readonly failure: { readonly code: string; readonly message: string; readonly retryDelayMs: number } | undefined
    }
  /** The page called `close()`. */
  | { readonly kind: 'closed'; readonly at: number; readonly client: string }

/** From when on an object had a `readyState`. */
export interface StateChange {
  readonly at: number
  readonly readyState: number
}
