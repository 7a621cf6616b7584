/**
 * The pairs of an `application/x-www-form-urlencoded` body or query, as the URL standard parses them, except for one thing:
 * there bytes that are not UTF-8 become U+FFFD, here {@link FormPair.value} is `undefined`.
 */
export function* parseForm(encoded: Buffer): Generator<FormPair> {
  // A character for each byte: its pieces are views of one string, where those of a buffer are objects of their own.
  const text = encoded.toString('latin1')
  for (let start = 0; start <= text.length; ) {
    const separator = text.indexOf('&', start)
    const end = separator < 0 ? text.length : separator
    if (end > start) yield new FormPair(text.slice(start, end))
    start = end + 1
  }
}

/** One name and its value, which is decoded when it is asked for: nobody looks at those of unknown names. */
export class FormPair {
  readonly name: string
  readonly #encodedValue: string

  constructor(encoded: string) {
    const equals = encoded.indexOf('=')
    const end = equals < 0 ? encoded.length : equals
    this.name = decodeQuickly(encoded.slice(0, end)) ?? decodeBytes(encoded.slice(0, end)).toString('utf8')
    this.#encodedValue = encoded.slice(end + 1)
  }

  /** The value; `undefined` when it is not valid UTF-8. */
  get value(): string | undefined {
    const text = decodeQuickly(this.#encodedValue)
    if (text !== undefined) return text
    try {
      return strictUtf8.decode(decodeBytes(this.#encodedValue))
    } catch (error) {
      if (error instanceof TypeError) return undefined
      throw error
    }
  }
}

/** Decodes what is plain, as nearly everything is; `undefined` for anything else. */
function decodeQuickly(encoded: string): string | undefined {
  if (beyondAscii.test(encoded)) return undefined
  const spaced = encoded.includes('+') ? encoded.replaceAll('+', ' ') : encoded
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    // A `%` that stands for itself, or bytes that are not UTF-8.
    return undefined
  }
}

const beyondAscii = /[\x80-\xff]/
/** A byte order mark at the start of a value belongs to the value. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `+` is a space, `%` and two hexadecimal digits are a byte, and a `%` without them stands for itself. */
function decodeBytes(encoded: string): Buffer {
  const decoded = encoded
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  return Buffer.from(decoded, 'latin1')
}
