import { SseError } from '../protocol/index.ts'
import { type ClientPlaces, formatPlaces, maxPlaces, parsePlaces } from './channel-id.ts'
import { withText } from './frame-bytes.ts'

/**
 * The places of a session's client in all channels that have names: those that this session is
 * subscribed to, and those of which only the last event ID tells. All of them are in each ID that the
 * client gets, so it can resume each channel exactly, in any order and in another session.
 */
export class SessionPlaces {
  /** Whether the last event ID was of channels with names, or empty. */
  readonly isKnown: boolean
  readonly #client: ClientPlaces
  readonly #subscribed = new Set<string>()

  constructor(lastEventId: string) {
    const parsed = parsePlaces(lastEventId)
    this.isKnown = lastEventId === '' || parsed !== undefined
    this.#client = parsed ?? { places: new Map(), hasLeftOut: false }
  }

  /** Whether a channel that has no place here may have had one. */
  get hasLeftOut(): boolean {
    return this.#client.hasLeftOut
  }

  /** Whether an ID is more than the place in one channel. */
  get isSeveral(): boolean {
    return this.#client.places.size > 1 || this.#client.hasLeftOut
  }

  of(name: string): string | undefined {
    return this.#client.places.get(name)
  }

  /** Makes room for a channel. Throws `TOO_MANY_CHANNELS`. */
  join(name: string): void {
    const { places } = this.#client
    this.#subscribed.add(name)
    if (places.has(name) || places.size < maxPlaces) return
    for (const other of places.keys()) {
      if (this.#subscribed.has(other)) continue
      places.delete(other)
      this.#client.hasLeftOut = true
      return
    }
    this.#subscribed.delete(name)
    throw new SseError(
      'TOO_MANY_CHANNELS',
      `The session is subscribed to ${maxPlaces} channels, and its client's last event ID has a place in each: there is no room for ${JSON.stringify(name)}. Use the hub, where one subscription selects any number of topics.`,
    )
  }

  leave(name: string): void {
    this.#subscribed.delete(name)
  }

  /** Whether the session is subscribed to any channel. */
  get isSubscribed(): boolean {
    return this.#subscribed.size > 0
  }

  move(name: string, place: string): void {
    this.#client.places.set(name, place)
  }

  /** The ID of everything that the client has by now. */
  format(): string {
    return formatPlaces(this.#client)
  }

  /** A block of one channel, of which the last `idLength` bytes are its ID, with the ID of all channels. */
  withId(bytes: Uint8Array, idLength: number): { readonly bytes: Uint8Array; readonly id: string } {
    const id = this.format()
    return { bytes: withText(bytes.subarray(0, bytes.length - idLength), `id: ${id}\n\n`), id }
  }
}
