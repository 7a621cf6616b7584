import { HubError } from '../../base/errors.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import type { NodeDirectory } from '../store.ts'
import type { PostgresAddress } from './address.ts'
import type { Connection } from './connect.ts'
import { LastingConnection } from './lasting-connection.ts'
import { steadyGapSeconds } from './schema.ts'

/** How often a node says that it is alive, in milliseconds. Batches of events say so as well. */
const heartbeatMs = 3000
/** A node that said so this recently, in seconds, need not say it again. */
const freshSeconds = 2
/** A node that has not said so for this long is dead, in seconds. */
const deadSeconds = 20
/** How long the engine may take to answer, in milliseconds. Then another connection is tried. */
const answerMs = 5000

/** A node, as it is registered. */
export interface NodeIdentity {
  readonly name: string
  /** For whoever looks at the table: the machine and the process. */
  readonly description: string
}

export interface PostgresNodesOptions {
  readonly address: PostgresAddress
  readonly node: NodeIdentity
  /** Prepares each new connection before it is used. */
  readonly onConnect: (connection: Connection) => Promise<void>
}

/**
 * The nodes in the table of an engine. All times are of its clock. A connection of its own, so that a
 * batch that waits makes nobody think that its node is dead.
 */
export class PostgresNodes implements NodeDirectory {
  readonly name: string
  readonly #node: NodeIdentity
  readonly #connection: LastingConnection
  readonly #timer: NodeJS.Timeout
  /** One question at a time: the driver has no queue in its next version. */
  #lastAnswer: Promise<unknown> = Promise.resolve()
  #isBeating = false
  #isClosed = false

  constructor({ address, node, onConnect }: PostgresNodesOptions) {
    this.name = node.name
    this.#node = node
    this.#connection = new LastingConnection({
      address,
      name: 'headwater nodes',
      onConnect: async (connection) => {
        await onConnect(connection)
        await register(connection, node)
      },
    })
    this.#timer = setInterval(() => this.#beat(), heartbeatMs)
    this.#timer.unref()
    this.#beat()
  }

  /** Says that this node is alive, unless it has just done so. */
  async heartbeat(): Promise<void> {
    await this.#ask((connection) => register(connection, this.#node))
  }

  alive(): Promise<ReadonlySet<string> | undefined> {
    return this.#aliveFor(this.name)
  }

  async visit(name: string): Promise<ReadonlySet<string> | undefined> {
    await this.#ask((connection) => register(connection, { name, description: 'a hub at the edge' }))
    return await this.#aliveFor(name)
  }

  async exchange(note: Uint8Array, part = 0): Promise<readonly Uint8Array[]> {
    const values = [this.name, part, Buffer.from(note.buffer, note.byteOffset, note.byteLength)]
    const { rows } = await this.#ask(({ client }) => client.query({ ...exchangeQuery, values }))
    return rows.map(({ note }) => note as Buffer)
  }

  /** Leaves in order: this node is dead at once, and what it left for others is gone. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    // If the engine is away, others take this node for dead in a moment.
    await this.#ask(async ({ client }) => {
      await client.query('DELETE FROM node_note WHERE node = $1', [this.name])
      await client.query('DELETE FROM node WHERE id = $1', [this.name])
    }).catch(() => {})
    this.#isClosed = true
    this.#connection.close()
  }

  async #aliveFor(name: string): Promise<ReadonlySet<string> | undefined> {
    const { rows } = await this.#ask(({ client }) => client.query({ ...aliveQuery, values: [name] }))
    const [{ names, is_steady: isSteady }] = rows as [{ names: string[]; is_steady: boolean | null }]
    return isSteady ? new Set(names) : undefined
  }

  async #beat(): Promise<void> {
    if (this.#isBeating) return
    this.#isBeating = true
    // A failure is one of the engine, which publishes and the tail report.
    await this.heartbeat().catch(() => {})
    this.#isBeating = false
  }

  #ask<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    const answer = this.#lastAnswer.then(() => this.#askNow(ask))
    this.#lastAnswer = answer.catch(() => {})
    return answer
  }

  async #askNow<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new HubError('STORE_CLOSED', 'The event store is closed: no node can be asked for.')
    const asking = this.#connection.get().then(async (connection) => ({ answer: await ask(connection) }))
    try {
      const answered = await withTimeout(answerMs, asking, undefined)
      if (answered) return answered.answer
      throw new Error(`it did not answer within ${answerMs / 1000} s`)
    } catch (error) {
      this.#connection.drop()
      const why = error instanceof Error ? error.message : String(error)
      throw new HubError('STORE_FAILED', `The engine does not say which nodes there are: ${why}`, { cause: error })
    }
  }
}

/**
 * Says that a node is alive: each new connection that appends does so first. So whoever has read an
 * event of a node, and then asks who is alive, knows that node.
 */
export async function register({ client }: Connection, { name, description }: NodeIdentity): Promise<void> {
  await client.query({ ...registerQuery, values: [name, description] })
}

/**
 * A heartbeat need not survive a crash. It does not wait for a batch under way, which says the same
 * when it is done.
 */
const registerQuery = {
  name: 'register',
  text: `WITH seen AS (
      SELECT id FROM node WHERE id = $1 AND seen_at < clock_timestamp() - interval '${freshSeconds} s'
        AND set_config('synchronous_commit', 'off', true) = 'off'
      FOR UPDATE SKIP LOCKED
    ), updated AS (
      UPDATE node SET seen_at = clock_timestamp(), steady_since = CASE
          WHEN node.seen_at < clock_timestamp() - interval '${steadyGapSeconds} s' THEN clock_timestamp()
          ELSE steady_since END
        FROM seen WHERE node.id = seen.id
    )
    INSERT INTO node (id, name) SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM node WHERE id = $1) ON CONFLICT DO NOTHING`,
} as const

/**
 * Only a node that was itself seen all the time may tell who is dead. When the engine was away, the
 * first node to return must not take all others for dead.
 */
const aliveQuery = {
  name: 'alive',
  text: `SELECT array_agg(id::text) FILTER (WHERE seen_at > clock_timestamp() - interval '${deadSeconds} s') AS names,
      bool_or(id = $1 AND seen_at > clock_timestamp() - interval '${steadyGapSeconds} s'
        AND steady_since < clock_timestamp() - interval '${deadSeconds} s') AS is_steady
    FROM node`,
} as const

const exchangeQuery = {
  name: 'exchange',
  text: `WITH own AS (
      INSERT INTO node_note (node, part, note) VALUES ($1, $2, $3)
        ON CONFLICT (node, part) DO UPDATE SET note = excluded.note, left_at = excluded.left_at
    )
    SELECT note FROM node_note WHERE node <> $1 AND left_at > clock_timestamp() - interval '${deadSeconds} s'`,
} as const
