import { namesOf } from '@headwater/sse/internal'
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
import { checkNames } from '../base/check-names.ts'
import type { HubCore } from '../hub/hub-core.ts'
import type { HubStats } from '../hub/stats.ts'
import type { StoreObserver } from '../store/observed-store.ts'
import type { UpstreamStatus } from '../store/store.ts'
import type { StreamStats } from '../streams/streams.ts'

/** A description of one metric. */
export interface MetricDescription {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

/** What a server reports about its connections. */
export interface Connections {
  /** Open now. */
  readonly open: number
  /** How many were refused, by reason. */
  readonly refusals: Readonly<Partial<Record<string, number>>>
}

/** All metrics of one thread at one moment, in a form that threads can exchange. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[]

export interface MetricsOptions {
  /**
   * The number of this thread among those that serve the hub. Default 1: the one that also reports
   * the process.
   */
  readonly thread?: number | undefined
}

const optionNames = namesOf<MetricsOptions>({ thread: true })

/**
 * The metrics of a hub, for Prometheus: `createHub({ metrics })` counts here and serves `/metrics`.
 * No label contains a topic or anything about a client.
 */
export class Metrics implements StoreObserver {
  readonly #registry = new Registry()
  #stored = 0
  #failed = 0
  readonly #appendSeconds: Histogram
  readonly #readSeconds: Histogram
  /**
   * Requests answered, by route and status. Counted here, and passed to the library only when they
   * are read, because its own count is slow.
   */
  readonly #requests = new Map<string, Map<number, number>>()
  #hub: HubCore | undefined
  #connections: Connections | undefined
  #streams: { readonly stats: StreamStats } | undefined
  #stats: HubStats | undefined
  #upstream: UpstreamStatus | undefined
  readonly #thread: number
  #others: () => Promise<readonly MetricsSnapshot[]> = async () => []
  #textOfAll: (() => Promise<string>) | undefined

  constructor(options: MetricsOptions = {}) {
    checkNames('the options of Metrics', options, optionNames)
    const { thread = 1 } = options
    this.#thread = thread
    // CPU, memory, file descriptors and the lag of the event loop. Sampling the lag a hundred times
    // a second, which is the default, is most of the work of an idle hub.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 100 })
    // Counting these needs a list of every socket, and the hub counts connections anyway.
    for (const what of ['resources', 'handles', 'requests']) {
      this.#registry.removeSingleMetric(`nodejs_active_${what}`)
      this.#registry.removeSingleMetric(`nodejs_active_${what}_total`)
    }
    const registers = [this.#registry]
    this.#addTally(
      'headwater_publishes_total',
      'Events passed to the store, by whether it stored them.',
      () => ({ stored: this.#stored, failed: this.#failed }),
      'outcome',
    )
    this.#appendSeconds = new Histogram({
      name: 'headwater_store_append_seconds',
      help: 'How long the store took to store an event, or several passed to it together.',
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
      help: 'Requests answered, by route and status. An event stream counts when it begins.',
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

  onStored(events: number, ms: number): void {
    this.#stored += events
    if (events > 0) this.#appendSeconds.observe(ms / 1000)
  }

  onFailed(events: number, ms: number): void {
    this.#failed += events
    if (events > 0) this.#appendSeconds.observe(ms / 1000)
  }

  onRead(ms: number): void {
    this.#readSeconds.observe(ms / 1000)
  }

  /** Reports this hub from now on. */
  observe(hub: HubCore): void {
    this.#hub = hub
  }

  /** Reports the streams of this hub from now on. */
  observeStreams(streams: { readonly stats: StreamStats }): void {
    this.#streams = streams
  }

  /** Reports the connections of a server from now on. */
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

  /** Describes the hub's own metrics, for the docs and their test. */
  describe(): readonly MetricDescription[] {
    return this.#registry
      .getMetricsAsArray()
      .map((metric) => metric as unknown as { name: string; help: string; type: string; labelNames: string[] })
      .filter(({ name }) => name.startsWith('headwater_'))
      .map(({ name, help, type, labelNames }) => ({ name, help, type, labels: labelNames }))
  }

  /**
   * Also reports the other threads that serve the hub from now on: each one that has a snapshot
   * when metrics are read.
   */
  addOthers(snapshots: () => Promise<readonly MetricsSnapshot[]>): void {
    this.#others = snapshots
  }

  /** From now on, returns the text of another thread, which reports all of them. */
  readTextFrom(textOfAll: () => Promise<string>): void {
    this.#textOfAll = textOfAll
  }

  /** Returns all metrics in Prometheus's format. */
  async toText(): Promise<string> {
    if (this.#textOfAll) return await this.#textOfAll()
    const others = await this.#others()
    if (others.length > 0) return await textOf([await this.snapshot(), ...others])
    await this.#readStats()
    return await this.#registry.metrics()
  }

  /** Returns the metrics of this thread. */
  async snapshot(): Promise<MetricsSnapshot> {
    await this.#readStats()
    const metrics = (await this.#registry.getMetricsAsJSON()) as unknown as MetricsSnapshot
    // Each further thread would report the process once more.
    return this.#thread === 1 ? metrics : metrics.filter(({ name }) => !name.startsWith('process_'))
  }

  /** Reads the statistics once for all metrics, because the hub asks each subscriber for them. */
  async #readStats(): Promise<void> {
    this.#stats = this.#hub?.stats
    // A store that is closing does not answer.
    this.#upstream = await this.#hub?.upstream().catch(() => undefined)
  }

  #addHubMetrics(): void {
    const gauge = (name: string, help: string, read: (stats: HubStats) => number, aggregator?: 'max') =>
      this.#add(Gauge, name, help, () => this.#stats && read(this.#stats), aggregator)
    const counter = (name: string, help: string, read: (stats: HubStats) => number) =>
      this.#add(Counter, name, help, () => this.#stats && read(this.#stats))
    this.#add(
      Gauge,
      'headwater_connections',
      'Connections open now, including those without a request.',
      () => this.#connections?.open,
    )
    this.#addTally(
      'headwater_connections_refused_total',
      'Connections refused because of a limit: on all of them (total) or on those of one address (address).',
      () => this.#connections?.refusals,
    )
    gauge('headwater_subscribers', 'Event streams open now.', ({ subscribers }) => subscribers)
    this.#addOfThread()
    gauge(
      'headwater_subscribers_behind',
      'Event streams that are behind now: with events to be written, or history to be read.',
      ({ subscribersBehind }) => subscribersBehind,
    )
    gauge(
      'headwater_lag_events',
      'How many positions of the whole history, and so at most how many events, the slowest subscriber is behind.',
      ({ lagEvents }) => lagEvents,
      'max',
    )
    gauge(
      'headwater_unsent_bytes',
      'Bytes in memory for event streams that do not read them; those that several share count once.',
      ({ unsentBytes }) => unsentBytes,
    )
    gauge('headwater_feeds', 'Different selections among the event streams.', ({ feeds }) => feeds)
    gauge('headwater_head_position', 'The newest position of the history.', ({ headPosition }) => headPosition, 'max')
    gauge('headwater_replicas', 'Hubs that copy the history of this one now.', ({ replicas }) => replicas)
    this.#add(
      Gauge,
      'headwater_upstream_behind',
      'How many positions of the hub or engine upstream, and so at most how many events, a hub that copies it lacks of those it has heard of.',
      () => this.#upstream?.behind,
      'max',
    )
    this.#add(
      Gauge,
      'headwater_upstream_silence_seconds',
      'How long ago a hub that copies another one, or an engine, last heard of it; 0 for any other hub.',
      () => this.#upstream && this.#upstream.silentMs / 1000,
      'max',
    )
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
    this.#addTally('headwater_gaps_total', 'Gaps reported to subscribers, by reason.', () => this.#stats?.gaps)
    this.#addTally(
      'headwater_streams_closed_total',
      'Event streams that have ended, by reason; too-slow and stalled mean subscribers that could not keep up.',
      () => this.#stats?.sessionsClosed,
    )
    this.#addStreamMetrics()
  }

  #addStreamMetrics(): void {
    const add = (
      Kind: typeof Gauge | typeof Counter,
      name: string,
      help: string,
      read: (stats: StreamStats) => number,
    ) =>
      this.#add(
        Kind,
        `headwater_written_streams_${name}`,
        help,
        () => this.#streams && read(this.#streams.stats),
        name === 'open' ? 'max' : 'sum',
      )
    add(Gauge, 'open', 'Streams with a writer and an end that are open now, in the whole history.', ({ open }) => open)
    add(
      Gauge,
      'writers',
      'Writers of such streams in this process, those of requests whose body is a stream included.',
      ({ writers }) => writers,
    )
    add(Gauge, 'readers', 'Readers of such streams now.', ({ readers }) => readers)
    add(Counter, 'opened_total', 'Such streams that this hub has opened.', ({ opened }) => opened)
    this.#addTally(
      'headwater_written_streams_ended_total',
      'Such streams that this hub has ended, by how: closed, failed, stopped, or lost with a silent producer.',
      () => this.#streams?.stats.ended,
      'how',
    )
  }

  /**
   * Adds a number that the hub keeps itself, read on request. The numbers of several threads are
   * added up unless `aggregator` says otherwise.
   */
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

  #addTally(
    name: string,
    help: string,
    read: () => Readonly<Partial<Record<string, number>>> | undefined,
    label = 'reason',
  ): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [value, count] of Object.entries(read() ?? {})) this.inc({ [label]: value }, count)
      },
    })
  }
}

/** The metrics of all threads as one text. */
async function textOf([first = [], ...others]: readonly MetricsSnapshot[]): Promise<string> {
  // There is only one process.
  const own = first.map((metric) => ({ ...metric, aggregator: aggregatorOf(metric) }))
  const all = [own, ...others.map((metrics) => [...metrics])]
  return await AggregatorRegistry.aggregate(all).metrics()
}

/**
 * The library would omit the start time of the process, and report the average lag of the event
 * loops, not the highest.
 */
function aggregatorOf({ name, aggregator }: MetricsSnapshot[number]) {
  if (aggregator === 'omit') return 'first'
  return /_lag_p\d+_/.test(name) ? 'max' : aggregator
}

/** In seconds, from the times of memory to those of a struggling disk. */
const storeBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
