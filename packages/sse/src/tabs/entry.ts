import type { ReceivedEvent } from '../client/connection.ts'
import type { ConnectionFailure, ConnectionState } from '../client/connection-state.ts'

/**
 * A point in the shared stream. It has two names. `term` and `seq` count what the tab that leads has
 * broadcast, and are exact; but only tabs that heard that leader know them. `id` and `after` are the
 * stream's own: the last event ID, and how many events came since it took that value.
 */
export interface Point {
  /** The leadership in which it was broadcast. Later ones compare greater. Empty before the first. */
  readonly term: string
  readonly seq: number
  readonly id: string
  readonly after: number
}

/** One thing that happened in the shared stream, and the point after it. */
export interface Entry extends Point {
  /** The entry before it, by its exact name: what has no hole before it. */
  readonly previousTerm: string
  readonly previousSeq: number
  /** Undefined if only the point moved: a new term, or an ID without an event. */
  readonly step?: SharedStep | undefined
  /** At the beginning of a term, if selections are merged: what the connection selects from here on. */
  readonly selectors?: Selectors | undefined
}

/** What a tab, or the connection of several, selects: `match=a`, as in a query. Undefined for all there is. */
export type Selectors = readonly string[] | undefined

/** Whether one selection contains another. */
export function covers(selectors: Selectors, wanted: Selectors): boolean {
  return !wanted || (!!selectors && wanted.every((each) => selectors.includes(each)))
}

export type SharedStep =
  /** `selectedBy` are the selectors that select it; undefined if it concerns everybody. */
  | { readonly kind: 'event'; readonly event: ReceivedEvent; readonly selectedBy?: Selectors }
  | { readonly kind: 'comment'; readonly text: string }
  | SharedState

/** A state of the connection, in a form that a `BroadcastChannel` can carry. */
export type SharedState =
  | { readonly kind: 'open'; readonly origin: string; readonly response: SharedResponse }
  | { readonly kind: 'waiting' | 'closed'; readonly failure: SharedFailure | undefined }

/** What a tab is told of the response that another one received. */
export interface SharedResponse {
  readonly url: string
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
}

type SharedFailure = Omit<ConnectionFailure, 'headers' | 'cause'> & {
  readonly headers: [string, string][] | undefined
  /** The cause as text. */
  readonly cause: string | undefined
}

/** Where a stream begins that nobody has read yet. */
export function pointOf(id: string): Point {
  return { term: '', seq: 0, id, after: 0 }
}

/** The point after an event, or after an ID without one. */
export function advance(point: Point, id: string, isEvent: boolean): Point {
  return { ...point, id, after: id === point.id ? point.after + Number(isEvent) : 0 }
}

/** Whether one point was broadcast after another. */
export function isLater(point: Point, than: Point): boolean {
  return point.term > than.term || (point.term === than.term && point.seq > than.seq)
}

export function shareState(state: ConnectionState, response: SharedResponse): SharedState | undefined {
  if (state.name === 'connecting') return undefined
  if (state.name === 'open') return { kind: 'open', origin: state.origin, response }
  const { failure } = state
  if (!failure) return { kind: state.name, failure }
  const { headers, cause } = failure
  return {
    kind: state.name,
    failure: {
      ...failure,
      headers: headers && [...headers],
      cause: cause === undefined ? undefined : String(cause),
    },
  }
}

export function receiveState(state: SharedState): ConnectionState {
  if (state.kind === 'open') return { name: 'open', origin: state.origin }
  const { kind, failure } = state
  return {
    name: kind,
    failure: failure && {
      ...failure,
      headers: failure.headers && new Headers(failure.headers),
      cause: failure.cause === undefined ? undefined : new Error(failure.cause),
    },
  } as ConnectionState
}

/** The state of a tab between two connections: like any interruption, it is followed by `open`. */
export function interrupted(message: string): SharedState {
  const failure = { code: 'RECONNECT', message, willRetry: true, retryDelayMs: 0, headers: undefined, cause: undefined }
  return { kind: 'waiting', failure: failure as SharedFailure }
}
