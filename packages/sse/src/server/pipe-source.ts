import { isObservable } from './observable.ts'

/** Describes what a value is in place of a source of events; `undefined` if it is a source. */
export function whyNoSource(value: unknown): string | undefined {
  if (typeof value === 'function') return 'a function. Call it first'
  if (typeof value !== 'object' || value === null) return `${typeof value} ${JSON.stringify(value)}`
  if ('getReader' in value) {
    return 'locked' in value && value.locked === true ? 'a stream that is locked: something else reads it' : undefined
  }
  if (Symbol.asyncIterator in value || Symbol.iterator in value || isObservable(value)) return undefined
  return whatIsMistaken(value) ?? showObject(value)
}

/**
 * Describes what people return from a producer, or pipe, in the belief that it is a source;
 * `undefined` for anything else.
 */
export function whatIsMistaken(value: unknown): string | undefined {
  if (/Generator/.test(Object.prototype.toString.call(value)) && typeof value === 'function') {
    return 'a generator function. Call it first'
  }
  if (typeof value !== 'object' || value === null) return undefined
  if ('body' in value && typeof value.body === 'object' && value.body !== null && 'getReader' in value.body) {
    return 'a response. Pass its .body, or readEvents(response.body) for the events in it'
  }
  return undefined
}

function showObject(value: object): string {
  try {
    const shown = `object ${JSON.stringify(value)}`
    return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown
  } catch {
    // It contains itself, for example.
    return 'an object'
  }
}
