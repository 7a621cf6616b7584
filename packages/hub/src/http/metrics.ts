import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client'
import type { HubCore } from '../hub/hub-core.ts'
import type { HubStats } from '../hub/stats.ts'
import type { StoreObserver } from '../store/observed-store.ts'

/** What one metric is. */
export interface MetricDescription {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

/** What a server tells of its connections. */
export interface Connections {
  /** Open now. */
  readonly open: number
  /** How many were refused, by why. */
  readonly refusals: Readonly<Partial<Record<string, number>>>
}

/** All metrics of one thread as of a moment, in a form that threads can hand to one another. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[]

export interface MetricsOptions {
  /** Which of the threads that serve the hub this is. Default 1: the one that tells of the process as well. */
  readonly thread?: number | undefined
}

/**
 * What a hub does, for Prometheus: `createHub({ metrics })` counts here and serves `/metrics`. No label says anything of
 * a topic or a client.
 */
export class Metrics implements StoreObserver {
  readonly #registry = new Registry()
  #stored = 0
  #failed = 0
  readonly #appendSeconds: Histogram
  readonly #readSeconds: Histogram
  /** Requests answered, by route and status. Counted here and handed over when they are read: the library's own count takes a while. */
  readonly #requests = new Map<string, Map<number, number>>()
  #hub: HubCore | undefined
  #connections: Connections | undefined
  #stats: HubStats | undefined
  readonly #thread: number
  #others: () => Promise<readonly MetricsSnapshot[]> = async () => []
  #textOfAll: (() => Promise<string>) | undefined

  constructor({ thread = 1 }: MetricsOptions = {}) {
    this.#thread = thread
    // Processor, memory, file descriptors, and how late the event loop is. To look for that a hundred times a second, as is the default, is
    // most of what a hub does that has nothing to do.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 100 })
    // To count these takes a list of every socket, and connections are counted anyway.
    for (const what of ['resources', 'handles', 'requests']) {
      this.#registry.removeSingleMetric(`nodejs_active_${what}`)
      this.#registry.removeSingleMetric(`nodejs_active_${what}_total`)
    }
    const registers = [this.#registry]
    const stored = () => ({ stored: this.#stored, failed: this.#failed })
    new Counter({
      name: 'headwater_publishes_total',
      help: 'Events given to the store to be kept, by whether it did.',
      labelNames: ['outcome'],
      registers,
      collect() {
        this.reset()
        for (const [outcome, count] of Object.entries(stored())) this.inc({ outcome }, count)
      },
    })
    this.#appendSeconds = new Histogram({
      name: 'headwater_store_append_seconds',
      help: 'How long the store took to keep an event, or several that were given to it together.',
      buckets: storeBuckets,
      registers,
    })
    this.#readSeconds = new Histogram({
      name: 'headwater_store_read_seconds',
      help: 'How long the store took to read a page of the history.',
      buckets: storeBuckets,
      registers,
    })
    const requests = this.#requests
    new Counter({
      name: 'headwater_requests_total',
      help: 'Requests answered, by what they were for and the status. An event stream counts when it begins.',
      labelNames: ['route', 'status'],
      registers,
      collect() {
        this.reset()
        for (const [route, byStatus] of requests) {
          for (const [status, count] of byStatus) this.inc({ route, status: String(status) }, count)
        }
      },
    })
    this.#addHubMetrics()
  }

  /** Of the store. */
  onStored(events: number, ms: number): void {
    this.#stored += events
    if (events > 0) this.#appendSeconds.observe(ms / 1000)
  }

  /** Of the store. */
  onFailed(events: number, ms: number): void {
    this.#failed += events
    if (events > 0) this.#appendSeconds.observe(ms / 1000)
  }

  /** Of the store. */
  onRead(ms: number): void {
    this.#readSeconds.observe(ms / 1000)
  }

  /** Shows this hub's numbers from now on. */
  observe(hub: HubCore): void {
    this.#hub = hub
  }

  /** Shows the connections that a server has from now on. */
  observeConnections(connections: Connections): void {
    this.#connections = connections
  }

  countRequest(route: string, status: number): void {
    let byStatus = this.#requests.get(route)
    if (!byStatus) {
      byStatus = new Map()
      this.#requests.set(route, byStatus)
    }
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** What there is of the hub itself, for who documents or checks it. */
  describe(): readonly MetricDescription[] {
    return this.#registry
      .getMetricsAsArray()
      .map((metric) => metric as unknown as { name: string; help: string; type: string; labelNames: string[] })
      .filter(({ name }) => name.startsWith('headwater_'))
      .map(({ name, help, type, labelNames }) => ({ name, help, type, labels: labelNames }))
  }

  /** Tells of other threads that serve the hub, too, from now on: of each that has a snapshot when it is asked for. */
  addOthers(snapshots: () => Promise<readonly MetricsSnapshot[]>): void {
    this.#others = snapshots
  }

  /** From now on another thread has the text that tells of all of them. */
  readTextFrom(textOfAll: () => Promise<string>): void {
    this.#textOfAll = textOfAll
  }

  /** All of it, as Prometheus reads it. */
  async toText(): Promise<string> {
    if (this.#textOfAll) return await this.#textOfAll()
    const others = await this.#others()
    if (others.length > 0) return await textOf([await this.snapshot(), ...others])
    this.#readStats()
    return await this.#registry.metrics()
  }

  /** What this thread has to tell. */
  async snapshot(): Promise<MetricsSnapshot> {
    this.#readStats()
    const metrics = (await this.#registry.getMetricsAsJSON()) as unknown as MetricsSnapshot
    // A further thread would tell of the process once more.
    return this.#thread === 1 ? metrics : metrics.filter(({ name }) => !name.startsWith('process_'))
  }

  /** Once for all of them: the hub asks each subscriber. */
  #readStats(): void {
    this.#stats = this.#hub?.stats
  }

  #addHubMetrics(): void {
    const gauge = (name: string, help: string, read: (stats: HubStats) => number, aggregator?: 'max') =>
      this.#add(Gauge, name, help, () => this.#stats && read(this.#stats), aggregator)
    const counter = (name: string, help: string, read: (stats: HubStats) => number) =>
      this.#add(Counter, name, help, () => this.#stats && read(this.#stats))
    this.#add(
      Gauge,
      'headwater_connections',
      'Connections open now, those without a request included.',
      () => this.#connections?.open,
    )
    this.#addTally(
      'headwater_connections_refused_total',
      'Connections refused because of a limit: of all (total) or of one address (address).',
      () => this.#connections?.refusals,
    )
    gauge('headwater_subscribers', 'Event streams open now.', ({ subscribers }) => subscribers)
    this.#addOfThread()
    gauge(
      'headwater_subscribers_behind',
      'Event streams that lack something now: events waiting to be written, or history to be read.',
      ({ subscribersBehind }) => subscribersBehind,
    )
    gauge(
      'headwater_lag_events',
      'How many events of the whole history the subscriber furthest behind has not come past.',
      ({ lagEvents }) => lagEvents,
      'max',
    )
    gauge('headwater_feeds', 'Different selections among the event streams.', ({ feeds }) => feeds)
    gauge('headwater_head_position', 'The newest position of the history.', ({ headPosition }) => headPosition, 'max')
    counter(
      'headwater_deliveries_total',
      'Events written to event streams; one event counts for each.',
      ({ eventsDelivered }) => eventsDelivered,
    )
    counter(
      'headwater_delivered_bytes_total',
      'Bytes of events written to event streams.',
      ({ bytesDelivered }) => bytesDelivered,
    )
    this.#addTally('headwater_gaps_total', 'Gaps told to subscribers, by reason.', () => this.#stats?.gaps)
    this.#addTally(
      'headwater_streams_closed_total',
      'Event streams that are over, by what ended them; too-slow and stalled are subscribers that could not keep up.',
      () => this.#stats?.sessionsClosed,
    )
  }

  /** A number that the hub keeps itself, read when it is asked for. Those of several threads are added up, unless told otherwise. */
  #add(
    Kind: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    read: () => number | undefined,
    aggregator: 'sum' | 'max' = 'sum',
  ): void {
    new Kind({
      name,
      help,
      aggregator,
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(read() ?? 0)
      },
    })
  }

  #addOfThread(): void {
    const thread = String(this.#thread)
    const read = () => this.#stats?.subscribers ?? 0
    new Gauge({
      name: 'headwater_thread_subscribers',
      help: 'Event streams open now, by the thread that serves them.',
      labelNames: ['thread'],
      registers: [this.#registry],
      collect() {
        this.set({ thread }, read())
      },
    })
  }

  #addTally(name: string, help: string, read: () => Readonly<Partial<Record<string, number>>> | undefined): void {
    new Counter({
      name,
      help,
      labelNames: ['reason'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [reason, count] of Object.entries(read() ?? {})) this.inc({ reason }, count)
      },
    })
  }
}

/** The metrics of all threads as one text. */
async function textOf([first = [], ...others]: readonly MetricsSnapshot[]): Promise<string> {
  // Of the process there is one.
  const own = first.map((metric) => ({ ...metric, aggregator: aggregatorOf(metric) }))
  const all = [own, ...others.map((metrics) => [...metrics])]
  return await AggregatorRegistry.aggregate(all).metrics()
}

/** The library would leave out the time when the process began, and say how late event loops are on average, not how late one is. */
function aggregatorOf({ name, aggregator }: MetricsSnapshot[number]) {
  if (aggregator === 'omit') return 'first'
  return /_lag_p\d+_/.test(name) ? 'max' : aggregator
}

/** In seconds: from a memory's to a struggling disk's. */
const storeBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
