import { SseError } from '../protocol/errors.ts'

/** Throws INVALID_OPTION unless each of these options is left out or of the expected type, which `expected` begins with. */
export function check(options: Record<string, unknown>, expected: string): void {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && (!expected.startsWith(typeof value) || (value as number) < 0 || Number.isNaN(value)))
      throw new SseError('INVALID_OPTION', `${name} is ${value}, expected ${expected}`)
}
