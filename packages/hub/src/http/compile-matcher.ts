import type { CompileMatcher } from '../auth/grant.ts'
import { HubError } from '../errors.ts'

/** Makes what matches topics by more than their text. */
export const compileMatcher: CompileMatcher = (matchType) => {
  throw new HubError(
    'INVALID_MATCHER',
    `This version of the hub has no matchers of type ${matchType}. Give the exact topic, or * for all.`,
  )
}
