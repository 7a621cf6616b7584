import { Option } from 'commander'
import { HubError } from '../errors.ts'

/** A flag with a list: separated by commas or spaces, or given again for more. */
export class ListOption extends Option {
  /** `assertItems` throws `INVALID_OPTION` for what cannot be meant; the message then begins with the flag. */
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
