import { HubError } from '../../base/errors.ts'
import { encodedByteAt, encodedPerByte } from './percent-encoding.ts'

/**
 * Reads the pairs of an `application/x-www-form-urlencoded` body or query, as the URL standard
 * parses them. Does not decode the values, because callers ignore those of unknown names: use
 * {@link decodeFormValue}. Throws `TOO_LARGE` for more than `maxPairs`, before it decodes the name
 * of the next one.
 */
export function readForm(
  encoded: Buffer,
  maxPairs: number,
  onPair: (name: string, encodedValue: string) => void,
): void {
  // One character per byte: slices of a string are views of it, while slices of a buffer are
  // objects of their own.
  const text = encoded.toString('latin1')
  let pairs = 0
  for (let start = 0; start < text.length; ) {
    const separator = text.indexOf('&', start)
    const end = separator < 0 ? text.length : separator
    if (end > start) {
      if (++pairs > maxPairs) throw new HubError('TOO_LARGE', `The form has more than ${maxPairs} fields.`)
      // Searched for in the field alone, or a form without `=` would cost the square of its length.
      const field = text.slice(start, end)
      const equals = field.indexOf('=')
      if (equals < 0) onPair(decodeName(field), '')
      else onPair(decodeName(field.slice(0, equals)), field.slice(equals + 1))
    }
    start = end + 1
  }
}

/** A name and its value, which is decoded when it is read. */
export class FormPair {
  readonly name: string
  readonly encodedValue: string

  constructor(name: string, encodedValue: string) {
    this.name = name
    this.encodedValue = encodedValue
  }

  /** `undefined` if it is not valid UTF-8. */
  get value(): string | undefined {
    return decodeFormValue(this.encodedValue)
  }
}

/** All pairs of a form or query; see {@link readForm}. */
export function parseForm(encoded: Buffer, maxPairs: number): FormPair[] {
  const pairs: FormPair[] = []
  readForm(encoded, maxPairs, (name, encodedValue) => pairs.push(new FormPair(name, encodedValue)))
  return pairs
}

/**
 * Decodes a value. Returns `undefined` if it is not valid UTF-8, where the URL standard would
 * insert U+FFFD.
 */
export function decodeFormValue(encoded: string): string | undefined {
  const text = decodeQuickly(encoded)
  if (text !== undefined) return text
  try {
    return strictUtf8.decode(decodeBytes(encoded))
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function decodeName(encoded: string): string {
  return decodeQuickly(encoded) ?? decodeBytes(encoded).toString('utf8')
}

/** Decodes a plain value, as nearly all are. Returns `undefined` for any other. */
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
/** A byte order mark at the start of a value is part of the value. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * `+` is a space, `%` and two hexadecimal digits are a byte, and a `%` without them stands for
 * itself.
 */
function decodeBytes(encoded: string): Buffer {
  const bytes = Buffer.from(encoded, 'latin1')
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const encodedByte = encodedByteAt(bytes, at)
    bytes[length++] = encodedByte ?? (bytes[at] === plus ? space : bytes[at]!)
    if (encodedByte !== undefined) at += encodedPerByte - 1
  }
  return bytes.subarray(0, length)
}

const plus = 0x2b
const space = 0x20
