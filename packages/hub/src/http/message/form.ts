/**
 * The pairs of an `application/x-www-form-urlencoded` body or query, as the URL standard parses them, except for one thing:
 * there bytes that are no UTF-8 become U+FFFD, here {@link FormPair.value} tells of them.
 */
export function* parseForm(encoded: Buffer): Generator<FormPair> {
  for (let start = 0; start <= encoded.length; ) {
    const separator = encoded.indexOf(ampersand, start)
    const end = separator < 0 ? encoded.length : separator
    if (end > start) yield new FormPair(encoded.subarray(start, end))
    start = end + 1
  }
}

/** One name and its value, which is decoded when it is asked for: nobody looks at those of unknown names. */
export class FormPair {
  readonly name: string
  readonly #encodedValue: Buffer

  constructor(encoded: Buffer) {
    const equals = encoded.indexOf(equalsSign)
    const end = equals < 0 ? encoded.length : equals
    this.name = decode(encoded.subarray(0, end)).toString('utf8')
    this.#encodedValue = encoded.subarray(end + 1)
  }

  /** The value; `undefined` when it is not valid UTF-8. */
  get value(): string | undefined {
    try {
      return strictUtf8.decode(decode(this.#encodedValue))
    } catch (error) {
      if (error instanceof TypeError) return undefined
      throw error
    }
  }
}

const ampersand = '&'.charCodeAt(0)
const equalsSign = '='.charCodeAt(0)
const plus = '+'.charCodeAt(0)
const percent = '%'.charCodeAt(0)
const space = ' '.charCodeAt(0)
/** A byte order mark at the start of a value belongs to the value. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `+` is a space, `%` and two hexadecimal digits are a byte, and a `%` without them stands for itself. */
function decode(encoded: Buffer): Buffer {
  if (!encoded.includes(plus) && !encoded.includes(percent)) return encoded
  const bytes = Buffer.allocUnsafe(encoded.length)
  let length = 0
  for (let index = 0; index < encoded.length; index++) {
    const byte = encoded[index]!
    if (byte === plus) bytes[length++] = space
    else if (byte === percent) {
      const [high, low] = [hexDigit(encoded[index + 1]), hexDigit(encoded[index + 2])]
      if (high >= 0 && low >= 0) {
        bytes[length++] = high * 16 + low
        index += 2
      } else bytes[length++] = byte
    } else bytes[length++] = byte
  }
  return bytes.subarray(0, length)
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}
