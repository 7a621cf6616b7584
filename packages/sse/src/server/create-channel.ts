import { type AnyEvents, SseError } from '../protocol/index.ts'
import type { Channel, ChannelOptions } from './channel.ts'
import { isChannelName } from './channel-id.ts'
import { MemoryChannel } from './memory-channel.ts'
import { namesOf, refuseUnknownName } from './names.ts'

/**
 * Creates a channel.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function createChannel<M extends object = AnyEvents, State = unknown>(
  options: ChannelOptions<M, State> = {},
): Channel<M, State> {
  checkChannelOptions(options)
  return new MemoryChannel(options as ChannelOptions<object, never>) as object as Channel<M, State>
}

/** Throws `INVALID_OPTION` for options that no channel has. */
export function checkChannelOptions(
  options: Omit<ChannelOptions<never, never>, 'events'>,
  what = "a channel's options",
  known = optionNames,
): void {
  if (typeof options !== 'object' || options === null) {
    throw new SseError('INVALID_OPTION', `The channel's options are ${String(options)}, not an object.`)
  }
  refuseUnknownName(what, options, known)
  if (options.name !== undefined && !isChannelName(options.name)) {
    throw new SseError(
      'INVALID_OPTION',
      `name is ${JSON.stringify(options.name)}: it must be a text of 1 to 64 characters, percent-encoded.`,
    )
  }
  for (const name of ['onSubscribe', 'onUnsubscribe'] as const) {
    const value = options[name]
    if (value !== undefined && typeof value !== 'function') {
      throw new SseError('INVALID_OPTION', `${name} is ${String(value)}: it must be a function.`)
    }
  }
}

const optionNames = namesOf<ChannelOptions>({
  name: true,
  history: true,
  onSubscribe: true,
  onUnsubscribe: true,
  events: true,
  onInvalid: true,
  serialize: true,
})
