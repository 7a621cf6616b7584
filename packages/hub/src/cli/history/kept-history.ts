import { encodeEvent } from '@headwater/sse'
import { parseEventId } from '@headwater/sse/internal'
import { HubError } from '../../base/errors.ts'
import { positionId } from '../../hub/event-id.ts'
import { type ObservedEvent, toObserved } from '../../hub/observed-event.ts'
import { everyTopic, exactTopic, type Matcher, urlPattern } from '../../matching/matcher.ts'
import { MatcherSet } from '../../matching/matcher-set.ts'
import { toTopics } from '../../matching/topic.ts'
import { DirectoryReader } from '../../store/sqlite/directory-reader.ts'
import type { HistoryPosition } from '../../store/store.ts'
import { type ObservedHub, readObserved } from '../observed-routes.ts'
import type { Place } from './place.ts'

/** Which events of a history. */
export interface HistoryFilter {
  readonly topics: readonly string[]
  /** URL patterns. */
  readonly patterns: readonly string[]
  readonly types: readonly string[]
}

/** What there is of a history. */
export interface HistoryBounds {
  readonly epoch: string
  /** The newest position; its tag is known of a directory only. */
  readonly head: number
  /** The newest event that is gone. */
  readonly trimmed: HistoryPosition
  readonly count: number
}

/** The events that a hub keeps, as the commands of `history` read them: from the hub, or from its files. */
export interface KeptHistory {
  /** What it is called in messages. */
  readonly text: string
  bounds(): Promise<HistoryBounds>
  /** Pages of events after a position, up to another one; the oldest first, with all of their data. */
  forwards(filter: HistoryFilter, after: number, through: number): AsyncGenerator<readonly ObservedEvent[]>
  /** Pages of events before a position, back to the beginning; in each the oldest is the first. */
  back(filter: HistoryFilter, before: number): AsyncGenerator<readonly ObservedEvent[]>
  /** The first position of those that were stored at a time, in milliseconds since 1970, or later. */
  firstSince(at: number): Promise<number>
  /** The event with an ID, and the bytes that subscribers get; `undefined` if none is kept. */
  find(id: string): Promise<{ readonly event: ObservedEvent; readonly frame: string | null } | undefined>
  /** How many events are damaged in the files, and were left out so far. */
  readonly damaged: number
  close(): void
}

export function openHistory(place: Place, token: string | undefined): KeptHistory {
  return place.name === 'hub' ? hubHistory({ url: place.url, token }) : directoryHistory(place.directory)
}

/** Whether a filter leaves nothing out. */
export function isEverything({ topics, patterns, types }: HistoryFilter): boolean {
  return topics.length + patterns.length + types.length === 0
}

/** Of an ID, or of a position as a number. */
export function positionIn(text: string, epoch: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  const id = parseEventId(text)
  return id?.epoch === epoch ? id.position : undefined
}

const pageEvents = 500

function hubHistory(hub: ObservedHub): KeptHistory {
  const text = `the hub at ${hub.url.origin}`
  const what = 'Reading the history'
  let epoch: string | undefined
  const page = async (query: Record<string, string | number | readonly string[]>) => {
    const read = await readObserved(hub, 'history', { limit: pageEvents, ...query }, what)
    epoch ??= read.epoch
    if (read.epoch === epoch) return read
    throw new HubError('HUB_REFUSED', `${text} began a new history meanwhile. Run the command again.`)
  }
  const whole = (events: readonly ObservedEvent[]) =>
    Promise.all(
      events.map(async (event) => {
        if (!event.isCut) return event
        return (await readObserved(hub, 'history/event', { position: event.position }, what)).event
      }),
    )
  return {
    text,
    damaged: 0,
    async bounds() {
      const { history } = await readObserved(hub, 'stats', {}, what)
      const { head, trimmed, count } = history
      return { epoch: history.epoch, head, trimmed: { position: trimmed, tag: 0 }, count }
    },
    async *forwards(filter, after, through) {
      for (let from = after; from < through; ) {
        const read = await page({ after: from, ...queryOf(filter) })
        const events = read.events.filter(({ position }) => position <= through)
        if (events.length > 0) yield await whole(events)
        // At the end of what there is, a page reaches no further.
        if (read.through <= from) return
        from = read.through
      }
    },
    async *back(filter, before) {
      for (let from = before; from > 1; ) {
        const { events, after } = await page({ before: from, ...queryOf(filter) })
        if (events.length > 0) yield await whole(events)
        from = after + 1
      }
    },
    async firstSince(at) {
      return (await page({ at, limit: 1 })).after + 1
    },
    async find(id) {
      const { epoch: current } = await page({ limit: 1 })
      const position = positionIn(id, current)
      try {
        const query = position === undefined ? { id } : { position }
        const found = await readObserved(hub, 'history/event', query, what)
        return isOf(found.event, id, position, current) ? found : undefined
      } catch (error) {
        if (error instanceof HubError && /\b404\b/.test(error.message)) return undefined
        throw error
      }
    },
    close() {},
  }
}

function queryOf({ topics, patterns, types }: HistoryFilter): Record<string, readonly string[]> {
  return { match: topics, match_urlpattern: patterns, type: types }
}

function directoryHistory(directory: string): KeptHistory {
  const reader = new DirectoryReader(directory)
  const { epoch } = reader
  const everything = new MatcherSet([everyTopic])
  return {
    text: reader.directory,
    get damaged() {
      return reader.damaged
    },
    async bounds() {
      const { head, trimmed, count } = reader.bounds()
      return { epoch, head: head.position, trimmed, count }
    },
    async *forwards(filter, after, through) {
      const selects = selectorOf(filter)
      for (let from: number | undefined = after; from !== undefined && from < through; ) {
        const { events, reach }: ReturnType<DirectoryReader['after']> = reader.after(from, pageEvents)
        const selected = events.filter((event) => event.position <= through && selects(event))
        if (selected.length > 0) yield selected.map((event) => toObserved(epoch, event, everything, Infinity))
        from = reach
      }
    },
    async *back(filter, before) {
      const selects = selectorOf(filter)
      for (let from: number | undefined = before; from !== undefined; ) {
        const { events, reach }: ReturnType<DirectoryReader['before']> = reader.before(from, pageEvents)
        const selected = events.filter(selects).reverse()
        if (selected.length > 0) yield selected.map((event) => toObserved(epoch, event, everything, Infinity))
        from = reach
      }
    },
    firstSince: async (at) => reader.firstSince(at),
    async find(id) {
      const known = positionIn(id, epoch)
      const position = known ?? reader.find(id)
      const stored = position === undefined ? undefined : reader.after(position - 1, 1).events[0]
      if (!stored || stored.position !== position) return undefined
      const event = toObserved(epoch, stored, everything, Infinity)
      return isOf(event, id, known, epoch) ? { event, frame: frameOf(event) } : undefined
    },
    close: () => reader.close(),
  }
}

/** Whether an event that was found at a position is the one with an ID, which has a tag. */
function isOf({ position, tag }: ObservedEvent, id: string, known: number | undefined, epoch: string): boolean {
  if (known === undefined || /^\d+$/.test(id)) return true
  return positionId(epoch, { position, tag }) === id
}

function frameOf({ data = '', type, id, retry }: ObservedEvent): string {
  return encodeEvent({ data, type: type === 'message' ? undefined : type, id, retry: retry ?? undefined })
}

function selectorOf({
  topics,
  patterns,
  types,
}: HistoryFilter): (event: { readonly topics: readonly string[]; readonly type: string | undefined }) => boolean {
  const matchers: Matcher[] = [
    ...topics.map((topic) => (topic === '*' ? everyTopic : exactTopic(topic))),
    ...patterns.map((pattern) => urlPattern(pattern, 'http://localhost/.well-known/mercure')),
  ]
  const set = new MatcherSet(matchers.length > 0 ? matchers : [everyTopic])
  return ({ topics: of, type = 'message' }) =>
    (types.length === 0 || types.includes(type)) && set.selectsAny(toTopics(of))
}
