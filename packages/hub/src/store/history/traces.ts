import type { Tombstone } from '../store.ts'
import { Tombstones } from '../tombstones.ts'
import { checksumOfValues } from './checksum.ts'
import type { Connection } from './connection.ts'

type Trace = Tombstone & { readonly topics: readonly string[] }

/**
 * The tombstones of a history, in its database. Their checksums add up to one number, which is
 * stored apart from them: a trace that is damaged or missing is noticed.
 */
export class Traces {
  readonly #statements: ReturnType<typeof prepareStatements>
  #tombstones: Tombstones
  /** The checksum of each trace. */
  readonly #checksums = new Map<string, number>()
  #sum = 0

  private constructor(connection: Connection, forgottenPosition: number) {
    this.#statements = prepareStatements(connection)
    this.#tombstones = new Tombstones(forgottenPosition)
  }

  /**
   * No traces, whatever is in the database.
   *
   * @param forgottenPosition Up to here, the topics of the trimmed events are not known.
   */
  static empty(connection: Connection, forgottenPosition: number): Traces {
    return new Traces(connection, forgottenPosition)
  }

  /** The traces in the database. */
  static load(connection: Connection, forgottenPosition: number): Traces {
    const traces = new Traces(connection, forgottenPosition)
    for (const [position, topics, isPrivate] of traces.#statements.select.iterate()) {
      traces.#note(topics, isPrivate, position)
      traces.#tombstones.add({ position, topics: JSON.parse(topics) as string[], isPrivate: isPrivate === 1 })
    }
    return traces
  }

  /** The sum of the checksums of all traces. */
  get checksum(): number {
    return this.#sum
  }

  get forgottenPosition(): number {
    return this.#tombstones.forgottenPosition
  }

  /** See {@link Tombstones.after}. */
  after(position: number, topics: ReadonlySet<string> | undefined): Tombstone[] {
    return this.#tombstones.after(position, topics)
  }

  /** Stores the trace of an event that is newer than those before. Within a transaction. */
  add(trace: Trace): void {
    const { position, isPrivate } = trace
    const topics = JSON.stringify(trace.topics)
    this.#statements.save.run(topics, isPrivate ? 1 : 0, position)
    this.#note(topics, isPrivate ? 1 : 0, position)
    for (const forgotten of this.#tombstones.add(trace)) {
      const topics = JSON.stringify(forgotten.topics)
      this.#statements.delete.run(topics, forgotten.isPrivate ? 1 : 0)
      this.#unnote(topics, forgotten.isPrivate ? 1 : 0)
    }
  }

  /** Forgets whose the events up to a position were. Within a transaction. */
  forgetAll(position: number): void {
    this.#statements.deleteAll.run()
    this.#checksums.clear()
    this.#sum = 0
    this.#tombstones = new Tombstones(position)
  }

  #note(topics: string, isPrivate: number, position: number): void {
    this.#unnote(topics, isPrivate)
    const checksum = checksumOfValues([topics, isPrivate, position])
    this.#checksums.set(`${isPrivate}${topics}`, checksum)
    this.#sum = (this.#sum + checksum) % 2 ** 32
  }

  #unnote(topics: string, isPrivate: number): void {
    const key = `${isPrivate}${topics}`
    const known = this.#checksums.get(key)
    if (known === undefined) return
    this.#checksums.delete(key)
    this.#sum = (this.#sum - known + 2 ** 32) % 2 ** 32
  }
}

function prepareStatements(connection: Connection) {
  return {
    select: connection.prepare<[position: number, topics: string, isPrivate: number]>(
      'SELECT position, topics, is_private FROM trace ORDER BY position',
    ),
    save: connection.prepare('INSERT OR REPLACE INTO trace (topics, is_private, position) VALUES (?, ?, ?)'),
    delete: connection.prepare('DELETE FROM trace WHERE topics = ? AND is_private = ?'),
    deleteAll: connection.prepare('DELETE FROM trace'),
  }
}
