import type { AnyLiveOptions } from './options.ts'

/**
 * What makes a stream another one: its URL and the options that are data. Of functions, maps and other
 * objects it says only that they are there, unless `identify` has more to say.
 */
export function shapeOf(
  url: string | URL,
  { enabled: _, ...options }: AnyLiveOptions,
  identify: (value: object) => number = () => 0,
): string {
  return JSON.stringify([`${url}`, options], (name, value: unknown) => {
    if (typeof value === 'bigint') return `${value}`
    if (value instanceof Headers) return [...value]
    const isData = typeof value !== 'function' && (Object(value) !== value || (name !== 'initial' && isPlain(value)))
    return isData ? value : { '': identify(value as object) }
  })
}

/** Users with the same key share a stream. */
export function keyOf(url: string | URL, options: AnyLiveOptions): string {
  return shapeOf(url, options, options.key === undefined ? identityOf : undefined)
}

function isPlain(value: unknown): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}

const identities = new WeakMap<object, number>()
let count = 0

function identityOf(value: object): number {
  let identity = identities.get(value)
  if (identity === undefined) {
    identity = ++count
    identities.set(value, identity)
  }
  return identity
}
