import type { HubError } from '../base/errors.ts'

/**
 * The exit code of a failed command: 2 if it was called or configured incorrectly, 1 for everything
 * else.
 */
export function exitCodeOf({ code }: HubError): 1 | 2 {
  return code === 'INVALID_OPTION' ? 2 : 1
}
