import { HubError } from '../errors.ts'

/** Reads a time such as `90s`, `15m`, `1h`, `7d`, and returns it in seconds. Throws a `HubError` `INVALID_OPTION`, naming the option. */
export function parseDuration(text: string, name: string): number {
  const match = /^(?<count>\d{1,9})(?<unit>[smhd])$/.exec(text)
  const { count = '', unit = '' } = match?.groups ?? {}
  const seconds = Number(count) * (secondsOf[unit] ?? 0)
  if (match && seconds > 0) return seconds
  throw new HubError(
    'INVALID_OPTION',
    `${name} is ${JSON.stringify(text)}. Write a number and its unit: 90s, 15m, 1h or 7d.`,
  )
}

const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }
