import type { HubError } from '../base/errors.ts'

/**
 * The exit code of a failed command: 2 if it was called or configured incorrectly, or could not look
 * at what it is about; 1 for everything else.
 */
export function exitCodeOf({ code }: HubError): 1 | 2 {
  return code === 'INVALID_OPTION' || code === 'ENDPOINT_UNREACHABLE' ? 2 : 1
}
