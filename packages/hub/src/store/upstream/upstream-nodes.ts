import { randomUUID } from 'node:crypto'
import type { NodeDirectory } from '../store.ts'
import type { UpstreamClient } from './upstream-client.ts'

/** How long the hub upstream may take to answer, in milliseconds. */
const answerMs = 5000

export interface UpstreamNodesOptions {
  readonly client: UpstreamClient
  readonly epoch: string
}

/**
 * The nodes that the hub upstream knows: it, its edges, and those that share its history. Asking it
 * who is alive says that this node is.
 */
export class UpstreamNodes implements NodeDirectory {
  readonly name = randomUUID()
  readonly #client: UpstreamClient
  readonly #epoch: string

  constructor({ client, epoch }: UpstreamNodesOptions) {
    this.#client = client
    this.#epoch = epoch
  }

  alive(): Promise<ReadonlySet<string> | undefined> {
    return this.visit(this.name)
  }

  async visit(name: string): Promise<ReadonlySet<string> | undefined> {
    const alive = await this.#client.visit({ epoch: this.#epoch, name }, answerMs)
    return alive ? new Set(alive) : undefined
  }

  /** Hubs at the edge leave no notes: limits on token holders are those of each. */
  async exchange(): Promise<readonly Uint8Array[]> {
    return []
  }
}
