import type { Entry, Point, Selectors } from './entry.ts'
import type { Excerpt } from './shared-log.ts'

/**
 * What the tabs of one shared connection say to each other. Every message reaches every tab; those
 * with `to` concern one. Docs: docs/decisions/0050-one-connection-for-all-tabs.md
 */
export type Message =
  /** A tab has the lock, and is about to lead: who knows more of the stream? */
  | { readonly kind: 'lead'; readonly from: string; readonly term: string; readonly head: Point }
  /** The answer to it. `more` is what the new leader lacks, if anything; `term` the latest one known. */
  | {
      readonly kind: 'here'
      readonly from: string
      readonly to: string
      readonly term: string
      readonly more: Excerpt | undefined
      readonly selectors: Selectors
    }
  /** What happened. */
  | { readonly kind: 'entries'; readonly term: string; readonly entries: readonly Entry[]; readonly waitMs: number }
  /** Is there a leader? */
  | { readonly kind: 'ping' }
  /** There is; `head` is the last entry that it broadcast. */
  | { readonly kind: 'beat'; readonly term: string; readonly head: Point }
  /** What came after this point? Null for a tab that begins now. */
  | { readonly kind: 'ask'; readonly from: string; readonly after: Point | null; readonly selectors: Selectors }
  /** The answer: from that point on if the leader knows it, else all that it has. */
  | {
      readonly kind: 'answer'
      readonly to: string
      readonly term: string
      readonly excerpt: Excerpt
      /** The reconnection time, in milliseconds. */
      readonly waitMs: number
    }
  /** A tab's `reconnectOn` asks to reconnect unless something arrived in so many milliseconds. */
  | { readonly kind: 'reconnect'; readonly silentMs: number }
  /** A tab that does not lead has closed. */
  | { readonly kind: 'left'; readonly from: string }
  /** The leader gave the lock back. */
  | { readonly kind: 'bye'; readonly term: string }
