import { HubError } from '../../src/base/errors.ts'
import { eventIdOf, positionId } from '../../src/hub/event-id.ts'
import { HistoryCursor } from '../../src/hub/history-cursor.ts'
import { HistoryReader } from '../../src/hub/history-reader.ts'
import { findStartingPoint } from '../../src/hub/resume.ts'
import { Selection } from '../../src/hub/selection.ts'
import { everyTopic, exactTopic } from '../../src/matching/matcher.ts'
import type { HistoryEnd } from '../../src/store/sqlite/history-end.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { EventStore, StoredEvent } from '../../src/store/store.ts'
import { topics } from './damage-events.ts'
import type { Written } from './damage-template.ts'
import { openLogStore, type TriedStore } from './log-store.ts'

/** What became of a history whose files were harmed. The last three must never happen. */
export type Outcome =
  | 'the same history'
  | 'a gap that is told'
  | 'a refusal with advice'
  | 'a wrong event'
  | 'missing in silence'
  | 'a crash'

export interface TrialResult {
  readonly outcome: Outcome
  readonly details: string
}

/** What a reader got: events, and gaps by their reason. */
type Token = { readonly event: StoredEvent } | { readonly reason: string; readonly requested: string }

/** The share of the trials with a whole store: its thread takes most of the time. */
const threads = 1 / 50

/** Starts a store on a directory, reads everything, resumes from random IDs, publishes and reads that. */
export async function tryHistory(directory: string, written: Written, random: () => number): Promise<TrialResult> {
  const troubles: HubError[] = []
  const ends: HistoryEnd[] = []
  const listeners = { onError: (error: HubError) => troubles.push(error), onLoss: (end: HistoryEnd) => ends.push(end) }
  let store: TriedStore
  try {
    if (random() < threads) store = await openSqliteStore({ directory, ...listeners })
    else store = openLogStore(directory, random() < 0.5 ? Infinity : Math.floor(random() * 3), listeners)
  } catch (error) {
    return refusalOrCrash(error)
  }
  try {
    const result = await readEverything(store, written, random)
    const died = troubles.find(({ message }) => message.includes('The thread of the event store'))
    if (died) return { outcome: 'a crash', details: died.message }
    const missing = ends.find(({ name }) => name === 'lost' || name === 'replaced')
    if (result.outcome === 'the same history' && missing)
      return { outcome: 'a gap that is told', details: 'to the operator' }
    return result
  } catch (error) {
    return refusalOrCrash(error)
  } finally {
    await store.close()
  }
}

function refusalOrCrash(error: unknown): TrialResult {
  const details = String(error)
  const isRefusal =
    error instanceof HubError &&
    (error.code === 'STORE_FAILED' || error.code === 'STORE_LOCKED') &&
    /damaged|restore|Check|Run the newer|directory of its own|Give/.test(error.message) &&
    !error.message.includes('The thread of the event store')
  return { outcome: isRefusal ? 'a refusal with advice' : 'a crash', details }
}

async function readEverything(store: TriedStore, written: Written, random: () => number): Promise<TrialResult> {
  let hasGap = false
  const matchersOf = () => (random() < 0.4 ? [everyTopic] : topics.filter(() => random() < 0.4).map(exactTopic))
  for (let reader = 0; reader < 8; reader++) {
    const chosen = matchersOf()
    const matchers = chosen.length > 0 ? chosen : [exactTopic(topics[0]!)]
    const selection = new Selection(matchers, random() < 0.5 ? [everyTopic] : [])
    const from = reader === 0 ? undefined : written.events[Math.floor(random() * written.events.length)]
    const lastEventId = from ? eventIdOf(written.epoch, from) : positionId(written.epoch, { position: 0, tag: 0 })
    const tokens = await readFrom(store, selection, lastEventId)
    const wrong = judge(tokens, written, selection, from?.position ?? 0)
    if (wrong) return wrong
    hasGap ||= tokens.some((token) => 'reason' in token && isOfDamage(token))
  }
  const problem = await publishAnother(store, written)
  if (problem) return problem
  return { outcome: hasGap ? 'a gap that is told' : 'the same history', details: '' }
}

/** Without damage, too, an event may be trimmed, and the ID of a private event is unknown to most. */
function isOfDamage({ reason, requested }: { readonly reason: string; readonly requested: string }): boolean {
  return reason !== 'trimmed' && !(reason === 'unknown' && requested.startsWith('own-'))
}

/** Reads as every subscriber does. */
async function readFrom(store: TriedStore, selection: Selection, lastEventId: string): Promise<Token[]> {
  const history = new HistoryReader(store as EventStore)
  const { head } = await store.bounds()
  const start = await findStartingPoint(store as EventStore, history, selection, lastEventId)
  const cursor = new HistoryCursor(start, head.position)
  const tokens: Token[] = []
  while (cursor.position < head.position || cursor.gap) {
    const page = await history.read(selection, cursor.position, head)
    const told = cursor.moveThrough(page, store.epoch)
    if (told) tokens.push({ reason: told.gap.reason, requested: told.gap.requested })
    for (const event of page.events) tokens.push({ event })
  }
  return tokens
}

/** Compares what a reader got with what was acknowledged. */
function judge(
  tokens: readonly Token[],
  written: Written,
  selection: Selection,
  after: number,
): TrialResult | undefined {
  const byPosition = new Map(written.events.map((event) => [event.position, event]))
  let last = after
  let isTold = false
  const missingUntil = (position: number) =>
    written.events.find((event) => event.position > last && event.position < position && selection.admits(event))
  for (const token of tokens) {
    if ('reason' in token) {
      isTold = true
      // Everything that is kept follows, from the beginning.
      if (token.reason !== 'trimmed' && token.reason !== 'damaged') last = 0
      continue
    }
    const { event } = token
    const known = byPosition.get(event.position)
    if (known && !isSame(event, known)) return { outcome: 'a wrong event', details: `at position ${event.position}` }
    if (!known && event.position <= (written.events.at(-1)?.position ?? 0)) {
      return { outcome: 'a wrong event', details: `position ${event.position} was never acknowledged` }
    }
    if (!selection.admits(event))
      return { outcome: 'a wrong event', details: `${event.position} is of another selection` }
    if (event.position <= last) return { outcome: 'a wrong event', details: `${event.position} comes after ${last}` }
    const missing = missingUntil(event.position)
    if (missing && !isTold) return silent(missing)
    last = event.position
    isTold = false
  }
  const missing = missingUntil(Infinity)
  return missing && !isTold ? silent(missing) : undefined
}

function silent({ position }: StoredEvent): TrialResult {
  return { outcome: 'missing in silence', details: `the event at position ${position}` }
}

function isSame(one: StoredEvent, other: StoredEvent): boolean {
  const fields = ({ position, tag, topics, data, isPrivate, id, type, retryMs }: StoredEvent) =>
    JSON.stringify([position, tag, topics, data, isPrivate, id ?? null, type ?? null, retryMs ?? null])
  return fields(one) === fields(other)
}

/** An event that is accepted must be readable, at a position that no acknowledged one had. */
async function publishAnother(store: TriedStore, written: Written): Promise<TrialResult | undefined> {
  const event = {
    topics: ['another'],
    data: 'another',
    isPrivate: false,
    id: undefined,
    type: undefined,
    retryMs: undefined,
  }
  let position: number
  try {
    position = (await store.append(event)).position
  } catch (error) {
    const result = refusalOrCrash(error)
    return result.outcome === 'a crash' ? result : undefined
  }
  const newest = written.events.at(-1)?.position ?? 0
  if (store.epoch === written.epoch && position <= newest) {
    return { outcome: 'a wrong event', details: `position ${position} is used again` }
  }
  const page = await store.read({
    after: position - 1,
    through: position,
    topics: undefined,
    maxEvents: 1,
    maxBytes: 1,
  })
  if (page.events[0]?.data === 'another') return undefined
  if (page.damaged) return { outcome: 'a gap that is told', details: 'about what was published afterwards' }
  return { outcome: 'missing in silence', details: 'the event that was published afterwards' }
}
