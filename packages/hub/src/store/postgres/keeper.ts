import { HubError } from '../../base/errors.ts'
import { Fifo } from '../../base/fifo.ts'
import { AgeClock } from '../event-age.ts'
import { maxIdempotencyKeys, type Retention } from '../retention.ts'
import type { PostgresAddress } from './address.ts'
import type { Connection } from './connect.ts'
import { LastingConnection } from './lasting-connection.ts'
import { electionOf } from './schema.ts'

/** How often the elected node looks for what was published in transactions, in milliseconds. */
const outboxMs = 25
/** How often it looks for what retention no longer keeps. */
const trimMs = 1000
/** How often others try to be elected. */
const electionMs = 1000
/** A node that has not been seen for this long is forgotten. */
const nodeDays = 1
/** How long a new event is kept in any case, so that every node has read it and knows its topics. */
const graceMs = 5000
const outboxLimit = 1000
const trimLimit = 2000

export interface KeeperOptions {
  readonly address: PostgresAddress
  readonly retention: Required<{ [Bound in keyof Retention]: number }>
  readonly idempotencyMs: number
  readonly now: (() => number) | undefined
  readonly onError: (error: HubError) => void
  readonly onConnect: (connection: Connection) => Promise<void>
}

/**
 * What one node does for all: it gives positions to what was published in transactions, and drops
 * what is not to be kept. Each node tries to be that one. The lock is of its session, which the
 * server ends when the node is gone, or stopped for longer than `takeoverSeconds`. Two that both believe
 * to be elected do no harm: the head row is locked for each batch.
 */
export class Keeper {
  readonly #options: KeeperOptions
  readonly #connection: LastingConnection
  readonly #loop: Promise<void>
  #snapshot: string | null = null
  #trimmedAt = -Infinity
  #clock: AgeClock | undefined
  /** Heads that were seen lately, the oldest first. */
  readonly #heads = new Fifo<{ readonly at: number; readonly position: string }>()
  #reported: string | undefined
  #isClosed = false
  #wake = () => {}

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#connection = new LastingConnection({
      address: options.address,
      name: 'headwater keeper',
      onConnect: async (connection) => {
        await options.onConnect(connection)
        await connection.client.query(`SET idle_session_timeout = '${options.address.takeoverSeconds}s'`)
      },
    })
    this.#loop = this.#run()
  }

  /** Drops now what retention no longer keeps, whichever node is elected. */
  async trim(): Promise<void> {
    await this.#trim(await this.#connection.get(), null)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#wake()
    this.#connection.close()
    await this.#loop
  }

  async #run(): Promise<void> {
    let elected: Connection | undefined
    while (!this.#isClosed) {
      try {
        const connection = await this.#connection.get()
        if (elected !== connection) {
          elected = (await this.#isElected(connection)) ? connection : undefined
          // What was under way for another elected node is not known here.
          this.#snapshot = null
        }
        if (elected) await this.#work(elected)
        this.#reported = undefined
        await this.#sleep(elected ? outboxMs : electionMs)
      } catch (error) {
        this.#connection.drop()
        this.#report(error)
        await this.#sleep(electionMs)
      }
    }
  }

  async #isElected({ client }: Connection): Promise<boolean> {
    const { rows } = await client.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS elected', [
      electionOf(this.#options.address.schema),
    ])
    return rows[0].elected as boolean
  }

  async #work(connection: Connection): Promise<void> {
    while (await this.#sequenceOutbox(connection)) if (this.#isClosed) return
    const now = performance.now()
    if (now - this.#trimmedAt < trimMs) return
    this.#trimmedAt = now
    const { rows } = await connection.client.query('SELECT position FROM head')
    this.#heads.push({ at: now, position: rows[0].position as string })
    while (this.#heads.at(1) && this.#heads.at(1)!.at <= now - graceMs) this.#heads.shift()
    const oldest = this.#heads.at(0)!
    if (oldest.at <= now - graceMs) await this.#trim(connection, oldest.position)
    await connection.client.query(`DELETE FROM node WHERE seen_at < now() - interval '${nodeDays} day'`)
    await connection.client.query(`DELETE FROM node_note WHERE left_at < now() - interval '1 minute'`)
  }

  /** Returns whether there may be more. */
  async #sequenceOutbox({ client }: Connection): Promise<boolean> {
    const { rows } = await client.query({
      name: 'outbox',
      text: 'SELECT taken, snapshot::text FROM sequence_outbox($1::pg_snapshot, $2)',
      values: [this.#snapshot, outboxLimit],
    })
    const { taken, snapshot } = rows[0] as { taken: number; snapshot: string | null }
    this.#snapshot = snapshot
    return taken >= outboxLimit
  }

  /** Drops what is not to be kept, up to a position. */
  async #trim({ client }: Connection, through: string | null): Promise<void> {
    const { retention, idempotencyMs, now } = this.#options
    const at = await this.#timeOf(client)
    const { maxAgeMs, maxEvents, maxBytes } = retention
    const bounded = (value: number) => (Number.isFinite(value) ? Math.floor(value) : null)
    for (let isDone = false; !isDone && !this.#isClosed; ) {
      const { rows } = await client.query({
        name: 'trim',
        text: 'SELECT is_done FROM trim_events($1, $2, $3, $4, $5)',
        values: [through, bounded(at - maxAgeMs), bounded(maxEvents), bounded(maxBytes), trimLimit],
      })
      isDone = rows[0].is_done as boolean
    }
    await client.query({
      name: 'forget keys',
      text: `DELETE FROM idempotency WHERE stored_at <= coalesce($1, now_ms()) - $2 OR stored_at <
        (SELECT stored_at FROM idempotency ORDER BY stored_at DESC OFFSET $3 LIMIT 1)`,
      values: [now?.() ?? null, bounded(idempotencyMs), Math.min(maxIdempotencyKeys(maxBytes), 2 ** 31) - 1],
    })
  }

  /** The time by which events age: not that of a clock that has just jumped ahead. */
  async #timeOf(client: Connection['client']): Promise<number> {
    const { rows } = await client.query({
      name: 'time',
      rowMode: 'array',
      text: 'SELECT coalesce($1, now_ms()), (SELECT stored_at FROM event ORDER BY position DESC LIMIT 1)',
      values: [this.#options.now?.() ?? null],
    })
    const [now, newest] = rows[0] as unknown as [string, string | null]
    this.#clock ??= new AgeClock(newest === null ? undefined : Number(newest))
    return this.#clock.now(Number(now))
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (this.#isClosed) this.#wake()
    })
  }

  #report(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (this.#isClosed || message === this.#reported) return
    this.#reported = message
    this.#options.onError(
      new HubError('STORE_FAILED', `This node cannot help to keep the history at the moment: ${message}`, {
        cause: error,
      }),
    )
  }
}
