import { type EventId, parseEventId } from './event-id.ts'

/**
 * A client's places in channels that have names, by name. As an ID: `<name>:<epoch>.<position>` for
 * each, joined by `~`, and `*` if there were more than an ID may have.
 */
export interface ClientPlaces {
  /** Each as in the ID, so that an ID of all is no more than these joined. */
  readonly places: Map<string, string>
  /** Whether places were left out: a channel that is not among these may have been. */
  hasLeftOut: boolean
}

/** The most channels whose places one ID has: it must fit into a header. */
export const maxPlaces = 32

/** The longest name in characters, encoded. */
const maxNameLength = 64

/** What the places in a channel begin with. `''` for a channel without a name. */
export function placePrefix(name: string | undefined): string {
  return name === undefined ? '' : `${encodeName(name)}:`
}

/** The place in a channel's history that an ID has for it. */
export function placeIn(places: ClientPlaces | undefined, name: string): EventId | undefined {
  const place = places?.places.get(name)
  return place === undefined ? undefined : parseEventId(place.slice(place.indexOf(':') + 1))
}

/** Formats all places of a client. */
export function formatPlaces({ places, hasLeftOut }: ClientPlaces): string {
  let text = ''
  for (const place of places.values()) text += text === '' ? place : `~${place}`
  return hasLeftOut ? `${text}~*` : text
}

/** Parses an ID of channels with names. `undefined` for any text that {@link formatPlaces} would not write. */
export function parsePlaces(text: string): ClientPlaces | undefined {
  const parts = text.split('~', maxPlaces + 2)
  const hasLeftOut = parts.length > 1 && parts.at(-1) === '*'
  if (hasLeftOut) parts.pop()
  if (parts.length > maxPlaces) return undefined
  const places = new Map<string, string>()
  for (const part of parts) {
    const colon = part.indexOf(':')
    const name = decodeName(part.slice(0, Math.max(colon, 0)))
    const id = parseEventId(part.slice(colon + 1))
    if (name === undefined || !id || id.tag !== undefined || places.has(name)) return undefined
    places.set(name, part)
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
