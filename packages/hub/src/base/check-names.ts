import { unknownName } from '@headwater/sse/internal'
import { HubError } from './errors.ts'

/** Throws `INVALID_OPTION` for a name that means nothing here, with the one that was probably meant. */
export function refuseUnknownName(what: string, given: object, known: ReadonlySet<string>): void {
  const problem = unknownName(what, given, known)
  if (problem !== undefined) throw new HubError('INVALID_OPTION', problem)
}

/** The same for options, which have to be an object. */
export function checkNames(what: string, given: unknown, known: ReadonlySet<string>): void {
  if (typeof given !== 'object' || given === null) {
    throw new HubError(
      'INVALID_OPTION',
      `${what}: ${String(given)} is not an object. The names: ${[...known].join(', ')}.`,
    )
  }
  refuseUnknownName(what, given, known)
}
