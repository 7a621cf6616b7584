import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'vitest'
import { DeliveryChecker } from '../crash/delivery-checker.ts'
import { until } from '../crash/hub-process.ts'
import { eventForAll, right, systemEvent, wish } from '../crash/system-events.ts'
import { seeded } from '../store/remote-store.ts'
import { Cluster } from './cluster.ts'
import { type Fault, faults } from './cluster-faults.ts'
import { Deliveries } from './deliveries.ts'
import {
  type ClusterPublisherOptions,
  type HttpPublisherOptions,
  publishByHttp,
  publishUntilAcknowledged,
} from './http-publisher.ts'
import { Outages } from './outages.ts'
import { RoamingSubscriber, subscriberKinds } from './roaming-subscriber.ts'
import { publishInSql } from './sql-publisher.ts'

/** `npm run test:cluster` asks for more; without it, one of each of the main kinds. */
const faultCount = Number(process.env.HEADWATER_CLUSTER_FAULTS ?? 0)
const seed = Number(process.env.HEADWATER_CLUSTER_SEED ?? Math.floor(Math.random() * 2 ** 31))
const only = process.env.HEADWATER_CLUSTER_ONLY
const isLong = faultCount > 0
/** How long a hub is stopped, and about how long a way is cut, in milliseconds. */
const lastingMs = isLong ? 20_000 : 3000
const mainKinds = [
  'the elected hub is killed',
  'the elected hub and the primary are killed at once',
  'the primary is killed, the standby promoted',
  'the primary hangs, the standby promoted',
  'all hubs restart, one after the other',
  'nothing from the engine reaches a hub',
  'a hub is stopped (SIGSTOP)',
  'the disk of a hub is full',
  'both edges are killed at once',
]
const publisherCount = 16
const subscriberCount = 60

test('three hubs over PostgreSQL with a synchronous standby, and two edges in a row: whatever fails, each event reaches each subscriber once and in one order, at whichever hub', {
  // What does not move at all for some minutes fails by itself.
  timeout: 24 * 3_600_000,
}, async () => {
  const startedAt = performance.now()
  const random = seeded(seed)
  const cluster = await Cluster.start(random)
  const run = new ClusterRun(cluster)
  try {
    for (const lack of cluster.lacking) console.log(`not tried on this machine: ${lack}`)
    await run.start()
    const chosen = choose(cluster, random)
    for (const [index, fault] of chosen.entries()) {
      await run.suffer(index + 1, fault, random)
      if (isLong) console.log(run.progress())
    }
    const wrong = await run.finish()
    if (wrong.length > 0) {
      throw new Error(`${wrong.length} findings:\n${wrong.slice(0, 30).join('\n')}`)
    }
    console.log(`${run.summary((performance.now() - startedAt) / 1000)}\n\n${run.outages.table()}`)
  } catch (error) {
    console.log(
      `to see it again, as far as chance allows: HEADWATER_CLUSTER_SEED=${seed} HEADWATER_CLUSTER_FAULTS=${faultCount}`,
    )
    for (const { name, hub } of cluster.hubs) console.log(`${name} said last:\n${hub.log.slice(-6000)}`)
    throw error
  } finally {
    run.stop()
    await cluster.close()
  }
})

/** The main kinds once, or all kinds as often as each other; in an order of chance. */
function choose(cluster: Cluster, random: () => number): Fault[] {
  const possible = faults.filter(({ kind, fits }) => (fits?.(cluster) ?? true) && (!only || kind.includes(only)))
  if (!isLong) return shuffle(only ? possible : possible.filter(({ kind }) => mainKinds.includes(kind)), random)
  const chosen: Fault[] = []
  while (chosen.length < faultCount) chosen.push(...shuffle(possible, random))
  return chosen.slice(0, faultCount)
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item)
}

/** The publishers and subscribers of a cluster, and everything that is known of them. */
class ClusterRun {
  readonly outages = new Outages()
  readonly #cluster: Cluster
  readonly #checker = new DeliveryChecker()
  readonly #deliveries = new Deliveries(this.outages)
  readonly #stopping = new AbortController()
  readonly #hurry = new AbortController()
  readonly #subscribers: RoamingSubscriber[]
  /** One at each hub, which gets everything. */
  readonly #watchers: RoamingSubscriber[]
  /** When the last attempt that was answered had begun, of each publisher. */
  readonly #doneSince: number[] = Array.from({ length: publisherCount }, () => 0)
  #publishing: Promise<unknown> = Promise.resolve()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    const balanced = { name: cluster.balancer.name, url: cluster.url }
    const subscriber = (name: string, index: number, options: object) =>
      new RoamingSubscriber({
        name,
        kind: 'stays',
        doors: [balanced],
        wish: wish(index),
        // Each kind of wish meets each right.
        right: right(index + Math.floor(index / 6)),
        fromTheBeginning: index % 8 !== 7,
        checker: this.#checker,
        outages: this.outages,
        deliveries: this.#deliveries,
        measuresConnect: false,
        receives: undefined,
        random: seeded(seed + 1000 + index),
        hurry: this.#hurry.signal,
        ...options,
      })
    this.#subscribers = Array.from({ length: subscriberCount }, (_, index) => {
      const kind = subscriberKinds[index % subscriberKinds.length]!
      const stays = kind === 'stays' || kind === 'slow'
      return subscriber(String(index), index, {
        kind,
        doors: stays ? [balanced] : [...cluster.doors, balanced],
        measuresConnect: stays,
        receives: kind === 'stays' ? 'receive' : undefined,
      })
    })
    // The sixth wish is for everything, the third right is to everything.
    const all = { wish: wish(5), right: right(2), fromTheBeginning: true }
    this.#watchers = cluster.doors.map((door, index) =>
      subscriber(`at ${door.name}`, subscriberCount + index, {
        doors: [door],
        receives: index < cluster.nodes.length ? undefined : 'receive at an edge',
        ...all,
      }),
    )
  }

  async start(): Promise<void> {
    await this.#cluster.ready()
    const clients = [...this.#subscribers, ...this.#watchers]
    for (const client of clients) client.start()
    await until(() => clients.every(({ connectionCount }) => connectionCount > 0), 'every subscriber was connected')
    // They learn how soon to come back.
    await this.#publishForAll(0)
    await until(() => this.#checker.deliveredCount >= clients.length, 'every subscriber had the first event')
    const publishers = Array.from({ length: publisherCount }, (_, publisher) => this.#publish(publisher))
    this.#publishing = Promise.all(publishers)
    this.#publishing.catch(() => {})
    await this.#allWork()
  }

  async suffer(number: number, fault: Fault, random: () => number): Promise<void> {
    this.#checker.kills = number
    this.outages.onFault()
    await fault.run({ cluster: this.#cluster, random, lastingMs, untilAllWork: () => this.#allWork() })
    await this.#allWork()
    this.outages.onRecovery(fault.kind)
    for (const { hub } of this.#cluster.hubs) hub.assertAlive()
    await pause(random() * 500)
  }

  /** Returns everything that is wrong when every subscriber has had the time to get everything. */
  async finish(): Promise<string[]> {
    this.#stopping.abort()
    await this.#publishing
    await this.#publishForAll(1)
    this.#hurry.abort()
    const clients = [...this.#subscribers, ...this.#watchers]
    await until(() => clients.every(({ hasLast }) => hasLast), 'every subscriber had caught up', {
      moved: () => this.#checker.deliveredCount,
    }).catch((error: unknown) => this.#checker.fail(String(error)))
    for (const client of clients) client.close()
    return this.#checker.check({ history: await this.#cluster.history() })
  }

  stop(): void {
    this.#stopping.abort()
    this.#hurry.abort()
    for (const client of [...this.#subscribers, ...this.#watchers]) client.close()
  }

  progress(): string {
    const { records } = this.outages
    const { kind, elapsedMs, worstMs } = records.at(-1)!
    const waits = Object.values(worstMs).map((ms) => (ms / 1000).toFixed(1))
    return `${records.length}. ${kind}: ${(elapsedMs / 1000).toFixed(1)} s (${waits.join(', ')}); ${this.#checker.acknowledgedCount} events stored`
  }

  summary(seconds: number): string {
    const checker = this.#checker
    const connections = this.#subscribers.reduce((total, { connectionCount }) => total + connectionCount, 0)
    return (
      `${this.outages.records.length} faults in ${seconds.toFixed(0)} s, seed ${seed}, behind ${this.#cluster.balancer.name}: ` +
      `${publisherCount} publishers had ${checker.acknowledgedCount} events stored, 0 lost (${checker.unacknowledgedCount} more were ` +
      `stored, their answer lost; ${checker.rolledBackCount} were rolled back); ${checker.subscribers.length} subscribers got ` +
      `${checker.deliveredCount} events over ${connections} connections, each once and in order, and ${checker.gapCount} gaps`
    )
  }

  #publish(publisher: number): Promise<void> {
    const options: ClusterPublisherOptions = {
      publisher,
      checker: this.#checker,
      outages: this.outages,
      deliveries: this.#deliveries,
      random: seeded(seed + 2000 + publisher),
      eventOf: (number) => systemEvent(publisher, number, true),
      maxPauseMs: 800,
      stopping: this.#stopping.signal,
      onDone: (begunAt) => {
        this.#doneSince[publisher] = begunAt
      },
    }
    if (publisher < publisherCount / 2) return publishByHttp({ ...options, ...this.#places(publisher) })
    // The last of them keep their transactions open.
    const openMs = publisher < publisherCount - 2 ? 0 : isLong ? 5000 : 1500
    return publishInSql({ ...options, port: () => this.#cluster.engine.primary.port, openMs })
  }

  /** Of those over HTTP, the last two publish anywhere, two more at one edge each, and the others at the hubs. */
  #places(publisher: number): Pick<HttpPublisherOptions, 'urls' | 'want'> {
    const { url, edges } = this.#cluster
    const edgeUrls = edges.map(({ hub }) => hub.url)
    const ofEdge = publisherCount / 2 - 4
    if (publisher < ofEdge) return { urls: [url], want: 'publish over HTTP' }
    if (publisher < ofEdge + 2) return { urls: [edgeUrls[publisher - ofEdge]!], want: 'publish at an edge' }
    return { urls: [url, ...edgeUrls], want: undefined }
  }

  async #publishForAll(number: 0 | 1): Promise<void> {
    await publishUntilAcknowledged(
      {
        urls: [this.#cluster.url],
        want: undefined,
        publisher: publisherCount,
        checker: this.#checker,
        outages: this.outages,
        deliveries: this.#deliveries,
        random: seeded(seed),
        maxPauseMs: 0,
        stopping: this.#stopping.signal,
        onDone: () => {},
      },
      [eventForAll(publisherCount, number)],
    )
  }

  /** Resolves when every publisher has published something that it began after now, and every hub has delivered such. */
  async #allWork(): Promise<void> {
    const now = performance.now()
    const workingCount = () =>
      this.#doneSince.filter((at) => at > now).length +
      this.#watchers.filter(({ newestBegunAt }) => newestBegunAt > now).length +
      this.#subscribers.filter(({ isConnected }) => isConnected).length
    const all = publisherCount + this.#watchers.length + subscriberCount
    const waiting = until(() => workingCount() === all || this.#checker.hasFailed, 'everybody worked again', {
      moved: workingCount,
      stuckMs: 120_000,
    })
    await Promise.race([this.#publishing.then(() => new Promise<never>(() => {})), waiting])
    if (this.#checker.hasFailed) throw new Error(`findings:\n${this.#checker.check().slice(0, 10).join('\n')}`)
  }
}
