import { SseError } from '../protocol/errors.ts'

/** Throws INVALID_OPTION unless each of these options is left out or valid. */
export function check(options: Record<string, unknown>, isValid: (value: unknown) => boolean, expected: string): void {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && !isValid(value))
      throw new SseError('INVALID_OPTION', `${name} is ${value}, not ${expected}`)
}
