import type { RegistryOptions } from './registry.ts'
import { RootRegistry } from './root-registry.ts'
import { SharedRegistry } from './shared-registry.ts'

/** Who is subscribed, and what publishes that. */
export type Registry = RootRegistry | SharedRegistry

/** Starts the registry for a store: alone with its history, or one of several nodes. Rejects as the store does. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { nodes } = options.store
  return await (nodes ? SharedRegistry.start({ ...options, nodes }) : RootRegistry.start(options))
}
