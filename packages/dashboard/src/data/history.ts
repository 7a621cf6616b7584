import { getJson, observeUrl } from './hub.ts'
import { type Looking, queryOf } from './selection.ts'
import type { HistoryPage, HubEvent } from './wire.ts'

/** How many events one look into the history shows. */
export const pageEvents = 100
/** A request reads a bounded part. For something rare, so many follow one another. */
const maxRequests = 40

/**
 * Reads the part of the history that `?from=` names: `earliest`; `N` for events up to a position; `after-N` for those
 * after it; anything else as a time.
 */
export async function readFrom(from: string, looking: Looking, signal: AbortSignal): Promise<HistoryPage> {
  if (from === 'earliest') return await readAfter(0, looking, signal)
  if (/^\d{1,15}$/.test(from)) return await readBefore(Number(from) + 1, looking, signal)
  const [, after] = /^after-(\d{1,15})$/.exec(from) ?? []
  if (after !== undefined) return await readAfter(Number(after), looking, signal)
  const at = Date.parse(from)
  if (Number.isNaN(at)) throw new Error(`?from=${from} is neither a position, nor a time, nor earliest.`)
  const first = await get({ ...queryOf(looking), at: Math.max(0, at), limit: pageEvents }, signal)
  return first.events.length > 0 ? first : await readAfter(first.through, looking, signal)
}

async function readAfter(after: number, looking: Looking, signal: AbortSignal): Promise<HistoryPage> {
  let page = await get({ ...queryOf(looking), after, limit: pageEvents }, signal)
  for (let asked = 1; page.events.length === 0 && page.through < page.head && asked < maxRequests; asked++) {
    page = await get({ ...queryOf(looking), after: page.through, limit: pageEvents }, signal)
  }
  return page
}

async function readBefore(before: number, looking: Looking, signal: AbortSignal): Promise<HistoryPage> {
  let page = await get({ ...queryOf(looking), before, limit: pageEvents }, signal)
  const events = [...page.events]
  const { through } = page
  for (let asked = 1; events.length < pageEvents / 2 && !isAtBeginning(page) && asked < maxRequests; asked++) {
    page = await get({ ...queryOf(looking), before: page.after + 1, limit: pageEvents - events.length }, signal)
    events.unshift(...page.events)
  }
  return { ...page, events, through }
}

export function isAtBeginning({ after, oldest }: HistoryPage): boolean {
  return oldest === null || after < oldest.position
}

function get(query: Record<string, string | number>, signal: AbortSignal): Promise<HistoryPage> {
  return getJson<HistoryPage>(observeUrl('history', query), signal)
}

/** One event with all of its data, and the bytes that subscribers get; `null` without the right to it. */
export function readEvent(position: number, signal: AbortSignal): Promise<{ event: HubEvent; frame: string | null }> {
  return getJson(observeUrl('history/event', { position }), signal)
}
