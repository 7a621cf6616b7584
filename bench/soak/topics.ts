import type { EventIdentity } from '../hub/content.ts'

/**
 * The topics of the soak, and how far each has come. A stream is everything that is published to
 * one topic.
 */
export class Topics {
  /** The events of each stream that were sent, and those of them that the hub has answered. */
  readonly published = new Map<number, number>()
  readonly acknowledged = new Map<number, number>()
  /** The number of rooms so far. */
  roomsOpened = 0
  readonly #openRooms: number[] = []
  readonly #ended: { readonly stream: number; readonly at: number }[] = []

  constructor() {
    for (const stream of [...newsStreams, bulkStream, ...accountStreams]) this.#add(stream)
  }

  /** The newest room, to which little or nothing was published yet. */
  get newestRoom(): number {
    return this.#openRooms.at(-1) ?? this.#openRoom()
  }

  /**
   * The kind of the `count`th event of all. Of 20, ten are news, six are in rooms, three are
   * private, one is large.
   */
  next(count: number): EventIdentity {
    const [round, turn] = [Math.floor(count / 20), count % 20]
    if (turn === 19) return this.#publish(bulkStream)
    if (turn % 2 === 0) return this.#publish(newsStreams[(round * 10 + turn / 2) % newsStreams.length]!)
    if (turn % 6 === 1) return this.#publish(accountStreams[(round * 3 + (turn - 1) / 6) % accountStreams.length]!)
    return this.#publish(this.#roomInTurn(count))
  }

  acknowledge({ stream }: EventIdentity): void {
    this.acknowledged.set(stream, this.acknowledged.get(stream)! + 1)
  }

  /** Forgets the rooms that ended this long ago, and returns each with the number of its events. */
  takeEnded(before: number): [stream: number, published: number][] {
    const taken: [number, number][] = []
    for (let room = this.#ended[0]; room && room.at < before; room = this.#ended[0]) {
      this.#ended.shift()
      taken.push([room.stream, this.published.get(room.stream)!])
      this.published.delete(room.stream)
      this.acknowledged.delete(room.stream)
    }
    return taken
  }

  /** Rooms take turns. A room that has had its events ends, and another opens under a new name. */
  #roomInTurn(count: number): number {
    while (this.#openRooms.length < roomsAtOnce) this.#openRoom()
    const index = count % roomsAtOnce
    const room = this.#openRooms[index]!
    if (this.published.get(room)! < eventsPerRoom) return room
    this.#openRooms.splice(index, 1)
    this.#ended.push({ stream: room, at: performance.now() })
    return this.#openRoom()
  }

  #openRoom(): number {
    const stream = firstRoom + this.roomsOpened++
    this.#openRooms.push(stream)
    this.#add(stream)
    return stream
  }

  #add(stream: number): void {
    this.published.set(stream, 0)
    this.acknowledged.set(stream, 0)
  }

  #publish(stream: number): EventIdentity {
    const seq = this.published.get(stream)!
    this.published.set(stream, seq + 1)
    return { stream, seq }
  }
}

export const newsStreams: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7]
export const bulkStream = 8
export const accountStreams = Array.from({ length: 20 }, (_, index) => 100 + index)
const firstRoom = 1000

const roomsAtOnce = 5
const eventsPerRoom = 6

export function isNews(stream: number): boolean {
  return stream < bulkStream
}

export function isRoom(stream: number): boolean {
  return stream >= firstRoom
}

export function isPrivate(stream: number): boolean {
  return stream >= accountStreams[0]! && stream < firstRoom
}

export function topicOf(stream: number): string {
  if (isRoom(stream)) return `https://soak.test/rooms/${stream}`
  if (isPrivate(stream)) return `https://soak.test/accounts/${stream}`
  return stream === bulkStream ? 'https://soak.test/files/large/0' : `https://soak.test/news/${stream}`
}

export function bytesOf(stream: number): number {
  return stream === bulkStream ? 16 * 1024 : 200
}
