import { type AnyEvents, SseError } from '../protocol/index.ts'
import type { Channel, ChannelOptions } from './channel.ts'
import { checkChannelOptions } from './create-channel.ts'
import { MemoryChannel } from './memory-channel.ts'
import { namesOf } from './names.ts'
import { refuseOtherWords } from './other-words.ts'
import { letProcessEnd, longestTimerMs } from './timer.ts'

export interface ChannelsOptions<M extends object = AnyEvents, State = unknown>
  extends Omit<ChannelOptions<M, State>, 'name'> {
  /** The most channels at a time. Default 10000. */
  maxChannels?: number | undefined
}

/** Channels by key: chat rooms, documents, users. */
export interface Channels<Key extends string | number, M extends object = AnyEvents, State = unknown>
  extends Iterable<[Key, Channel<M, State>]> {
  /** How many channels there are now. */
  readonly size: number
  /**
   * The channel of a key, which is also its name, so that a session can be in several. It is made when
   * it is first asked for, and dropped when nobody is subscribed and its history is past: ask again each
   * time.
   *
   * @throws SseError `TOO_MANY_CHANNELS`; `INVALID_OPTION` for a key that cannot be a name.
   */
  get(key: Key): Channel<M, State>
  /** Whether there is a channel of this key now. */
  has(key: Key): boolean
  /** Drains every currently subscribed session of every channel. Resolves when they have ended. */
  drain(): Promise<void>
  /** Permanently closes every channel, those of later keys included. Resolves when the sessions have ended. */
  close(): Promise<void>
}

/**
 * Creates channels by key, all with the same options.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function createChannels<Key extends string | number, M extends object = AnyEvents, State = unknown>(
  options: ChannelsOptions<M, State> = {},
): Channels<Key, M, State> {
  return new KeyedChannels(options as ChannelsOptions<object, never>) as object as Channels<Key, M, State>
}

class KeyedChannels implements Channels<string | number> {
  readonly #options: Omit<ChannelsOptions<object, never>, 'maxChannels'>
  readonly #maxChannels: number
  readonly #channels = new Map<string | number, MemoryChannel>()
  #isClosed = false
  #sweepTimer: unknown

  constructor(given: ChannelsOptions<object, never>) {
    const { maxChannels = 10_000, ...options } = Object(given)
    checkChannelOptions(given === null ? given : options, "the channels' options", names)
    if (!Number.isSafeInteger(maxChannels) || maxChannels < 1) {
      throw new SseError(
        'INVALID_OPTION',
        `maxChannels is ${String(maxChannels)}: it must be a whole number, 1 or more.`,
      )
    }
    this.#options = options
    this.#maxChannels = maxChannels
  }

  get size(): number {
    return this.#channels.size
  }

  [Symbol.iterator](): Iterator<[string | number, MemoryChannel]> {
    return this.#channels.entries()
  }

  has(key: string | number): boolean {
    return this.#channels.has(key)
  }

  get(key: string | number): MemoryChannel {
    const known = this.#channels.get(key)
    if (known) return known
    const options = { ...this.#options, name: String(key) }
    checkChannelOptions(options, "a channel's options")
    if (this.#channels.size >= this.#maxChannels) this.#sweep()
    if (this.#channels.size >= this.#maxChannels) {
      throw new SseError(
        'TOO_MANY_CHANNELS',
        `There are ${this.#maxChannels} channels, all in use or with a history that is not past: there is no room for ${JSON.stringify(key)}. Raise maxChannels, or keep less of a history.`,
      )
    }
    const channel = new MemoryChannel(options)
    this.#channels.set(key, channel)
    if (this.#isClosed) void channel.close()
    this.#sweepLater(channel.maxAgeMs)
    return channel
  }

  async drain(): Promise<void> {
    await Promise.all(Array.from(this.#channels.values(), (channel) => channel.drain()))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(Array.from(this.#channels.values(), (channel) => channel.close()))
  }

  #sweep(): void {
    for (const [key, channel] of this.#channels) if (channel.isIdle) this.#channels.delete(key)
  }

  /** Every half of the age at which events are dropped, while there are channels. */
  #sweepLater(maxAgeMs: number): void {
    if (this.#sweepTimer !== undefined || maxAgeMs === Number.POSITIVE_INFINITY) return
    const timer = setTimeout(
      () => {
        this.#sweepTimer = undefined
        this.#sweep()
        if (this.#channels.size > 0) this.#sweepLater(maxAgeMs)
      },
      Math.min(Math.max(maxAgeMs / 2, 1000), longestTimerMs),
    )
    this.#sweepTimer = timer
    letProcessEnd(timer)
  }
}

refuseOtherWords(KeyedChannels.prototype, 'channels', { channel: 'get', room: 'get', of: 'get', count: 'size' })

const names = namesOf<Omit<ChannelsOptions, 'maxChannels'> & { maxChannels: unknown }>({
  maxChannels: true,
  history: true,
  onSubscribe: true,
  onUnsubscribe: true,
  events: true,
  onInvalid: true,
  serialize: true,
})
