import { randomUUID } from 'node:crypto'
import type { NodeDirectory } from '../store/store.ts'

/** A node that is not seen for this long is dead, in milliseconds. */
const deadMs = 20_000
/** A node that was not seen for this long was away: for a while it may not say who is dead. */
const steadyGapMs = 10_000

interface Sighting {
  seenAt: number
  steadySince: number
}

/**
 * The hubs at the edge of one that shares its history with no other node: those that were seen
 * lately. By the rules of `NodeDirectory`, with this process as the engine. Subscriptions of the hub
 * itself have no node: its name is empty.
 */
export class EdgeDirectory implements NodeDirectory {
  /** That of no node: the hub ends the subscriptions of its own connections in another way. */
  readonly name = randomUUID()
  readonly #now: () => number
  readonly #seen = new Map<string, Sighting>()

  /** `now` is in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#see(this.name)
  }

  alive(): Promise<ReadonlySet<string> | undefined> {
    return this.visit(this.name)
  }

  async visit(name: string): Promise<ReadonlySet<string> | undefined> {
    const { steadySince } = this.#see(name)
    const now = this.#now()
    for (const [each, { seenAt }] of this.#seen) if (now - seenAt >= deadMs) this.#seen.delete(each)
    return now - steadySince > deadMs ? new Set(['', ...this.#seen.keys()]) : undefined
  }

  async exchange(): Promise<readonly Uint8Array[]> {
    return []
  }

  #see(name: string): Sighting {
    const now = this.#now()
    const last = this.#seen.get(name)
    const isSteady = last !== undefined && now - last.seenAt <= steadyGapMs
    const sighting = { seenAt: now, steadySince: isSteady ? last.steadySince : now }
    this.#seen.set(name, sighting)
    return sighting
  }
}
