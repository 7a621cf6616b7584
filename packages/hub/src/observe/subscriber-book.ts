import type { SubscriberProgress } from '../hub/subscriber.ts'
import type { Matcher } from '../matching/matcher.ts'

/** An open event stream, as an operator sees it. */
export interface ListedSubscriber {
  /** Topics and patterns as the subscriber sent them; the first ones if there are many. */
  readonly selectors: readonly { readonly type: Matcher['type']; readonly match: string }[]
  /** How many there are. */
  readonly selectorCount: number
  /** The client's address, as the log shows it. */
  readonly address: string
  /** The beginning of a digest of its token's holder: the same for all streams of one holder. */
  readonly holder: string | undefined
  /** When the stream began, in milliseconds since 1970. */
  readonly since: number
  /** What the client said that it had, as the log shows it. */
  readonly lastEventId: string | undefined
  /** How many positions of the history, and so at most how many events, it is behind. */
  readonly lagEvents: number
  /** Whether it still reads from the history. */
  readonly isCatchingUp: boolean
  /** Bytes that wait for it because it does not read. */
  readonly unsentBytes: number
}

/** The subscribers that were asked for, and how many there are. */
export interface SubscriberList {
  readonly total: number
  /** How many match what was asked for. */
  readonly found: number
  /** Those that are the furthest behind, then those that are there the longest. */
  readonly subscribers: readonly ListedSubscriber[]
}

/** What is noted when a stream begins. */
export interface BookedSubscriber {
  readonly matchers: readonly Matcher[]
  readonly address: string
  readonly holder: string | undefined
  readonly since: number
  readonly lastEventId: string | undefined
  /** `undefined` before the stream begins. */
  readonly progress: () => SubscriberProgress | undefined
}

/** The most selectors that are listed of one subscriber, and of each the most characters. */
const maxSelectors = 8
const maxSelectorCharacters = 512
const holderCharacters = 8

/** Who is subscribed in this thread. An entry is a reference to what the stream has anyway. */
export class SubscriberBook {
  readonly #entries = new Set<BookedSubscriber>()

  /** Notes a subscriber until the returned function is called. */
  add(entry: BookedSubscriber): () => void {
    this.#entries.add(entry)
    return () => this.#entries.delete(entry)
  }

  /** The subscribers with a text in an address or a selector, at most so many. Reads each of them once. */
  list(most: number, containing = ''): SubscriberList {
    const wanted = containing.toLowerCase()
    const listed: { readonly entry: BookedSubscriber; readonly progress: SubscriberProgress }[] = []
    let found = 0
    for (const entry of this.#entries) {
      const progress = entry.progress()
      if (!progress || (wanted !== '' && !contains(entry, wanted))) continue
      found++
      // Each second the figures ask how many there are, and for none of them.
      if (most > 0) listed.push({ entry, progress })
    }
    listed.sort((a, b) => b.progress.lagEvents - a.progress.lagEvents || a.entry.since - b.entry.since)
    return {
      total: this.#entries.size,
      found,
      subscribers: listed.slice(0, most).map(({ entry, progress }) => toListed(entry, progress)),
    }
  }
}

function contains({ address, matchers }: BookedSubscriber, wanted: string): boolean {
  if (address.includes(wanted)) return true
  return matchers.slice(0, maxSelectors).some(({ source }) => source.toLowerCase().includes(wanted))
}

function toListed(entry: BookedSubscriber, progress: SubscriberProgress): ListedSubscriber {
  const { matchers, address, holder, since, lastEventId } = entry
  return {
    selectors: matchers
      .slice(0, maxSelectors)
      .map(({ type, source }) => ({ type, match: source.slice(0, maxSelectorCharacters) })),
    selectorCount: matchers.length,
    address,
    holder: holder?.slice(0, holderCharacters),
    since,
    lastEventId,
    ...progress,
  }
}

/** Joins the lists of several threads. */
export function joinLists(lists: readonly SubscriberList[], most: number): SubscriberList {
  const subscribers = lists.flatMap((list) => list.subscribers)
  subscribers.sort((a, b) => b.lagEvents - a.lagEvents || a.since - b.since)
  return {
    total: lists.reduce((sum, { total }) => sum + total, 0),
    found: lists.reduce((sum, { found }) => sum + found, 0),
    subscribers: subscribers.slice(0, most),
  }
}
