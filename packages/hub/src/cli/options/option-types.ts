import { isIPv6 } from 'node:net'
import { Option } from 'commander'
import { HubError } from '../../base/errors.ts'

/**
 * Parses a duration such as `90s`, `15m`, `1h`, `7d`, and returns it in seconds. Throws a
 * `HubError` `INVALID_OPTION` that names the option.
 */
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

/** A flag with a duration, such as `90s` or `1h`. Its value is in seconds. */
export class DurationOption extends Option {
  constructor(flags: string, description: string) {
    super(flags, description)
    const [name = flags] = flags.split(' ')
    this.argParser((text) => parseDuration(text, name))
  }

  /** Formats a value as a user would write it. */
  static textOf(seconds: number): string {
    const [size, unit] = units.find(([size]) => seconds % size === 0) ?? [1, 's']
    return `${seconds / size}${unit}`
  }
}

const units = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
  [1, 's'],
] as const

/** A flag with a list, separated by commas or spaces. The flag can be repeated. */
export class ListOption extends Option {
  /**
   * `assertItems` throws `INVALID_OPTION` for invalid items; the message then begins with the flag.
   */
  constructor(flags: string, description: string, assertItems: (items: readonly string[]) => void = () => {}) {
    super(flags, description)
    const [flag] = flags.split(' ')
    this.argParser((text: string, before: readonly string[]): string[] => {
      const items = text.split(/[\s,]+/).filter(Boolean)
      try {
        assertItems(items)
      } catch (error) {
        if (!(error instanceof HubError)) throw error
        throw new HubError(error.code, `${flag}: ${error.message}`, { cause: error })
      }
      return [...before, ...items]
    })
    this.default([], 'none')
  }
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/**
 * Parses `host:port`, `[address]:port` or `:port`. Without a host it is 127.0.0.1: only an explicit
 * host makes the hub reachable from elsewhere.
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[(?<address>[^\]]*)\]|(?<host>[^:[\]\s]*)):(?<port>\d{1,5})$/.exec(text)
  const { address, host, port } = match?.groups ?? {}
  const isAddress = address === undefined || isIPv6(address)
  if (port === undefined || Number(port) > 65_535 || !isAddress) {
    throw new HubError(
      'INVALID_OPTION',
      `--listen ${text} is not an address. Write host:port, such as 127.0.0.1:3000, [::1]:3000 or :0. Ports go up to 65535.`,
    )
  }
  return { host: address || host || '127.0.0.1', port: Number(port) }
}
