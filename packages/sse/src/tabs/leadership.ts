import type { Connection } from '../client/connection.ts'
import type { Selectors, SharedState } from './entry.ts'

/** What a tab knows and does while it has the lock. */
export interface Leadership {
  term: string
  release: () => void
  /** The answers that it still waits for before it connects. */
  missing: number
  /** Stops that wait. */
  go: () => void
  connection: Connection | undefined
  reconnect: ((silentMs?: number) => void) | undefined
  /** What each other tab selects. */
  readonly others: Map<string, Selectors>
  /** What the connection selects. */
  selectors: Selectors
  /** What the server accepted last. */
  accepted: Selectors
  /** What the server refused. A tab that wants it has a connection of its own, and its own error. */
  readonly refused: Set<string>
  /** Whether the connection is to be replaced by one that selects more. */
  isGrowing: boolean
}

export function beginLeadership(term: string, release: () => void, own: Selectors): Leadership {
  return {
    term,
    release,
    missing: Infinity,
    go: () => {},
    connection: undefined,
    reconnect: undefined,
    others: new Map(),
    selectors: undefined,
    accepted: own,
    refused: new Set(),
    isGrowing: false,
  }
}

/** What a leader does with its connection. */
export interface LeaderHooks {
  readonly onOpen: (response: Response) => void
  readonly onComment: (text: string) => void
  readonly reconnectOn: (reconnect: (silentMs?: number) => void) => void
  /** The last event ID may have changed without an event. */
  readonly onId: () => void
}

/** What a new connection begins with. */
export interface Beginning {
  readonly lastEventId: string
  readonly reconnectionTimeMs: number | undefined
  /** What all tabs together select. */
  readonly selectors: Selectors
}

/** Opens the connection to the server. */
export type OpenConnection = (beginning: Beginning, hooks: LeaderHooks) => Connection

/** What a tab wants of the shared stream. */
export interface Wanted {
  /** After which ID its stream begins; null for now. */
  readonly after: string | null
  /** Undefined if tabs with different selections do not share. */
  readonly selectors: Selectors
}

/** The most selectors of one connection. A hub refuses more than 100. */
const MAX_SELECTORS = 80

/** Everything that any tab selects, but for what was refused or would be too much. */
export function unionOf(own: Selectors, { others, selectors = [], refused }: Leadership): Selectors {
  if (!own) return undefined
  const union = new Set([...own, ...selectors])
  // Those of a tab are all in, or none: it follows the whole of it, or not at all.
  for (const theirs of others.values()) {
    const more = new Set([...union, ...(theirs ?? [])])
    if (more.size <= MAX_SELECTORS && !theirs?.some((each) => refused.has(each)))
      for (const each of more) union.add(each)
  }
  return [...union]
}

/** The end of a stream of which no tab can know what concerns it. */
export function unmarked(url: string): SharedState {
  const message = `${url} sent an event without saying which matchers select it. Leave out merge: only Headwater's hub does.`
  const failure = { code: 'UNEXPECTED_RESPONSE', message, willRetry: false, retryDelayMs: 0 } as const
  return { kind: 'closed', failure: { ...failure, headers: undefined, cause: undefined } }
}
