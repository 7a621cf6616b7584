import { HubError } from '../../../src/base/errors.ts'
import type { Replica } from '../../../src/store/replica.ts'
import {
  type Bounds,
  beginning,
  type Follower,
  type HistoryPosition,
  markOf,
  type PositionState,
  type ReadBackPage,
  type ReadBackQuery,
  type ReadPage,
  type ReadQuery,
  type StoredEvent,
} from '../../../src/store/store.ts'
import type { Process, Scheduler } from '../scheduler.ts'

/** What is on the disk of a node, whatever becomes of its process. */
export class SimulatedDisk {
  events: StoredEvent[] = []
  trimmed: HistoryPosition = beginning
  /** The newest event that there ever was in this copy. */
  head: HistoryPosition = beginning

  /** A power loss takes the newest events. */
  lose(count: number): void {
    this.events = this.events.slice(0, Math.max(0, this.events.length - count))
    this.head = markOf(this.events.at(-1) ?? this.trimmed)
  }
}

/** The local copy of a node: one thread that does one thing after the other, each a little later, and fails now and then. */
export class SimulatedReplica implements Replica {
  readonly epoch: string
  failures: number
  readonly #disk: SimulatedDisk
  readonly #scheduler: Scheduler
  readonly #process: Process
  readonly #callMs: number
  readonly #followers = new Set<Follower>()
  #nextAt = 0
  #isClosed = false

  constructor(
    disk: SimulatedDisk,
    {
      epoch,
      scheduler,
      process,
      callMs,
      failures,
    }: {
      epoch: string
      scheduler: Scheduler
      process: Process
      callMs: number
      failures: number
    },
  ) {
    this.#disk = disk
    this.epoch = epoch
    this.#scheduler = scheduler
    this.#process = process
    this.#callMs = callMs
    this.failures = failures
  }

  apply(events: readonly StoredEvent[], after?: HistoryPosition): Promise<void> {
    return this.#do(() => {
      const disk = this.#disk
      if (this.#scheduler.chance(this.failures)) throw new HubError('STORE_FAILED', 'The disk is full.')
      if (after && (after.position !== disk.head.position || after.tag !== disk.head.tag)) {
        throw new HubError('STORE_FAILED', 'These events follow others.')
      }
      let last = disk.head.position
      for (const { position } of events) {
        if (position <= last) throw new HubError('STORE_FAILED', `Position ${position} does not come after ${last}.`)
        last = position
      }
      disk.events.push(...events)
      disk.head = markOf(events.at(-1)!)
      for (const follower of this.#followers) follower.onAppend(events)
    })
  }

  trimThrough(mark: HistoryPosition): Promise<void> {
    return this.#do(() => {
      const disk = this.#disk
      disk.events = disk.events.filter(({ position }) => position > mark.position)
      disk.trimmed = mark
      if (mark.position <= disk.head.position) {
        for (const follower of this.#followers) follower.onTrim(mark)
        return
      }
      disk.head = mark
      this.#failFollowers(new HubError('STORE_FAILED', 'Events were trimmed before they came here.'))
    })
  }

  dropAfter(mark: HistoryPosition): Promise<void> {
    return this.#do(() => {
      const disk = this.#disk
      disk.events = disk.events.filter(({ position }) => position <= mark.position)
      disk.head = mark
      if (disk.trimmed.position > mark.position) disk.trimmed = mark
      this.#failFollowers(new HubError('STORE_DIVERGED', 'Events were dropped.'))
    })
  }

  read({ after, through, maxEvents }: ReadQuery): Promise<ReadPage> {
    return this.#do(() => {
      const wanted = this.#disk.events.filter(({ position }) => position > after && position <= through)
      const events = wanted.slice(0, maxEvents)
      const isWhole = events.length === wanted.length
      return { events, through: isWhole ? through : events.at(-1)!.position, lost: [], bounds: this.#bounds() }
    })
  }

  readBack({ before, maxEvents }: ReadBackQuery): Promise<ReadBackPage> {
    return this.#do(() => {
      const wanted = this.#disk.events.filter(({ position }) => position < before).reverse()
      const events = wanted.slice(0, maxEvents)
      return { events, from: events.length === wanted.length ? 0 : events.at(-1)!.position }
    })
  }

  bounds(): Promise<Bounds> {
    return this.#do(() => this.#bounds())
  }

  inspect(position: number): Promise<PositionState> {
    return this.#do(() => {
      const { events, trimmed, head } = this.#disk
      if (position > head.position) return { name: 'ahead' }
      if (position > 0 && position <= trimmed.position) return { name: 'trimmed', tag: undefined }
      const event = events.find((each) => each.position === position)
      return event ? { name: 'kept', tag: event.tag } : { name: 'vacant' }
    })
  }

  find(id: string): Promise<HistoryPosition | undefined> {
    return this.#do(() => {
      const found = this.#disk.events.find((event) => event.id === id)
      return found && markOf(found)
    })
  }

  async follow(follower: Follower): Promise<() => void> {
    await this.#do(() => {
      follower.onStart(this.#bounds())
      this.#followers.add(follower)
    })
    return () => void this.#followers.delete(follower)
  }

  async trim(): Promise<void> {}
  async check(): Promise<void> {}

  async close(): Promise<void> {
    this.#isClosed = true
    this.#followers.clear()
  }

  #bounds(): Bounds {
    const { events, trimmed, head } = this.#disk
    const [earliest] = events
    return { head, trimmed, earliest: earliest && markOf(earliest), count: events.length }
  }

  #failFollowers(error: HubError): void {
    const followers = [...this.#followers]
    this.#followers.clear()
    for (const follower of followers) follower.onFailure(error)
  }

  /** In the order of the calls; the answer comes later still. */
  #do<T>(work: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(new HubError('STORE_CLOSED', 'The copy is closed.'))
    const scheduler = this.#scheduler
    const pause = () => scheduler.random() * this.#callMs
    this.#nextAt = Math.max(this.#nextAt, scheduler.now + pause())
    return new Promise((resolve, reject) => {
      scheduler.at(this.#nextAt, this.#process, () => {
        try {
          resolve(work())
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}
