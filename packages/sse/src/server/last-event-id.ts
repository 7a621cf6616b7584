import { parseFinalId } from './reserved.ts'

/**
 * The last event ID that a client sent: the `Last-Event-ID` header, or else the query parameter (a
 * new `EventSource` cannot set a header). The header wins, because on a reconnect the query is the
 * older of the two. `''` if there is none. Of the ID that ended a stream it is the one before.
 */
export function readLastEventId(header: string | undefined, url: string): string {
  const id = readStoredId(header, url)
  return parseFinalId(id)?.cursor ?? id
}

/**
 * Whether a client reconnects because it does not know yet that its stream is complete: its header
 * has the ID that ended the stream, less than a minute ago. Later the ID is one that somebody stored.
 */
export function isAfterEnd(header: string | undefined): boolean {
  const end = header && parseFinalId(header)
  return !!end && Math.abs(Date.now() - end.endedAt) < 60_000
}

function readStoredId(header: string | undefined, url: string): string {
  if (header !== undefined && header !== '') return decodeHeader(header)
  const query = url.indexOf('?')
  if (query < 0) return ''
  const parameters = new URLSearchParams(url.slice(query + 1).replace(/#.*$/s, ''))
  for (const name of parameterNames) {
    const value = parameters.get(name)
    if (value) return value
  }
  return ''
}

/** The names of the query parameter: ours; Mercure 1.0's; Mercure 0.x's, current and older. */
const parameterNames = ['lastEventId', 'last_event_id', 'lastEventID', 'Last-Event-ID']

/**
 * [spec] The header's value is the last event ID string, UTF-8 encoded. Node and Fetch return the
 * bytes as one character each. If a runtime has already decoded them, they are not valid UTF-8, and
 * the value is left unchanged.
 */
function decodeHeader(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0))
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return value
    throw error
  }
}
