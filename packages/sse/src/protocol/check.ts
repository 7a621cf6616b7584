import { SseError } from './errors.ts'

/**
 * Throws INVALID_OPTION unless each option is left out or has the expected type, with which
 * `expected` begins.
 */
export function check(options: Record<string, unknown>, expected: string): void {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && (!expected.startsWith(typeof value) || (value as number) < 0 || Number.isNaN(value)))
      throw new SseError('INVALID_OPTION', `${name} is ${value}, expected ${expected}`)
}
