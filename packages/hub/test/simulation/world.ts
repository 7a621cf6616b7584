import type { FetchHandler } from '../../src/http/server/fetch-handler.ts'
import { createHubCore, type HubCore } from '../../src/hub/hub-core.ts'
import { everyTopic, exactTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { EventStore } from '../../src/store/store.ts'
import { createFetchHandler } from '../http/handlers.ts'
import { Ledger } from './checker.ts'
import { Engine, type EngineManners, type EngineStore } from './engine.ts'
import { type Exchange, Network, type NetworkManners, type Server } from './network.ts'
import { type PublisherManners, Publishers } from './publishers.ts'
import { Process, type Scheduler } from './scheduler.ts'
import { type Servers, type Style, Subscriber } from './subscribers.ts'
import { someSelectors, topics } from './topics.ts'
import { TrueHistory } from './true-history.ts'

/** Breaks something that the simulation has to find: puts another store in the place of a hub's. */
export type Sabotage = (store: EventStore, scheduler: Scheduler) => EventStore

/** A hub's process. */
interface Node extends Server {
  readonly history: TrueHistory
  readonly store: EventStore
  readonly engineStore: EngineStore | undefined
  hub: HubCore | undefined
  /** Whether it closes in good order. */
  isClosing: boolean
}

type Step = (world: World) => void

/**
 * Hubs, publishers and subscribers over one network. What there is of each, how they behave and what happens to them, follows
 * from the scheduler's seed: each seed is a world with habits of its own, so that rare things are frequent somewhere.
 */
export class World {
  readonly ledger: Ledger
  readonly network: Network
  readonly #scheduler: Scheduler
  readonly #sabotage: Sabotage | undefined
  readonly #process = new Process('world')
  readonly #engine: Engine | undefined
  readonly #publishers: Publishers
  readonly #subscribers: Subscriber[] = []
  readonly #nodes = new Set<Node>()
  readonly #maxNodes: number
  readonly #hubOptions: { readonly turnMs: number; readonly feedBytes: number; readonly positionMs: number }
  readonly #sessionOptions: { retryMs: number; maxUnsentBytes: number; drainSpreadMs: number; maxDurationMs: number }
  readonly #memoryLimits: { readonly maxEvents: number; readonly maxAgeMs: number }
  readonly #limits = { maxSubscribers: 1000 }
  readonly #steps: Step[]
  readonly #pauseMs: number
  #nodeCount = 0
  #isOver = false

  constructor(scheduler: Scheduler, sabotage: Sabotage | undefined) {
    this.#scheduler = scheduler
    this.#sabotage = sabotage
    this.ledger = new Ledger(scheduler)
    const kind = scheduler.pick(['memory', 'memory', 'disk', 'disk', 'cluster', 'cluster'] as const)
    const isCalm = scheduler.chance(0.1)
    this.#engine = kind === 'memory' ? undefined : new Engine(scheduler, engineManners(scheduler, isCalm))
    this.#maxNodes = kind === 'cluster' ? scheduler.between(2, 3) : 1
    this.network = new Network(scheduler, networkManners(scheduler, isCalm), () => this.#route())
    const historyOf = ({ server }: Exchange) => (server as Node).history
    const isCurrent = (history: TrueHistory) =>
      this.#engine ? this.#engine.history === history : [...this.#nodes].some((node) => node.history === history)
    this.#publishers = new Publishers(
      scheduler,
      this.ledger,
      this.network,
      { url, historyOf, isCurrent },
      publisherManners(scheduler),
    )
    this.#hubOptions = {
      turnMs: scheduler.pick([0, 0.02, 2]),
      feedBytes: scheduler.pick([0, 300, 1000, 5000, 1_000_000]),
      positionMs: scheduler.pick([50, 2000, 60_000]),
    }
    this.#sessionOptions = {
      retryMs: scheduler.pick([0, 20, 2000]),
      maxUnsentBytes: scheduler.pick([1024, 1024, 100_000]),
      drainSpreadMs: scheduler.pick([0, 500]),
      maxDurationMs: scheduler.chance(0.15) ? scheduler.pick([50, 1000, 10_000]) : Infinity,
    }
    this.#memoryLimits = {
      maxEvents: scheduler.pick([0, 1, 3, 10, 1000, 1000]),
      maxAgeMs: scheduler.pick([1000, 60_000, Infinity, Infinity]),
    }
    const servers: Servers = {
      url,
      historyOf,
      toldTo: (server) => {
        const { engineStore, history } = server as Node
        return engineStore?.told.position ?? history.head
      },
      isLocal: kind === 'memory',
      hub: () => {
        const up = [...this.#nodes].filter(({ hub, isClosing }) => hub && !isClosing)
        return up.length > 0 ? (scheduler.pick(up) as Node & { hub: HubCore }) : undefined
      },
    }
    for (let count = scheduler.between(1, 5); count > 0; count--) this.#subscribers.push(this.#makeSubscriber(servers))
    this.#steps = chooseSteps(scheduler, isCalm)
    this.#pauseMs = scheduler.pick([0.5, 5, 100])
    scheduler.note(`a world of ${kind}, ${JSON.stringify(this.#hubOptions)}, ${JSON.stringify(this.#sessionOptions)}`)
    scheduler.note(JSON.stringify(this.#engine?.manners ?? this.#memoryLimits), JSON.stringify(this.network.manners))
    for (const { options } of this.#subscribers) {
      const { name, style, selectors, start } = options
      scheduler.note(`${name}: ${style} of ${selectors.map(({ value }) => value).join(', ')} from ${start || 'now'} on`)
    }
  }

  /** Lives: so many steps, each at a random moment. */
  async live(steps: number): Promise<void> {
    this.#startNode()
    for (let step = 0; step < steps; step++) {
      await this.#scheduler.wait(this.#scheduler.random() * this.#pauseMs, this.#process)
      this.#scheduler.pick(this.#steps)(this)
    }
  }

  /** From now on nothing breaks. Publishes what everybody is to get. */
  heal(): void {
    this.#scheduler.note('all is well from now on')
    this.network.manners = { ...this.network.manners, lostRequests: 0, lostAnswers: 0, breaks: 0, slowness: 0 }
    // Long enough to get anywhere.
    this.#sessionOptions.maxDurationMs = Infinity
    if (this.#engine) this.#engine.manners = { ...this.#engine.manners, appendFailures: 0, otherFailures: 0 }
  }

  /** Brings back whoever is not there. */
  revive(): void {
    if (this.#nodes.size === 0) this.#startNode()
    for (const subscriber of this.#subscribers) subscriber.open()
  }

  /** Whether publishers have all their answers. */
  get isPublished(): boolean {
    return this.#publishers.busyCount === 0
  }

  publishLast(): void {
    this.#publishers.publishLast()
  }

  /** What subscribers lack; nothing when all have everything. */
  lacking(): string[] {
    const [node] = this.#nodes
    if (!node) return ['a hub']
    return this.#subscribers.flatMap(({ options, chain, isClosed }) => {
      if (isClosed) return `${options.name} is not there`
      const lack = chain.lacks(node.history)
      return lack === undefined ? [] : `${options.name} lacks ${lack}`
    })
  }

  checkHistories(): void {
    for (const { history } of this.#nodes) this.ledger.checkHistory(history)
  }

  leave(): void {
    for (const subscriber of this.#subscribers) subscriber.close()
  }

  /** What hubs still hold of subscribers. */
  get remains(): string[] {
    return [...this.#nodes].flatMap(({ hub, process }) => {
      if (!hub) return `${process.name} is not up`
      const { subscribers, feeds } = hub.stats
      return subscribers + feeds === 0 ? [] : `${process.name} has ${subscribers} subscribers and ${feeds} feeds`
    })
  }

  /** Lets nobody in who is one too many: whoever is still counted is. */
  limitTo(subscribers: number): void {
    this.#limits.maxSubscribers = subscribers
  }

  /** Opens one more stream and closes it. Resolves to `ok`, or why not. */
  async tryOnce(): Promise<string> {
    const controller = new AbortController()
    const client = new Process('visitor')
    const response = await this.network.fetch(client, `${url}?match=x`, { signal: controller.signal })
    const answer = response.ok ? 'ok' : await response.text()
    controller.abort()
    return answer
  }

  closeNodes(): void {
    this.#isOver = true
    for (const node of this.#nodes) this.#closeNode(node)
  }

  get nodeCount(): number {
    return this.#nodes.size
  }

  /** What anyone who is gone still means to do. */
  leftovers(): string[] {
    const names = this.#scheduler.pending().map(({ owner }) => owner.name)
    return names.filter((name) => name !== 'world')
  }

  // What can happen.

  publish(): void {
    this.#publishers.publish()
  }

  openOne(): void {
    this.#scheduler.pick(this.#subscribers).open()
  }

  openAll(): void {
    for (const subscriber of this.#subscribers) subscriber.open()
  }

  closeOne(): void {
    this.#scheduler.pick(this.#subscribers).close()
  }

  crashOne(): void {
    this.#scheduler.pick(this.#subscribers).crash()
  }

  reconnectOne(): void {
    this.#scheduler.pick(this.#subscribers).reconnect()
  }

  trim(): void {
    this.#engine?.trim(this.#scheduler.pick([1, 2, 5, 100]))
  }

  failTail(): void {
    const [node] = this.#nodes
    const store = node?.engineStore
    if (store) this.#scheduler.after(0, node.process, () => store.failTail())
  }

  startNode(): void {
    if (this.#nodes.size < this.#maxNodes) this.#startNode()
  }

  crashNode(): void {
    if (this.#nodes.size === 0) return
    const node = this.#scheduler.pick([...this.#nodes])
    this.#scheduler.note(`${node.process.name} crashes`)
    this.#bury(node)
    // Often it is started again at once.
    if (this.#scheduler.chance(0.7)) this.#startNode()
  }

  stopNode(): void {
    if (this.#nodes.size === 0) return
    this.#closeNode(this.#scheduler.pick([...this.#nodes]))
  }

  backUp(): void {
    this.#engine?.keep()
  }

  /** All hubs die, and what comes after is what the backup holds. */
  restore(): void {
    if (!this.#engine) return
    for (const node of this.#nodes) this.#bury(node)
    this.#engine.restore()
    this.#startNode()
  }

  // How it is done.

  #route(): Server | undefined {
    const up = [...this.#nodes].filter(({ hub }) => hub)
    return up.length > 0 ? this.#scheduler.pick(up) : undefined
  }

  #startNode(): void {
    const scheduler = this.#scheduler
    const process = new Process(`hub ${++this.#nodeCount}`)
    const engineStore = this.#engine?.open(process)
    const store = engineStore ?? createMemoryStore({ ...this.#memoryLimits, maxBytes: Infinity })
    let handle: FetchHandler | undefined
    const node: Node = {
      process,
      history: this.#engine?.history ?? watch(store, scheduler),
      store,
      engineStore,
      hub: undefined,
      isClosing: false,
      handle: (request, client) => handle!(request, client),
    }
    this.#nodes.add(node)
    scheduler.note(`${process.name} starts`)
    scheduler.after(0, process, async () => {
      try {
        const hub = await createHubCore({
          store: this.#sabotage?.(store, scheduler) ?? store,
          ...this.#hubOptions,
          onError: (error) => scheduler.note(`the hub says: ${(error as Error).message}`),
        })
        handle = createFetchHandler(hub, {
          authorize: (request) => {
            const rights = request.header('x-rights')?.split(' ') ?? []
            return { publish: [everyTopic], subscribe: rights.map(exactTopic) }
          },
          session: this.#sessionOptions,
          limits: this.#limits,
          onError: (error) => scheduler.note(`the handler says: ${(error as Error).message}`),
        })
        node.hub = hub
      } catch (error) {
        scheduler.note(`${process.name} does not start: ${(error as Error).message}`)
        this.#bury(node)
        scheduler.after(100, this.#process, () => this.startNode())
      }
    })
  }

  /** In good order: as on SIGTERM. */
  #closeNode(node: Node): void {
    const { hub, process, store } = node
    if (!hub || node.isClosing) return
    node.isClosing = true
    this.#scheduler.note(`${process.name} closes`)
    this.#scheduler.after(0, process, async () => {
      await hub.close()
      await store.close()
      this.#scheduler.note(`${process.name} is closed`)
      // What an ended process cannot have left.
      await this.#scheduler.wait(100, this.#process)
      const left = this.#scheduler.pending().find(({ owner, isNetworks }) => owner === process && !isNetworks)
      if (left && this.#isOver) this.ledger.fail(`${process.name} is closed and has something to do: ${left.run}`)
      this.#bury(node)
    })
  }

  #bury(node: Node): void {
    const { process } = node
    process.isAlive = false
    this.#nodes.delete(node)
    this.#engine?.onDeath(process)
    this.network.onServerDeath(process)
    for (const subscriber of this.#subscribers) subscriber.onDeath(process)
  }

  #makeSubscriber(servers: Servers): Subscriber {
    const scheduler = this.#scheduler
    const styles: readonly Style[] = ['EventSource', 'EventSource', 'EventSource', 'events', 'events', 'embedded']
    return new Subscriber(scheduler, this.ledger, this.network, servers, {
      name: `page ${this.#subscribers.length + 1}`,
      style: scheduler.pick(styles),
      selectors: someSelectors(scheduler),
      rights: scheduler.chance(0.4) ? [scheduler.pick(topics), scheduler.pick(topics)] : [],
      start: scheduler.pick(['', '', 'earliest', '-1', '-3', 'no-such-id', '0123456789.1.1']),
      startsByQuery: scheduler.chance(0.5),
      isPatient: scheduler.chance(0.7),
      idleTimeoutMs: scheduler.chance(0.5) ? 30_000 : undefined,
      lookMs: scheduler.pick([0, 0, 5, 300]),
    })
  }
}

const url = 'http://hub.test/.well-known/mercure'

/** Writes down what a store keeps, from its own mouth but before anybody else hears of it. */
function watch(store: EventStore, scheduler: Scheduler): TrueHistory {
  const history = new TrueHistory(store.epoch)
  store.follow({
    onStart: () => {},
    onAppend: (events) => {
      for (const event of events) {
        history.add(event)
        scheduler.note(`stored ${event.position}: ${event.data.slice(0, 20)} of ${event.topics.join(' ')}`)
      }
    },
    onTrim: ({ position }) => {
      history.trimmed = position
      scheduler.note(`trimmed through ${position}`)
    },
    onFailure: () => {},
  })
  return history
}

/** What may happen in this world, some of it more often than other things. */
function chooseSteps(scheduler: Scheduler, isCalm: boolean): Step[] {
  const publish: Step = (world) => world.publish()
  const burst: Step = (world) => {
    for (let count = scheduler.between(2, 6); count > 0; count--) world.publish()
  }
  const steps: Step[] = [publish, publish, publish, burst, (world) => world.openOne(), (world) => world.openAll()]
  const troubles: Step[] = [
    (world) => world.closeOne(),
    (world) => world.crashOne(),
    (world) => world.reconnectOne(),
    (world) => world.network.breakOne(),
    (world) => world.network.stallOne(scheduler.random() * scheduler.pick([50, 5000, 60_000])),
    (world) => world.trim(),
    (world) => world.failTail(),
    (world) => world.startNode(),
    (world) => world.crashNode(),
    (world) => world.stopNode(),
    (world) => world.backUp(),
    (world) => world.restore(),
  ]
  for (const trouble of troubles) {
    if (scheduler.chance(isCalm ? 0.1 : 0.5)) for (let n = scheduler.between(1, 2); n > 0; n--) steps.push(trouble)
  }
  return steps
}

function engineManners(scheduler: Scheduler, isCalm: boolean): EngineManners {
  return {
    callMs: scheduler.pick([0.1, 2, 30]),
    lagMs: scheduler.pick([0.1, 2, 100]),
    holes: scheduler.pick([0, 0.3]),
    appendFailures: isCalm ? 0 : scheduler.pick([0, 0, 0.1, 0.3]),
    otherFailures: isCalm ? 0 : scheduler.pick([0, 0, 0.02, 0.1]),
    appendsAll: scheduler.chance(0.6),
    readsBack: scheduler.chance(0.6),
    maxPage: scheduler.pick([1, 2, 1000]),
    forgetting: scheduler.pick([0, 0, 0, 0.5]),
  }
}

function networkManners(scheduler: Scheduler, isCalm: boolean): NetworkManners {
  const trouble = isCalm ? 0 : scheduler.pick([0, 0.05, 0.15])
  return {
    latencyMs: scheduler.pick([0.05, 1, 20]),
    slowness: scheduler.pick([0, 0.05]),
    lostRequests: trouble,
    lostAnswers: trouble,
    breaks: trouble,
    windowBytes: scheduler.pick([1, 500, 65_536]),
    cuts: scheduler.pick([0, 0.2, 0.7]),
  }
}

function publisherManners(scheduler: Scheduler): PublisherManners {
  return {
    forms: scheduler.pick([['form'], ['form', 'json', 'array'], ['form', 'json', 'array', 'lines']]),
    padding: scheduler.pick([10, 10, 300, 3000]),
    privates: scheduler.pick([0, 0.3]),
    ownIds: scheduler.pick([0, 0, 0.3, 1]),
    faulty: scheduler.pick([0, 0.05]),
    keyless: scheduler.pick([0, 0.3]),
  }
}
