import { createHash } from 'node:crypto'
import { parseEventId } from '@headwater/sse/internal'

/** Of a digest, enough to compare two lines of a log. */
const digestCharacters = 12

/**
 * A last event ID for the log. The hub's own IDs say nothing about an event, and neither do
 * `earliest` and `-N`. An ID of a publisher's might, so only its length and the beginning of its
 * SHA-256 are shown. `undefined` for none.
 */
export function shownEventId(id: string): string | undefined {
  if (id === '') return undefined
  if (id === 'earliest' || /^-\d{1,10}$/.test(id) || (id.length <= 100 && parseEventId(id))) return id
  const digest = createHash('sha256').update(id).digest('hex').slice(0, digestCharacters)
  return `(${Buffer.byteLength(id)} bytes, SHA-256 ${digest}…)`
}
