import { HubError } from '../../base/errors.ts'

/** Decodes the bytes of a JSON text. Throws `INVALID_DATA` for what is not UTF-8. */
export function decodeJson(bytes: Buffer): string {
  try {
    return strictUtf8.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) throw new HubError('INVALID_DATA', 'The JSON is not valid UTF-8.')
    throw error
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Parses JSON. Throws `INVALID_REQUEST` for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new HubError('INVALID_REQUEST', `That is not JSON: ${error.message}`)
    throw error
  }
}

/** Whether a value of JSON is an object, and not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Parses JSON so that `JSON.stringify` writes each number as it was written. As a JavaScript
 * number, a 64-bit ID would be rounded, and 1.50 would lose its zero.
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_name: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined ? rawJson(context.source) : value,
  )
}

/** In Node since version 21; TypeScript's types lack it. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON

/** The most levels of arrays and objects. Each is a call of the function that writes them. */
const maxDepth = 500

/** Throws `INVALID_REQUEST` for what is nested too deeply to be written again. */
export function assertShallow(value: unknown): void {
  let level = [value].filter(isNested)
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxDepth)
      throw new HubError('INVALID_REQUEST', `The event has more than ${maxDepth} levels of arrays and objects.`)
    level = level.flatMap((each) => Object.values(each).filter(isNested))
  }
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
