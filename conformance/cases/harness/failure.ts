/** An assertion that did not hold; its message says what was seen instead. */
export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure'
}

export function fail(what: string, actual: unknown, expected: unknown): never {
  throw new ConformanceFailure(`${what}: expected ${show(expected)}, got ${show(actual)}`)
}

/** A value as text in which nothing is invisible. */
export function show(value: unknown): string {
  if (typeof value === 'function') return `function ${value.name}`
  if (value === undefined || typeof value === 'symbol') return String(value)
  let json: string
  try {
    json = JSON.stringify(value, (_, inner: unknown) => (inner === undefined ? UNDEFINED : inner))
  } catch {
    // An object that JSON cannot hold, a global for one: its class has to do.
    return Object.prototype.toString.call(value)
  }
  json = json.replaceAll(JSON.stringify(UNDEFINED), 'undefined')
  // What cannot be seen should not be what differs.
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Stands in JSON for what JSON has not, and must not be taken for a text. */
const UNDEFINED = '\0undefined'
