import { createHash, randomUUID } from 'node:crypto'
import type { NodeDirectory } from '../store/store.ts'
import type { ActiveSubscription, RequestedSubscription } from './active-subscription.ts'
import { KnownSubscriptions } from './known-subscriptions.ts'
import { type Announcement, Outbox } from './outbox.ts'
import { type RegistryOptions, refreshMs, type SubscriptionList, tooManyError } from './registry.ts'
import { type SubscriptionEvent, subscriptionEvents } from './subscription-events.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

export interface SharedRegistryOptions extends RegistryOptions {
  readonly nodes: NodeDirectory
}

/** How often to look for subscriptions that nobody will end, in milliseconds. */
const checkMs = 5000

/**
 * What `SubscriptionRegistry` is for a history of one hub, this is for one that several nodes share.
 * The list is that of the history, which all nodes have: own subscriptions are in it when their
 * events come back by the tail. Each subscription has the name of its node. A node refreshes its own
 * subscriptions, and ends those of dead nodes; several nodes that do so at once end each once.
 *
 * A node that was taken for dead and returns reads the ends of its subscriptions by the tail, and
 * publishes their beginnings again, under its next name.
 */
export class SharedRegistry {
  readonly isCompat: boolean
  readonly paths: SubscriptionPaths
  readonly #options: SharedRegistryOptions
  readonly #outbox: Outbox
  readonly #known: KnownSubscriptions
  readonly #timers: readonly NodeJS.Timeout[]
  /** The subscriptions of connections of this node, by path. */
  readonly #own = new Map<string, OwnSubscription>()
  /** The paths of subscriptions whose ends wait to be stored. */
  readonly #ending = new Set<string>()
  /** The newest event that this node had stored when the tail started again: it may be lost. */
  #restartedAt = 0
  /** How often other nodes have taken this one for dead. */
  #returns = 0
  #isTooLarge = false
  #isChecking = false

  /** Rejects if the store cannot be read. */
  static async start(options: SharedRegistryOptions): Promise<SharedRegistry> {
    const registry = new SharedRegistry(options)
    try {
      await registry.#known.start()
    } catch (error) {
      await registry.close()
      throw error
    }
    await registry.check()
    return registry
  }

  private constructor(options: SharedRegistryOptions) {
    this.isCompat = options.isCompat
    this.paths = options.paths
    this.#options = options
    this.#known = new KnownSubscriptions(options.store, options.paths, {
      onEvents: (events) => this.#onEvents(events),
      onError: options.onError,
      onStart: () => {
        this.#restartedAt = this.#outbox.newest.position
      },
    })
    this.#outbox = new Outbox(options)
    this.#timers = [setInterval(() => this.#checkUnlessBusy(), checkMs), setInterval(() => this.refresh(), refreshMs)]
    for (const timer of this.#timers) timer.unref()
  }

  /** Adds the subscriptions of a connection. The returned function ends them. */
  connect(wanted: readonly RequestedSubscription[]): () => void {
    const subscriber = `urn:uuid:${randomUUID()}`
    const entries = wanted.map((each) => this.#add({ ...each, subscriber }))
    return () => {
      for (const entry of entries) {
        if (!this.#own.delete(entry.path)) continue
        // If the beginning was never published, the end need not be.
        const isUntold = this.#outbox.withdraw(entry.arrival) && entry.storedAs !== entry.subscription.node
        if (!isUntold) this.#end(entry.subscription)
      }
    }
  }

  /** Nothing is to be done: the list has what any node reports. */
  async expectEdges(): Promise<void> {}

  /** Says that a hub at the edge is alive, and returns which nodes are, as `NodeDirectory.visit`. */
  async visit(name: string): Promise<ReadonlySet<string> | undefined> {
    return await this.#options.nodes.visit?.(name)
  }

  /** Returns the current subscriptions of all nodes, or the requested ones among them. */
  list(isWanted?: (subscription: ActiveSubscription) => boolean): SubscriptionList {
    const subscriptions: ActiveSubscription[] = []
    for (const { subscription } of this.#known.subscriptions.values()) {
      if (!isWanted || isWanted(subscription)) subscriptions.push(subscription)
    }
    return this.#asOfNow(subscriptions)
  }

  /** Looks up a subscription by its path, whichever node it is of. */
  find(path: string): SubscriptionList {
    const known = this.#known.subscriptions.get(path)
    return this.#asOfNow(known ? [known.subscription] : [])
  }

  /**
   * Publishes again the subscriptions of this node whose events will soon leave the history. See
   * `SubscriptionRegistry.refresh`.
   */
  async refresh(): Promise<void> {
    try {
      const { head, trimmed, count } = await this.#options.store.bounds()
      if (trimmed.position === 0 || this.#wouldFill(count)) return
      for (const [path, { position }] of this.#known.subscriptions) {
        // In the older half of the history, or already gone.
        if (position > (trimmed.position + head.position) / 2) break
        const own = this.#own.get(path)
        if (own) this.#outbox.add(own.arrival)
      }
    } catch (error) {
      this.#options.onError(error)
    }
  }

  /** Ends the subscriptions of dead nodes, and makes what the history says of this node true. */
  async check(): Promise<void> {
    this.#correctOwn()
    const { position: lastPosition } = this.#known.head
    const alive = await this.#alive()
    for (const { subscription, position } of this.#known.subscriptions.values()) {
      // A node that was not known when it was asked who is alive.
      if (position > lastPosition) break
      const name = nameOf(subscription)
      if (alive && !alive.has(name) && name !== this.#options.nodes.name) this.#end(subscription)
    }
  }

  /** Resolves when all changes are published, as far as the store allows. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#outbox.close()
    this.#known.close()
  }

  /** An engine that does not answer may take longer than the time between two checks. */
  async #checkUnlessBusy(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    await this.check()
    this.#isChecking = false
  }

  /** `undefined` if it is not known: the store reports by itself that it cannot be asked. */
  async #alive(): Promise<ReadonlySet<string> | undefined> {
    try {
      return await this.#options.nodes.alive()
    } catch {
      return undefined
    }
  }

  #onEvents(events: readonly SubscriptionEvent[]): void {
    const ended = events.filter(({ isActive }) => !isActive)
    this.#beginAgain(ended.map(({ subscription }) => this.#own.get(this.paths.of(subscription))))
  }

  /** Publishes own subscriptions once more that are over by the history. */
  #beginAgain(subscriptions: readonly (OwnSubscription | undefined)[]): void {
    const own = subscriptions.filter((each) => each !== undefined)
    if (own.length > 0) this.#returns++
    for (const each of own) {
      each.subscription = { ...each.subscription, node: this.#nodeName }
      this.#outbox.add(each.arrival)
    }
  }

  /**
   * Publishes what an engine that failed over has lost: beginnings and ends of own subscriptions,
   * which nobody else knows. Compares only when the history has come back up to all that was stored.
   */
  #correctOwn(): void {
    if (!this.#outbox.isIdle) return
    if (this.#outbox.newest.position > Math.max(this.#known.head.position, this.#restartedAt)) return
    this.#beginAgain([...this.#own.values()].filter(({ path }) => !this.#known.subscriptions.has(path)))
    for (const [path, { subscription }] of this.#known.subscriptions) {
      if (nameOf(subscription) === this.#options.nodes.name && !this.#own.has(path)) this.#end(subscription)
    }
  }

  #add(requested: Omit<ActiveSubscription, 'node'>): OwnSubscription {
    let sentAs: string | undefined
    const own: OwnSubscription = {
      path: this.paths.of(requested),
      subscription: { ...requested, node: this.#nodeName },
      storedAs: undefined,
      arrival: {
        events: () => {
          sentAs = own.subscription.node
          return subscriptionEvents(own.subscription, true, this)
        },
        onStored: () => {
          own.storedAs = sentAs
        },
      },
    }
    this.#own.set(own.path, own)
    this.#outbox.add(own.arrival)
    return own
  }

  /**
   * Publishes the end of a subscription, unless that is under way. Whoever ends what has begun under
   * one name uses the same key. `after` tells apart the ends of what has begun twice under it: by an
   * event that was under way when the first end was stored.
   */
  #end(subscription: ActiveSubscription, after = 0): void {
    const path = this.paths.of(subscription)
    if (this.#ending.has(path)) return
    this.#ending.add(path)
    this.#outbox.add({
      key: () => digest([path, subscription.node, after]),
      events: () => subscriptionEvents(subscription, false, this),
      onStored: (mark) => {
        this.#ending.delete(path)
        const known = this.#known.subscriptions.get(path)
        const isAgain = known && known.position > mark.position && known.subscription.node === subscription.node
        if (isAgain && !this.#own.has(path)) this.#end(subscription, known.position)
      },
    })
  }

  get #nodeName(): string {
    const { name } = this.#options.nodes
    return this.#returns === 0 ? name : `${name}.${this.#returns}`
  }

  #asOfNow(subscriptions: readonly ActiveSubscription[]): SubscriptionList {
    return { subscriptions, lastEventId: this.#options.idOf(this.#known.head) }
  }

  /** Whether the repeated events of all nodes would push much of the history out. */
  #wouldFill(keptEvents: number): boolean {
    const { size } = this.#known.subscriptions
    const isTooLarge = size * 4 > keptEvents
    if (isTooLarge && !this.#isTooLarge) this.#options.onError(tooManyError(size, keptEvents))
    this.#isTooLarge = isTooLarge
    return isTooLarge
  }
}

/** A subscription of a connection of this node. */
interface OwnSubscription {
  readonly path: string
  /** With the name that this node had when it last published it. */
  subscription: ActiveSubscription
  /** The name under which its beginning was last stored. */
  storedAs: string | undefined
  readonly arrival: Announcement
}

/** The name in the directory: an event has a number after it when its node had been taken for dead. */
function nameOf({ node = '' }: ActiveSubscription): string {
  return node.split('.', 1)[0]!
}

/** The parts may be longer than a key. */
function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
