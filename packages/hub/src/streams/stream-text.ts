import { dataEncoder, isReservedEventType } from '@headwater/sse/internal'
import { SseError } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import { forbiddenCharacter } from '../matching/visible-text.ts'

/** Text as readers receive it: an event stream cannot carry CR. Throws `INVALID_DATA`. */
export function toText(data: unknown): string {
  try {
    const text = encode(data, undefined)!
    if (!text.isWellFormed()) {
      throw new HubError(
        'INVALID_DATA',
        'data contains half of a surrogate pair, which UTF-8 cannot encode. Write whole characters, or JSON.',
      )
    }
    return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
  } catch (error) {
    if (!(error instanceof SseError)) throw error
    throw new HubError('INVALID_DATA', error.message, { cause: error })
  }
}

/** Throws `INVALID_EVENT_TYPE`. */
export function toType(type: string | undefined): string | undefined {
  if (type === undefined || type === '' || type === 'message') return undefined
  if (typeof type !== 'string' || forbiddenCharacter(type) !== undefined) {
    throw new HubError('INVALID_EVENT_TYPE', `Event type ${JSON.stringify(type)} must be one line of visible text.`)
  }
  if (isReservedEventType(type) || type.startsWith('headwater-')) {
    throw new HubError('INVALID_EVENT_TYPE', `Event type "${type}" is reserved for Headwater itself. Choose another.`)
  }
  return type
}

/** The longest reason of an end, in characters. */
const maxReason = 1000

/** Why a stream ended, as readers are shown it. Throws `INVALID_OPTION`. */
export function toReason(reason: unknown): string {
  if (typeof reason !== 'string') {
    throw new HubError('INVALID_OPTION', `The reason is ${String(reason)}: it must be text, and readers are shown it.`)
  }
  return reason.length > maxReason ? `${reason.slice(0, maxReason).toWellFormed()}…` : reason.toWellFormed()
}

const encode = dataEncoder({})
