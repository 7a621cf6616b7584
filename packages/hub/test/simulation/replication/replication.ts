import { HubError } from '../../../src/base/errors.ts'
import { ReplicatedStore } from '../../../src/store/replicated/replicated-store.ts'
import { type HistoryPosition, markOf, type StoredEvent } from '../../../src/store/store.ts'
import { Process, Scheduler } from '../scheduler.ts'
import { simulateGlobals } from '../simulated-globals.ts'
import { SimulatedDisk, SimulatedReplica } from './simulated-replica.ts'
import { SimulatedEngine, type SimulatedSource } from './simulated-source.ts'

/** What came of a seed. */
export interface ReplicationOutcome {
  /** What was wrong; `undefined` if nothing. */
  readonly failure: string | undefined
  readonly trace: readonly string[]
  readonly eventCount: number
}

/** How long it may take until every node has everything, once nothing fails any more, in simulated milliseconds. */
const patienceMs = 120_000

/** Lives through what a seed makes happen to several nodes over one engine. While it runs, time and chance are its own. */
export async function simulateReplication(seed: number, traces = false): Promise<ReplicationOutcome> {
  const trace: string[] | undefined = traces ? [] : undefined
  const scheduler = new Scheduler(seed, trace)
  const restore = simulateGlobals(scheduler)
  const world = new ReplicationWorld(scheduler)
  let failure: string | undefined
  try {
    failure = await world.run()
  } catch (error) {
    failure = error instanceof Error ? `${error.message}\n${error.stack}` : String(error)
  } finally {
    restore()
  }
  return { failure, trace: trace ?? [], eventCount: world.eventCount }
}

/** The store of one hub, from its start to its end. */
interface Node {
  readonly process: Process
  readonly disk: SimulatedDisk
  readonly replica: SimulatedReplica
  readonly source: SimulatedSource
  store: ReplicatedStore | undefined
  reader: Reader | undefined
}

/** Nodes, publishers that insist, and a reader at each node that has to get everything once and in order. */
class ReplicationWorld {
  eventCount = 0
  readonly #scheduler: Scheduler
  readonly #process = new Process('world')
  readonly #engine: SimulatedEngine
  readonly #disks: SimulatedDisk[]
  readonly #nodes: (Node | undefined)[]
  readonly #callMs: number
  #failures: number
  readonly #isLossy: boolean
  #isHealed = false
  /** What was acknowledged, and how many losses there had been. */
  readonly #acknowledged: { readonly data: string; readonly mark: HistoryPosition; readonly losses: number }[] = []
  #publishing = 0
  #failure: string | undefined
  #started = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    const failures = scheduler.pick([0, 0.02, 0.2])
    this.#engine = new SimulatedEngine(scheduler, {
      callMs: scheduler.pick([0.1, 2, 50]),
      holes: scheduler.pick([0, 0, 0.3]),
      failures,
      lostWakeUps: scheduler.pick([0, 0.3, 1]),
      doubledWakeUps: scheduler.pick([0, 0.5]),
      maxPage: scheduler.pick([1, 3, 1000]),
    })
    this.#callMs = scheduler.pick([0.1, 2, 20])
    this.#failures = scheduler.pick([0, 0, 0.1])
    this.#isLossy = scheduler.chance(0.5)
    this.#disks = Array.from({ length: scheduler.between(1, 3) }, () => new SimulatedDisk())
    this.#nodes = this.#disks.map(() => undefined)
  }

  /** Resolves to what is wrong. */
  async run(): Promise<string | undefined> {
    const scheduler = this.#scheduler
    for (const index of this.#disks.keys()) this.#start(index)
    const steps = scheduler.pick([5, 20, 40])
    const pauseMs = scheduler.pick([0.5, 5, 100, 1000])
    let isOver = false
    const live = async () => {
      for (let step = 0; step < steps; step++) {
        await scheduler.wait(scheduler.random() * pauseMs, this.#process)
        this.#step()
      }
      isOver = true
    }
    live().catch((error: unknown) => this.#fail(String(error)))
    await this.#until('the steps are done', () => isOver)
    this.#heal()
    await this.#until('everything is published', () => this.#publishing === 0)
    await this.#until('every reader has everything', () => this.#nodes.every((node) => this.#hasAll(node)))
    this.#checkHistory()
    for (const node of this.#nodes) node?.process && this.#kill(node)
    return this.#failure
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    let looks = 0
    const isOver = () => this.#failure !== undefined || (looks++ % 4 === 0 && isSo())
    const end = await this.#scheduler.run(isOver, patienceMs)
    if (this.#failure === undefined && end !== 'over' && !isSo()) this.#fail(`It never comes that ${what} (${end}).`)
  }

  #step(): void {
    const scheduler = this.#scheduler
    const index = Math.floor(scheduler.random() * this.#nodes.length)
    const node = this.#nodes[index]
    const kind = scheduler.random()
    if (kind < 0.55) this.#publish(scheduler.between(1, 3))
    else if (kind < 0.65) for (let count = scheduler.between(2, 8); count > 0; count--) this.#publish(1)
    else if (kind < 0.72) this.#engine.failOver(0)
    else if (kind < 0.79) {
      if (this.#isLossy) this.#engine.failOver(scheduler.between(1, 4))
    } else if (kind < 0.84) this.#engine.trim(scheduler.between(1, 5))
    else if (kind < 0.92 && node) {
      this.#kill(node)
      if (scheduler.chance(0.3)) node.disk.lose(scheduler.between(1, 5))
      this.#start(index)
    } else if (node?.store) this.#ask(node.store)
  }

  #heal(): void {
    this.#scheduler.note('all is well from now on')
    this.#isHealed = true
    this.#failures = 0
    this.#engine.manners = { ...this.#engine.manners, failures: 0 }
    for (const node of this.#nodes) if (node) node.replica.failures = 0
    // What the last failover took may only be noticed by reading on.
    this.#publish(1)
  }

  #start(index: number): void {
    const scheduler = this.#scheduler
    const disk = this.#disks[index]!
    const process = new Process(`hub ${++this.#started}`)
    const { epoch } = this.#engine
    const replica = new SimulatedReplica(disk, {
      epoch,
      scheduler,
      process,
      callMs: this.#callMs,
      failures: this.#failures,
    })
    const source = this.#engine.open(process)
    const node: Node = { process, disk, replica, source, store: undefined, reader: undefined }
    source.toldPosition = () => disk.head.position
    this.#nodes[index] = node
    scheduler.after(0, process, async () => {
      try {
        const store = await ReplicatedStore.open({
          replica,
          source,
          waitMs: 10_000,
          onError: (error) => {
            scheduler.note(`${process.name} reports ${error.code}`)
            if (error.code === 'STORE_DIVERGED' && this.#engine.losses === 0)
              this.#fail('diverged, and nothing was lost')
          },
        })
        node.store = store
        node.reader = new Reader(store, scheduler, (what) => this.#fail(`the reader of ${process.name} ${what}`))
        node.reader.start()
      } catch (error) {
        if (!(error instanceof HubError)) return this.#fail(`a node does not start: ${error}`)
        this.#kill(node)
        scheduler.after(100, this.#process, () => {
          if (this.#nodes[index] === node) this.#start(index)
        })
      }
    })
  }

  #kill(node: Node): void {
    node.process.isAlive = false
    this.#engine.forget(node.source)
  }

  /** Publishes some events as one, at whichever node is up, until they are acknowledged. */
  #publish(count: number): void {
    const names = Array.from({ length: count }, () => `event ${++this.eventCount}`)
    this.#publishing++
    this.#attempt(names)
  }

  #attempt(names: readonly string[]): void {
    const scheduler = this.#scheduler
    const again = () => scheduler.after(20, this.#process, () => this.#attempt(names))
    const up = this.#nodes.filter((node) => node?.store && node.process.isAlive) as Node[]
    if (up.length === 0) return void again()
    const { process, store } = scheduler.pick(up)
    let isAnswered = false
    scheduler.after(0, process, async () => {
      try {
        const losses = this.#engine.losses
        const marks = await store!.appendAll(names.map((data) => ({ event: record(data), idempotencyKey: data })))
        isAnswered = true
        for (const [index, data] of names.entries()) this.#acknowledged.push({ data, mark: marks[index]!, losses })
        this.#publishing--
      } catch (error) {
        isAnswered = true
        if (error instanceof HubError) again()
        else this.#fail(`an append rejected with ${error}`)
      }
    })
    // A node that was killed does not answer.
    const look = () => {
      if (isAnswered) return
      if (process.isAlive) scheduler.after(50, this.#process, look)
      else again()
    }
    scheduler.after(50, this.#process, look)
  }

  /** A subscriber comes to a node with the ID of an event that another node acknowledged. */
  #ask(store: ReplicatedStore): void {
    if (this.#acknowledged.length === 0) return
    const { mark, losses } = this.#scheduler.pick(this.#acknowledged)
    this.#scheduler.after(0, this.#process, async () => {
      try {
        const state = await store.inspect(mark.position)
        if (losses !== this.#engine.losses) return
        // A node that has not noticed a loss yet has another event there: its tag says so.
        const isRight = state.name === 'trimmed' || (state.name === 'kept' && (state.tag === mark.tag || losses > 0))
        if (!isRight) this.#fail(`position ${mark.position}, which was acknowledged, is ${state.name}`)
      } catch (error) {
        if (!(error instanceof HubError)) this.#fail(`inspect rejected with ${error}`)
      }
    })
  }

  /** Whether a reader has exactly what the engine has kept. */
  #hasAll(node: Node | undefined): boolean {
    if (!node?.reader) return false
    const { events, trimmed } = this.#engine
    const received = node.reader.received.filter(({ position }) => position > trimmed.position)
    return (
      received.length === events.length &&
      received.every(({ position, tag, data }, index) => {
        const event = events[index]!
        return position === event.position && tag === event.tag && data === event.data
      })
    )
  }

  #checkHistory(): void {
    const { events, lost, trimmed } = this.#engine
    const names = new Set(events.map(({ data }) => data))
    if (names.size !== events.length) this.#fail('an event is stored twice')
    for (const { data, mark } of this.#acknowledged) {
      if (!names.has(data) && !lost.has(data) && mark.position > trimmed.position) {
        this.#fail(`${data} was acknowledged at ${mark.position}, and is not there`)
      }
    }
  }

  #fail(what: string): void {
    this.#failure ??= `${what}${this.#isHealed ? ' (after all was well)' : ''}`
  }
}

/** What a hub does with its store: it follows the tail, and reads what came before. Begins anew when it is told that events are gone. */
class Reader {
  received: (HistoryPosition & { readonly data: string })[] = []
  readonly #store: ReplicatedStore
  readonly #scheduler: Scheduler
  readonly #fail: (what: string) => void
  #generation = 0

  constructor(store: ReplicatedStore, scheduler: Scheduler, fail: (what: string) => void) {
    this.#store = store
    this.#scheduler = scheduler
    this.#fail = fail
  }

  start(): void {
    const generation = ++this.#generation
    const isCurrent = () => generation === this.#generation
    /** What the tail brings while what came before is still being read. */
    let waiting: StoredEvent[] | undefined = []
    const restart = (error: unknown) => {
      if (!isCurrent()) return
      this.#generation++
      if (error instanceof HubError && error.code === 'STORE_DIVERGED') this.received = []
      const { current } = this.#scheduler
      this.#scheduler.after(50, current, () => this.start())
    }
    const following = this.#store.follow({
      onStart: ({ head }) => {
        this.#readUpTo(head.position, isCurrent).then(() => {
          if (!isCurrent()) return
          this.#take(waiting ?? [])
          waiting = undefined
        }, restart)
      },
      onAppend: (events) => {
        if (!isCurrent()) return
        if (waiting) waiting.push(...events)
        else this.#take(events)
      },
      onTrim: () => {},
      onFailure: restart,
    })
    following.catch(restart)
  }

  async #readUpTo(through: number, isCurrent: () => boolean): Promise<void> {
    for (let after = this.received.at(-1)?.position ?? 0; after < through; ) {
      const page = await this.#store.read({ after, through, topics: undefined, maxEvents: 3, maxBytes: Infinity })
      if (!isCurrent()) return
      this.#take(page.events)
      after = page.through
    }
  }

  #take(events: readonly StoredEvent[]): void {
    for (const event of events) {
      const last = this.received.at(-1)?.position ?? 0
      if (event.position <= last) this.#fail(`got ${event.data} at ${event.position} after position ${last}`)
      this.received.push({ ...markOf(event), data: event.data })
    }
  }
}

function record(data: string) {
  return { topics: ['a'], data, isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
}
