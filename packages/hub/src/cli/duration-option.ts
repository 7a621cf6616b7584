import { Option } from 'commander'
import { parseDuration } from '../auth/duration.ts'

/** A flag with a time, such as `90s` or `1h`: its value is in seconds. */
export class DurationOption extends Option {
  constructor(flags: string, description: string) {
    super(flags, description)
    const [name = flags] = flags.split(' ')
    this.argParser((text) => parseDuration(text, name))
  }

  /** Says a value as one would write it. */
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
