import { HubError } from '../../src/base/errors.ts'
import { decorateStore } from '../../src/store/decorate-store.ts'
import { createMemoryStore, type MemoryStoreOptions } from '../../src/store/memory.ts'
import {
  type Append,
  beginning,
  type EventStore,
  type Follower,
  type HistoryPosition,
  markOf,
  type StoredEvent,
} from '../../src/store/store.ts'
import { nextTurn } from '../next-turn.ts'

export interface EngineOptions extends MemoryStoreOptions {
  readonly random?: () => number
  /** How probable it is that an append fails, once before and once after it was stored. */
  readonly failures?: number
}

/**
 * An engine that several nodes share, and its clock. What each node reads and stores comes late, by
 * as much as chance has it.
 */
export class SharedEngine {
  now = 0
  readonly nodes: SharedNode[] = []
  readonly random: () => number
  readonly failures: number
  readonly #options: MemoryStoreOptions
  readonly #appends: Append[] = []
  store: EventStore

  constructor({ random = () => 0, failures = 0, ...options }: EngineOptions = {}) {
    this.random = random
    this.failures = failures
    this.#options = options
    this.store = createMemoryStore(options)
  }

  open(): SharedNode {
    const node = new SharedNode(this, `node${this.nodes.length + 1}`)
    this.nodes.push(node)
    return node
  }

  /** Time passes, and every node that runs is seen every 3 seconds, unless the engine is away. */
  advance(seconds: number, { isAway = false } = {}): void {
    for (const end = this.now + seconds; this.now < end; ) {
      this.now = Math.min(this.now + 3, end)
      if (!isAway) for (const node of this.nodes) node.beat()
    }
  }

  async append(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    const { position } = (await this.store.bounds()).head
    const marks = await this.store.appendAll!(appends)
    let known = position
    for (const [index, mark] of marks.entries()) {
      if (mark.position <= known) continue
      known = mark.position
      this.#appends.push(appends[index]!)
    }
    return marks
  }

  /** The engine fails over to a server that has only the first events. */
  async failOver(events: number): Promise<void> {
    const old = this.store
    this.#appends.length = events
    this.store = createMemoryStore(this.#options)
    for (const { event, idempotencyKey } of this.#appends) await this.store.append(event, { idempotencyKey })
    await old.close()
    for (const node of this.nodes) await node.failOver()
  }
}

/** A node, as its hub sees it: a store. */
export class SharedNode {
  readonly store: EventStore
  readonly #engine: SharedEngine
  readonly #name: string
  #seenAt: number
  #steadySince: number
  #isDead = false
  #running: Promise<void> = Promise.resolve()
  #resume = () => {}
  #isStopped = false
  #head: HistoryPosition = beginning
  #tail: Promise<void> = Promise.resolve()
  #stopTail = () => {}
  #generation = 0
  readonly #followers = new Set<Follower>()

  constructor(engine: SharedEngine, name: string) {
    this.#engine = engine
    this.#name = name
    this.#seenAt = engine.now
    this.#steadySince = engine.now
    this.store = decorateStore(engine.store, {
      append: async (event, options) => (await this.#append([{ event, ...options }]))[0]!,
      appendAll: (appends) => this.#append(appends),
      read: async (query) => {
        await this.#late()
        return await engine.store.read(query)
      },
      bounds: async () => {
        await this.#late()
        return { ...(await engine.store.bounds()), head: this.#head }
      },
      follow: async (follower) => {
        if (this.#generation === 0) await this.#follow()
        follower.onStart({ ...(await engine.store.bounds()), head: this.#head })
        this.#followers.add(follower)
        return () => void this.#followers.delete(follower)
      },
      nodes: { name, alive: () => this.#alive(), exchange: async () => [] },
    })
  }

  get isDead(): boolean {
    return this.#isDead
  }

  beat(): void {
    if (this.#isDead || this.#isStopped) return
    if (this.#engine.now - this.#seenAt > 10) this.#steadySince = this.#engine.now
    this.#seenAt = this.#engine.now
  }

  /** SIGSTOP: nothing more happens in it until it is resumed. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#running = new Promise((resolve) => {
      this.#resume = resolve
    })
  }

  /** SIGCONT. */
  resume(): void {
    this.#isStopped = false
    this.#resume()
  }

  kill(): void {
    this.stop()
    this.#isDead = true
    this.#followers.clear()
    this.#stopTail()
  }

  async failOver(): Promise<void> {
    if (this.#isDead) return
    this.#stopTail()
    await this.#follow()
    const followers = [...this.#followers]
    this.#followers.clear()
    for (const follower of followers) follower.onFailure(new HubError('STORE_DIVERGED', 'The engine has lost events.'))
  }

  async #follow(): Promise<void> {
    const generation = ++this.#generation
    this.#stopTail = await this.#engine.store.follow({
      onStart: ({ head }) => {
        this.#head = head
      },
      onAppend: (events: readonly StoredEvent[]) => {
        this.#tail = this.#tail
          .then(() => this.#late())
          .then(() => {
            if (generation !== this.#generation) return
            this.#head = markOf(events.at(-1)!)
            for (const follower of this.#followers) follower.onAppend(events)
          })
      },
      onTrim: () => {},
      onFailure: () => {},
    })
  }

  async #append(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    const { random, failures } = this.#engine
    await this.#late()
    if (random() < failures) throw new Error('nothing was stored')
    const marks = await this.#engine.append(appends)
    await this.#late()
    if (random() < failures) throw new Error('all was stored, but nobody knows')
    return marks
  }

  async #alive(): Promise<ReadonlySet<string> | undefined> {
    await this.#late()
    const { now, nodes } = this.#engine
    if (now - this.#seenAt >= 10 || now - this.#steadySince <= 20) return undefined
    const alive = nodes.filter((node) => now - node.#seenAt < 20)
    await this.#late()
    return new Set(alive.map((node) => node.#name))
  }

  async #late(): Promise<void> {
    for (let turns = Math.floor(this.#engine.random() * 4); turns > 0; turns--) await nextTurn()
    while (this.#isStopped) await this.#running
  }
}
