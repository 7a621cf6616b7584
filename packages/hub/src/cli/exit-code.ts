import type { HubError } from '../base/errors.ts'

/** What a command that fails exits with: 2 for a mistake in how it was called or configured, 1 for all else. */
export function exitCodeOf({ code }: HubError): 1 | 2 {
  return code === 'INVALID_OPTION' ? 2 : 1
}
