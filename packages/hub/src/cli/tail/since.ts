import { parseEventId } from '@headwater/sse/internal'
import { HubError } from '../../base/errors.ts'
import { readObserved } from '../observed-routes.ts'
import { parseDuration } from '../options/option-types.ts'

/** Where in its history a stream begins. */
export type Since =
  | { readonly name: 'id'; readonly id: string }
  | { readonly name: 'earliest' }
  | { readonly name: 'last'; readonly count: number }
  /** With events that were stored at this time or later, in milliseconds since 1970. */
  | { readonly name: 'time'; readonly at: number; readonly text: string }

/** The most last events that a hub gives. */
const maxLast = 10_000

/** Parses `--since`: `earliest`, `-20`, `10m`, `2027-01-31T08:00`, or anything else as an ID. */
export function parseSince(text: string, now = Date.now()): Since {
  if (text === 'earliest') return { name: 'earliest' }
  if (/^-\d+$/.test(text)) {
    const count = -Number(text)
    if (count >= 1 && count <= maxLast) return { name: 'last', count }
    throw new HubError('INVALID_OPTION', `--since ${text} is not a number of last events: -1 to -10000, or earliest.`)
  }
  if (/^\d+[smhd]$/.test(text)) return { name: 'time', at: now - 1000 * parseDuration(text, '--since'), text }
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const at = Date.parse(text)
    if (!Number.isNaN(at)) return { name: 'time', at, text }
    throw new HubError('INVALID_OPTION', `--since ${text} is not a time. Write it as 2027-01-31T08:00 or 10m.`)
  }
  return { name: 'id', id: parseLastEventId(text, '--since') }
}

/** An ID that goes into a header. */
export function parseLastEventId(text: string, flag: string): string {
  if (text !== '' && !/\p{Cc}/u.test(text)) return text
  const why = text === '' ? 'it is empty' : 'it contains a control character'
  throw new HubError('INVALID_OPTION', `${flag} ${JSON.stringify(text)} is not an event ID: ${why}.`)
}

/** The last event ID to send for a beginning; asks the hub for one if it is a time. */
export async function lastEventIdOf(
  since: Since,
  hub: { readonly url: URL; readonly token: string | undefined },
): Promise<string> {
  if (since.name === 'id') return since.id
  if (since.name === 'earliest') return 'earliest'
  if (since.name === 'last') return `-${since.count}`
  const { after } = await readObserved(hub, 'history', { at: since.at, limit: 1 }, `--since ${since.text}`)
  // An ID that a publisher chose may be of an event that this client may not receive.
  const { events } = await readObserved(hub, 'history', { before: after + 1, limit: 50 }, `--since ${since.text}`)
  const newest = events.at(-1)
  const known = newest?.private ? events.findLast(({ id }) => parseEventId(id) !== undefined) : undefined
  return (known ?? newest)?.id ?? 'earliest'
}
