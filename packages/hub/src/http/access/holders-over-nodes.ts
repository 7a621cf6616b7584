import { createHash } from 'node:crypto'
import type { NodeDirectory } from '../../store/store.ts'
import { CountByName, type CountOfNames } from './client-counts.ts'

/** How often nodes let each other know their counts, in milliseconds. */
const exchangeMs = 1000
/** The counts of others are dropped when they are this old, in milliseconds. */
const forgetMs = 20_000
/** The most holders of whom a node lets others know: those with the most streams. */
const maxHolders = 4096
/** A holder in a note: a digest of so many bytes, then the count in four. */
const digestBytes = 12
const entryBytes = digestBytes + 4

/**
 * Counts the event streams of each token holder over all nodes that share a history: those of this
 * node as they are, those of others as of about a second ago. If the engine cannot be asked, the
 * others count for a while as they last did, and then not at all.
 */
export class HoldersOverNodes implements CountOfNames {
  readonly #local: CountOfNames
  readonly #nodes: NodeDirectory
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout
  /** The counts of this thread by digest. Those of its other threads are in notes of their own. */
  readonly #own = new CountByName()
  #others: ReadonlyMap<string, number> = new Map()
  #knownAt = -Infinity
  #exchanging: Promise<void> | undefined

  /** `local` counts for all threads of this node. `now` returns milliseconds. */
  constructor(local: CountOfNames, nodes: NodeDirectory, now: () => number = () => performance.now()) {
    this.#local = local
    this.#nodes = nodes
    this.#now = now
    this.#timer = setInterval(() => this.exchange(), exchangeMs)
    this.#timer.unref()
    this.exchange()
  }

  of(name: string | undefined): number {
    const own = this.#local.of(name)
    if (name === undefined || this.#others.size === 0) return own
    return own + (this.#others.get(digestOf(name)) ?? 0)
  }

  add(name: string | undefined): () => void {
    if (name === undefined) return () => {}
    const leave = this.#local.add(name)
    const leaveOwn = this.#own.add(digestOf(name))
    return () => {
      leave()
      leaveOwn()
    }
  }

  /** Lets the other nodes know the counts, and learns theirs. One that is under way is enough. */
  exchange(): Promise<void> {
    this.#exchanging ??= this.#exchange().finally(() => {
      this.#exchanging = undefined
    })
    return this.#exchanging
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #exchange(): Promise<void> {
    try {
      this.#others = sumOf(await this.#nodes.exchange(toNote(this.#own)))
      this.#knownAt = this.#now()
    } catch {
      // The store reports by itself that its engine cannot be reached.
      if (this.#now() - this.#knownAt > forgetMs) this.#others = new Map()
    }
  }
}

function digestOf(holder: string): string {
  return createHash('sha256').update(holder).digest().toString('base64url', 0, digestBytes)
}

function toNote(counts: CountByName): Uint8Array {
  const least = leastToTell(counts)
  const note = Buffer.alloc(Math.min(counts.size, maxHolders) * entryBytes)
  let end = 0
  for (const [digest, count] of counts.entries()) {
    if (count < least || end === note.length) continue
    note.write(digest, end, 'base64url')
    note.writeUInt32BE(count, end + digestBytes)
    end += entryBytes
  }
  return note.subarray(0, end)
}

/** The count from which on holders fit into a note. In one pass, because there may be very many. */
function leastToTell(counts: CountByName): number {
  if (counts.size <= maxHolders) return 1
  const holdersWith: number[] = []
  for (const [, count] of counts.entries()) {
    const capped = Math.min(count, maxHolders)
    holdersWith[capped] = (holdersWith[capped] ?? 0) + 1
  }
  let holders = 0
  for (let count = holdersWith.length - 1; count > 0; count--) {
    holders += holdersWith[count] ?? 0
    if (holders > maxHolders) return count + 1
  }
  return 1
}

function sumOf(notes: readonly Uint8Array[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const note of notes) {
    const bytes = Buffer.from(note.buffer, note.byteOffset, note.byteLength)
    for (let start = 0; start + entryBytes <= bytes.length; start += entryBytes) {
      const digest = bytes.toString('base64url', start, start + digestBytes)
      counts.set(digest, (counts.get(digest) ?? 0) + bytes.readUInt32BE(start + digestBytes))
    }
  }
  return counts
}
