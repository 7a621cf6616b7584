import { HubError } from './errors.ts'

/** Checks a limit. Throws `INVALID_OPTION`. */
export function assertNotNegative(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0) return value
  throw new HubError(
    'INVALID_OPTION',
    `${name} is ${String(value)}: it must be a number, 0 or more (Infinity: no limit).`,
  )
}
