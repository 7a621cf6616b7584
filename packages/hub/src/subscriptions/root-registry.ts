import type { ActiveSubscription, RequestedSubscription } from './active-subscription.ts'
import { EdgeDirectory } from './edge-directory.ts'
import { type RegistryOptions, type SubscriptionList, SubscriptionRegistry } from './registry.ts'
import { SharedRegistry } from './shared-registry.ts'
import type { SubscriptionPaths } from './subscription-paths.ts'

export interface RootRegistryOptions extends RegistryOptions {
  /** Those of the edges. Default: one with the clock of this process. */
  readonly edges?: EdgeDirectory
}

/**
 * The subscriptions of a hub that shares its history with no other node, and of its edges. Until the
 * first edge reports, it is a `SubscriptionRegistry` and costs no more. From then on the list is that
 * of the history, which has both; own subscriptions are published as before.
 */
export class RootRegistry {
  readonly isCompat: boolean
  readonly paths: SubscriptionPaths
  readonly #options: RootRegistryOptions
  readonly #own: SubscriptionRegistry
  readonly #edges: EdgeDirectory
  #starting: Promise<void> | undefined
  #all: SharedRegistry | undefined
  #isClosed = false

  /** Rejects if the store cannot be read. */
  static async start(options: RootRegistryOptions): Promise<RootRegistry> {
    return new RootRegistry(options, await SubscriptionRegistry.start(options))
  }

  private constructor(options: RootRegistryOptions, own: SubscriptionRegistry) {
    this.isCompat = options.isCompat
    this.paths = options.paths
    this.#options = options
    this.#own = own
    this.#edges = options.edges ?? new EdgeDirectory()
  }

  /** Adds the subscriptions of a connection. The returned function ends them. */
  connect(wanted: readonly RequestedSubscription[]): () => void {
    return this.#own.connect(wanted)
  }

  /** Returns the current subscriptions, or the requested ones among them. */
  list(isWanted?: (subscription: ActiveSubscription) => boolean): SubscriptionList {
    return (this.#all ?? this.#own).list(isWanted)
  }

  /** Looks up a subscription by its path. */
  find(path: string): SubscriptionList {
    return (this.#all ?? this.#own).find(path)
  }

  /**
   * Begins to list what edges report, and to end what those leave behind that are dead. Called before
   * the first report is stored: from then on the list has to have it.
   */
  expectEdges(): Promise<void> {
    this.#starting ??= this.#startAll().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  /** Says that an edge is alive, and returns which nodes are, as `NodeDirectory.visit`. */
  async visit(name: string): Promise<ReadonlySet<string> | undefined> {
    await this.expectEdges()
    return await this.#edges.visit(name)
  }

  /** Resolves when all changes are published, as far as the store allows. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#starting?.catch(() => {})
    await this.#all?.close()
    await this.#own.close()
  }

  async #startAll(): Promise<void> {
    const all = await SharedRegistry.start({ ...this.#options, nodes: this.#edges })
    if (this.#isClosed) await all.close()
    else this.#all = all
  }
}
