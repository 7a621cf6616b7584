/**
 * An event's place in a history, as carried by `id` and `Last-Event-ID`: `<epoch>.<position>` or
 * `<epoch>.<position>.<tag>`.
 */
export interface EventId {
  /**
   * The name of the history: a new one whenever a history starts from nothing. Lowercase letters
   * and digits.
   */
  epoch: string
  /**
   * The position in the single sequence of all events of that history. Starts at 1; 0 is the
   * position before the first event.
   */
  position: number
  /**
   * Stored with the event by a durable store, so that a reused position is recognised. A channel
   * has none.
   */
  tag?: string | undefined
}

/** Formats an event ID, with the position in base 36. */
export function formatEventId({ epoch, position, tag }: EventId): string {
  const id = `${epoch}.${position.toString(36)}`
  return tag === undefined ? id : `${id}.${tag}`
}

/**
 * Parses an event ID. Returns `undefined` for any text that {@link formatEventId} would not write:
 * an ID has only one spelling.
 */
export function parseEventId(text: string): EventId | undefined {
  const match = idForm.exec(text)
  if (!match) return undefined
  const [, epoch = '', digits = '', tag] = match
  const position = Number.parseInt(digits, 36)
  if (!Number.isSafeInteger(position)) return undefined
  return tag === undefined ? { epoch, position } : { epoch, position, tag }
}

/** Lengths are bounded so that parsing a hostile header is cheap: 2^53 has 11 digits in base 36. */
const idForm = /^([0-9a-z]{1,32})\.(0|[1-9a-z][0-9a-z]{0,10})(?:\.([0-9a-z]{1,32}))?$/

/** Creates the name of a new history: 10 random letters and digits, 51.7 bits. */
export function createEpoch(): string {
  let epoch = ''
  while (epoch.length < 10) {
    for (const byte of crypto.getRandomValues(new Uint8Array(16))) {
      // 252 is the largest multiple of 36 in a byte: larger values would make some characters more
      // likely.
      if (byte < 252 && epoch.length < 10) epoch += (byte % 36).toString(36)
    }
  }
  return epoch
}
