import { SharedRegistry, type SharedRegistryOptions } from '../../src/subscriptions/shared-registry.ts'
import { nextTurn } from '../next-turn.ts'
import { appendTo, subscriptionPaths, wanted } from './running-registry.ts'
import type { SharedNode } from './shared-engine.ts'

export interface RunningNode {
  readonly node: SharedNode
  readonly registry: SharedRegistry
  /** What the operator was told. */
  readonly errors: string[]
  connect(match: string): () => void
  /** The matchers in the list, in the order of the alphabet. */
  matches(): string[]
  /** Resolves when the list has these. */
  lists(...expected: string[]): Promise<void>
}

/** The registry of one of several nodes, as a hub has one; places are known by their number. */
export async function runNode(node: SharedNode, options: Partial<SharedRegistryOptions> = {}): Promise<RunningNode> {
  const errors: string[] = []
  const { store } = node
  const registry = await SharedRegistry.start({
    store,
    nodes: store.nodes!,
    append: (appends) => appendTo(store, appends),
    head: () => ({ position: 0, tag: 0 }),
    idOf: ({ position }) => String(position),
    isCompat: false,
    paths: subscriptionPaths,
    onError: (error) => errors.push((error as Error).message),
    retryMs: [1, 1],
    ...options,
  })
  const matches = () =>
    registry
      .list()
      .subscriptions.map(({ match }) => match)
      .sort()
  return {
    node,
    registry,
    errors,
    matches,
    connect: (match) => registry.connect([wanted(match)]),
    async lists(...expected) {
      while (matches().join() !== expected.join()) await nextTurn()
    },
  }
}
