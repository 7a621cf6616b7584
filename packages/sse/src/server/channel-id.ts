import { type EventId, formatEventId, parseEventId } from './event-id.ts'

/**
 * A client's places in channels that have names, by name. As an ID: `<name>:<epoch>.<position>` for
 * each, joined by `~`, and `*` if there were more than an ID may have.
 */
export interface ClientPlaces {
  readonly places: Map<string, EventId>
  /** Whether places were left out: a channel that is not among these may have been. */
  hasLeftOut: boolean
}

/** The most channels whose places one ID has: it must fit into a header. */
export const maxPlaces = 32

/** The longest name in characters, encoded. */
const maxNameLength = 64

/** Formats a place in a channel, which has a name or not. */
export function formatPlace(name: string | undefined, id: EventId): string {
  return name === undefined ? formatEventId(id) : `${encodeName(name)}:${formatEventId(id)}`
}

/** Formats all places of a client. */
export function formatPlaces({ places, hasLeftOut }: ClientPlaces): string {
  const parts = Array.from(places, ([name, id]) => formatPlace(name, id))
  if (hasLeftOut) parts.push('*')
  return parts.join('~')
}

/** Parses an ID of channels with names. `undefined` for any text that {@link formatPlaces} would not write. */
export function parsePlaces(text: string): ClientPlaces | undefined {
  const parts = text.split('~', maxPlaces + 2)
  const hasLeftOut = parts.length > 1 && parts.at(-1) === '*'
  if (hasLeftOut) parts.pop()
  if (parts.length > maxPlaces) return undefined
  const places = new Map<string, EventId>()
  for (const part of parts) {
    const colon = part.indexOf(':')
    const name = decodeName(part.slice(0, Math.max(colon, 0)))
    const id = parseEventId(part.slice(colon + 1))
    if (name === undefined || !id || id.tag !== undefined || places.has(name)) return undefined
    places.set(name, id)
  }
  return { places, hasLeftOut }
}

/** Whether a channel can have this name: its encoded form is not empty, and not too long. */
export function isChannelName(name: unknown): name is string {
  // Half of a surrogate pair has no encoding.
  return typeof name === 'string' && !/\p{Surrogate}/u.test(name) && decodeName(encodeName(name)) === name
}

/** Percent-encoded, also where the characters join the parts of an ID. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replace(
    /[.~*!'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function decodeName(encoded: string): string | undefined {
  if (encoded === '' || encoded.length > maxNameLength) return undefined
  try {
    const name = decodeURIComponent(encoded)
    return encodeName(name) === encoded ? name : undefined
  } catch {
    // A percent sign that no encoder wrote.
    return undefined
  }
}
