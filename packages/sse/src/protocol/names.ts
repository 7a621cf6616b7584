import { SseError } from './errors.ts'

/** The names that an object may have: all of a type, or it does not compile. */
export function namesOf<T>(names: Readonly<Record<keyof T, true>>): ReadonlySet<string> {
  return new Set(Object.keys(names))
}

/**
 * Throws `INVALID_OPTION` for a name that means nothing here. Suggests a known name in another
 * spelling, and the one that `otherWords` has for it (by its {@link plainForm}). Inherited names
 * count, because reading a member finds them, too.
 *
 * It is short, for the bundles of browsers: `server/names.ts` also finds typing errors.
 */
export function refuseUnknownName(
  what: string,
  given: object,
  known: ReadonlySet<string>,
  otherWords: Readonly<Record<string, string>> = {},
): void {
  for (const name in given) {
    if (known.has(name)) continue
    const plain = plainForm(name)
    const meant = [...known].find((each) => plainForm(each) === plain || each === otherWords[plain])
    throw new SseError('INVALID_OPTION', unknownNameText(what, name, known, meant))
  }
}

/** One spelling for `onOpen`, `onopen`, `on-open` and `ON_OPEN`. */
export function plainForm(name: string): string {
  return name.toLowerCase().replace(/[-_ .]/g, '')
}

export function unknownNameText(
  what: string,
  name: string,
  known: Iterable<string>,
  meant: string | undefined,
): string {
  const advice = meant ? ` Did you mean ${meant}?` : ''
  const shown = JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name)
  return `There is no ${shown} in ${what}.${advice} Its names: ${[...known].join(', ')}.`
}
