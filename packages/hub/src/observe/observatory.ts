import { HubError } from '../base/errors.ts'
import type { HubCore } from '../hub/hub-core.ts'
import type { HubStats } from '../hub/stats.ts'
import type { StoreObserver } from '../store/observed-store.ts'
import type { Bounds, EventStore, UpstreamStatus } from '../store/store.ts'
import type { StoreHealth } from '../store/store-health.ts'
import { addSeries, FigureRing, type Figures, type Series } from './figures.ts'
import { type Notice, type NoticeKind, Notices } from './notices.ts'
import { RecentTopics, type TopicFigures } from './recent-topics.ts'
import { joinLists, SubscriberBook, type SubscriberList } from './subscriber-book.ts'

/** What one wants to know of a hub. */
export interface ObservedQuery {
  /** Only the newest steps of each series, and the notices since this time. Default: all. */
  readonly since?: number | undefined
  /** The most topics. */
  readonly topics: number
  /** Only topics that contain this. */
  readonly topic?: string | undefined
  /** The most subscribers. */
  readonly subscribers: number
  /** Only subscribers with this in their address or a selector. */
  readonly subscriber?: string | undefined
}

/** How things stand in one thread. */
export interface ObservedThread {
  readonly startedAt: number
  readonly totals: Totals
  readonly series: Readonly<Record<'minute' | 'hour' | 'day', Series>>
  readonly notices: readonly Notice[]
  readonly subscribers: SubscriberList
}

/** How things stand now, and what was counted since the hub was started. */
export interface Totals {
  readonly subscribers: number
  readonly behind: number
  readonly lag: number
  readonly feeds: number
  readonly unsentBytes: number
  readonly replicas: number
  readonly published: number
  readonly delivered: number
  readonly deliveredBytes: number
  readonly refused: number
  readonly failed: number
  readonly gaps: number
}

/** What an operator sees of a hub: all of its threads together. */
export interface Observed {
  readonly version: 1
  /** When this was read, in milliseconds since 1970. */
  readonly at: number
  readonly startedAt: number
  readonly threads: number
  readonly totals: Totals
  readonly series: ObservedThread['series']
  /** The oldest first. */
  readonly notices: readonly Notice[]
  readonly topics: {
    /** How many topics are counted: those with the newest events. */
    readonly counted: number
    /** Whether there are more than are counted. */
    readonly isPartial: boolean
    /** The busiest first. */
    readonly busiest: readonly TopicFigures[]
  }
  readonly subscribers: SubscriberList
  readonly history: { readonly epoch: string; readonly head: number; readonly trimmed: number; readonly count: number }
  /** Hubs that share the history: this one's name, and those that are alive; `null` if only this one appends to it. */
  readonly nodes: { readonly self: string; readonly alive: readonly string[] | null } | null
  /** How far a hub that copies another one is behind; `null` for any other hub. */
  readonly upstream: UpstreamStatus | null
}

/** The history is read this far back for the names of topics, when the hub starts. */
const learnEvents = 5000
const learnPage = 1000
/** How often the store is asked which nodes are alive, in milliseconds. */
const nodesMs = 5000
const recentSteps = 3

export interface ObservatoryOptions {
  /** The number of this thread among those that serve the hub. Default 1: the one that counts topics. */
  readonly thread?: number | undefined
  /** Milliseconds since 1970. Default `Date.now`; tests bring their own. */
  readonly now?: (() => number) | undefined
  /** Whether to sample each second by a timer. Default true; tests call `sample`. */
  readonly hasTimer?: boolean | undefined
}

/**
 * Keeps what operators look at, in bounded memory: figures of the last minute, hour and day, who is
 * subscribed, which topics are used, and what went wrong. Forgets everything with the process.
 */
export class Observatory implements StoreObserver {
  readonly subscribers = new SubscriberBook()
  readonly #thread: number
  readonly #now: () => number
  readonly #hasTimer: boolean
  readonly #startedAt: number
  readonly #rings = {
    minute: new FigureRing(1000, 60),
    hour: new FigureRing(10_000, 360),
    day: new FigureRing(300_000, 288),
  }
  readonly #notices: Notices
  readonly #topics = new RecentTopics()
  #published = 0
  #refused = 0
  #failed = 0
  #last: Counts | undefined
  #hub: HubCore | undefined
  #store: EventStore | undefined
  #nodes: { readonly at: number; readonly alive: readonly string[] | null } | undefined
  #timer: NodeJS.Timeout | undefined
  #stopTail = () => {}
  #isClosed = false
  #others: (query: ObservedQuery) => Promise<readonly ObservedThread[]> = async () => []
  #readAll: ((query: ObservedQuery) => Promise<Observed>) | undefined

  constructor({ thread = 1, now = Date.now, hasTimer = true }: ObservatoryOptions = {}) {
    this.#thread = thread
    this.#now = now
    this.#hasTimer = hasTimer
    this.#startedAt = now()
    this.#notices = new Notices(thread)
  }

  onStored(events: number): void {
    this.#published += events
  }

  /** The publisher's request fails, and counts. */
  onFailed(): void {}

  countRefusal(): void {
    this.#refused++
  }

  countFailure(): void {
    this.#failed++
  }

  note(kind: NoticeKind, text: string, about: Pick<Notice, 'address' | 'code'> = {}): void {
    this.#notices.add(this.#now(), kind, text, about)
  }

  /** Notes and counts a connection that was refused. */
  noteConnection({ message, code }: HubError, address: string): void {
    this.#refused++
    this.note('refused', `A connection was refused: ${message}`, { address, code })
  }

  /** Notes a failure that no client was told about. */
  noteFailure(error: unknown): void {
    const code = error instanceof HubError ? error.code : undefined
    this.note('failed', error instanceof Error ? error.message : String(error), { code })
  }

  noteStoreHealth(health: StoreHealth): void {
    if (health.name === 'failed') {
      this.note('failed', `The store failed, and publishers get 503: ${health.error.message}`, { code: 'STORE_FAILED' })
    } else if (health.name === 'recovered') {
      this.note('recovered', `The store works again, after ${(health.ms / 1000).toFixed(1)} s.`)
    } else {
      this.note('failed', `The store is slow: it took ${(health.ms / 1000).toFixed(1)} s, or has not answered yet.`, {
        code: 'STORE_SLOW',
      })
    }
  }

  /** Observes this hub from now on, and the store that it is over. */
  observe(hub: HubCore, store: EventStore): void {
    this.#hub = hub
    this.#store = store
    this.#last = countsOf(hub.stats, this.#counts())
    if (this.#hasTimer) this.#sampleLater()
    if (this.#thread === 1) void this.#follow(store)
  }

  /** Also observes the other threads that serve the hub from now on. */
  addOthers(read: (query: ObservedQuery) => Promise<readonly ObservedThread[]>): void {
    this.#others = read
  }

  /** From now on, asks another thread, which observes all of them. */
  readFrom(readAll: (query: ObservedQuery) => Promise<Observed>): void {
    this.#readAll = readAll
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#stopTail()
  }

  /** Notes what happened since the last sample. A timer calls this at the end of each second. */
  sample(): void {
    if (!this.#hub || !this.#last) return
    const { stats } = this.#hub
    const counts = countsOf(stats, this.#counts())
    const before = this.#last
    this.#last = counts
    const figures: Figures = {
      published: counts.published - before.published,
      delivered: counts.delivered - before.delivered,
      deliveredBytes: counts.deliveredBytes - before.deliveredBytes,
      ended: counts.ended - before.ended,
      refused: counts.refused - before.refused,
      failed: counts.failed - before.failed,
      gaps: counts.gaps - before.gaps,
      subscribers: stats.subscribers,
      behind: stats.subscribersBehind,
      lag: stats.lagEvents,
    }
    const at = this.#now()
    // What the second that just ended has.
    for (const ring of Object.values(this.#rings)) ring.add(at - 500, figures)
    this.#noteGaps(before.gapsByReason, stats)
  }

  /** How things stand in this thread. */
  readThread({ since, subscribers, subscriber }: ObservedQuery): ObservedThread {
    const at = this.#now()
    const steps = since === undefined ? undefined : recentSteps
    const { minute, hour, day } = this.#rings
    return {
      startedAt: this.#startedAt,
      totals: this.#totals(),
      series: { minute: minute.read(at - 1000, steps), hour: hour.read(at, steps), day: day.read(at, steps) },
      notices: this.#notices.after(since ?? 0),
      subscribers: this.subscribers.list(subscribers, subscriber),
    }
  }

  /** How things stand in all threads. */
  async read(query: ObservedQuery): Promise<Observed> {
    if (this.#readAll) return await this.#readAll(query)
    const others = await this.#others(query)
    const threads = [this.readThread(query), ...others]
    const bounds = await this.#store!.bounds()
    const at = this.#now()
    return {
      version: 1,
      at,
      startedAt: this.#startedAt,
      threads: threads.length,
      totals: addTotals(threads.map(({ totals }) => totals)),
      series: {
        minute: addSeries(threads.map(({ series }) => series.minute)),
        hour: addSeries(threads.map(({ series }) => series.hour)),
        day: addSeries(threads.map(({ series }) => series.day)),
      },
      notices: threads.flatMap(({ notices }) => notices).sort((a, b) => a.at - b.at),
      topics: {
        counted: this.#topics.count,
        isPartial: this.#topics.hasDropped,
        busiest: this.#topics.busiest(at, query.topics, query.topic),
      },
      subscribers: joinLists(
        threads.map(({ subscribers }) => subscribers),
        query.subscribers,
      ),
      history: historyOf(this.#store!.epoch, bounds),
      nodes: await this.#readNodes(at),
      upstream: (await this.#hub!.upstream()) ?? null,
    }
  }

  #counts(): Pick<Totals, 'published' | 'refused' | 'failed'> {
    return { published: this.#published, refused: this.#refused, failed: this.#failed }
  }

  #totals(): Totals {
    const stats = this.#hub!.stats
    return {
      ...this.#counts(),
      subscribers: stats.subscribers,
      behind: stats.subscribersBehind,
      lag: stats.lagEvents,
      feeds: stats.feeds,
      unsentBytes: stats.unsentBytes,
      replicas: stats.replicas,
      delivered: stats.eventsDelivered,
      deliveredBytes: stats.bytesDelivered,
      gaps: sumOf(stats.gaps),
    }
  }

  /** Just after the next second has begun: a timer may be a millisecond early. */
  #sampleLater(): void {
    this.#timer = setTimeout(
      () => {
        this.sample()
        this.#sampleLater()
      },
      1005 - (this.#now() % 1000),
    )
    this.#timer.unref()
  }

  #noteGaps(before: HubStats['gaps'], { gaps }: HubStats): void {
    for (const [reason, count] of Object.entries(gaps)) {
      const more = count - (before[reason as keyof typeof gaps] ?? 0)
      if (more > 0) {
        this.note('gap', `${more} subscriber${more === 1 ? ' was' : 's were'} told of a gap (${reason}).`, {
          code: reason,
        })
      }
    }
  }

  async #follow(store: EventStore): Promise<void> {
    try {
      const stop = await store.follow({
        onStart: (bounds) => void this.#learn(store, bounds),
        onAppend: (events) => {
          const at = this.#now()
          for (const { topics, position } of events) this.#topics.add(topics, position, at)
        },
        onTrim() {},
        // What comes meanwhile is not counted by topic.
        onFailure: () => this.#followLater(store),
      })
      if (this.#isClosed) stop()
      else this.#stopTail = stop
    } catch {
      // The hub follows the same store, and reports that it cannot.
      this.#followLater(store)
    }
  }

  #followLater(store: EventStore): void {
    if (this.#isClosed) return
    setTimeout(() => !this.#isClosed && void this.#follow(store), 1000).unref()
  }

  async #learn(store: EventStore, { head }: Bounds): Promise<void> {
    let before = head.position + 1
    try {
      for (let read = 0; read < learnEvents && before > 1 && store.readBack && !this.#isClosed; read += learnPage) {
        const query = { before, topics: undefined, maxEvents: learnPage, maxBytes: 1024 * 1024 }
        const { events, from } = await store.readBack(query)
        for (const { topics, position, storedAt } of events) {
          this.#topics.learn(topics, position, storedAt ?? this.#startedAt)
        }
        before = from
      }
    } catch {
      // Then only topics that are used from now on are known. The hub reports what its store does.
    }
  }

  async #readNodes(at: number): Promise<Observed['nodes']> {
    const { nodes } = this.#store!
    if (!nodes) return null
    if (!this.#nodes || at - this.#nodes.at >= nodesMs) {
      const alive = await nodes.alive().catch(() => undefined)
      this.#nodes = { at, alive: alive ? [...alive].sort() : null }
    }
    return { self: nodes.name, alive: this.#nodes.alive }
  }
}

interface Counts {
  readonly published: number
  readonly refused: number
  readonly failed: number
  readonly delivered: number
  readonly deliveredBytes: number
  readonly ended: number
  readonly gaps: number
  readonly gapsByReason: HubStats['gaps']
}

function countsOf(stats: HubStats, own: Pick<Totals, 'published' | 'refused' | 'failed'>): Counts {
  return {
    ...own,
    delivered: stats.eventsDelivered,
    deliveredBytes: stats.bytesDelivered,
    ended: sumOf(stats.sessionsClosed),
    gaps: sumOf(stats.gaps),
    gapsByReason: stats.gaps,
  }
}

function sumOf(counts: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(counts).reduce<number>((sum, count = 0) => sum + count, 0)
}

function addTotals(all: readonly Totals[]): Totals {
  return all.reduce((sum, each) => ({
    subscribers: sum.subscribers + each.subscribers,
    behind: sum.behind + each.behind,
    lag: Math.max(sum.lag, each.lag),
    feeds: sum.feeds + each.feeds,
    unsentBytes: sum.unsentBytes + each.unsentBytes,
    replicas: sum.replicas + each.replicas,
    published: sum.published + each.published,
    delivered: sum.delivered + each.delivered,
    deliveredBytes: sum.deliveredBytes + each.deliveredBytes,
    refused: sum.refused + each.refused,
    failed: sum.failed + each.failed,
    gaps: sum.gaps + each.gaps,
  }))
}

function historyOf(epoch: string, { head, trimmed, count }: Bounds): Observed['history'] {
  return { epoch, head: head.position, trimmed: trimmed.position, count }
}
