/**
 * The last event ID a client came with: the `Last-Event-ID` header, or else the query parameter (a first `EventSource`
 * cannot set a header). The header wins, because on a reconnect the query is the older of the two. `''` when there is
 * none.
 */
export function readLastEventId(header: string | undefined, url: string): string {
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

/** Ours; Mercure 1.0's; Mercure 0.x's, today and before. */
const parameterNames = ['lastEventId', 'last_event_id', 'lastEventID', 'Last-Event-ID']

/**
 * [spec] The header's value is the last event ID string, UTF-8 encoded. Node and Fetch hand the bytes over as one
 * character each; a runtime that decoded them already is recognised by what is then no valid UTF-8, and left alone.
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
