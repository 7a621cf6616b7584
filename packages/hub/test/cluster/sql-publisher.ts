import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type SystemEvent, someTime } from '../crash/system-events.ts'
import { schema } from './cluster.ts'
import type { ClusterPublisherOptions } from './http-publisher.ts'

export interface SqlPublisherOptions extends ClusterPublisherOptions {
  /** The port of the server that takes writes, as far as anybody knows. */
  readonly port: () => number
  /** How long a transaction stays open, in milliseconds, about. */
  readonly openMs: number
}

/** How long it waits for an answer of the server before it connects again, in milliseconds. */
const answerMs = 10_000

/** What became of a transaction: one whose connection was lost has not happened, unless its commit was under way. */
type Outcome = 'committed' | 'rolled back' | 'lost' | 'unknown'

/**
 * Publishes in transactions, one after the other: of one event or several, some of them rolled back, whole or to a savepoint. One whose
 * commit is not answered may have happened.
 */
export async function publishInSql(options: SqlPublisherOptions): Promise<void> {
  const { checker, outages, deliveries, random, maxPauseMs, openMs, stopping, onDone } = options
  let client: pg.Client | undefined
  let end: (() => void) | undefined
  let number = 0
  while (!stopping.aborted) {
    const begunAt = performance.now()
    end ??= openMs > 0 ? () => {} : outages.begin('publish in SQL')
    const events = plan(options, number)
    try {
      client ??= await connect(options.port())
    } catch {
      await pause(50)
      continue
    }
    number += events.length
    for (const { event, batch } of events) {
      checker.publish({ ...event, batch, mayBeLate: true })
      deliveries.begun(event)
    }
    const outcome = await run(client, events, options)
    for (const { event, isKept } of events) {
      if (!isKept || outcome === 'rolled back' || outcome === 'lost') checker.rollBack(event)
      else if (outcome === 'committed') {
        checker.commit(event)
        deliveries.stored(event)
      }
    }
    if (outcome === 'committed') {
      end()
      onDone(begunAt)
    }
    if (outcome === 'committed' || outcome === 'rolled back') end = undefined
    if (outcome === 'unknown' || outcome === 'lost' || ended.has(client)) {
      abandon(client)
      client = undefined
      await pause(50)
    } else await someTime(random, maxPauseMs)
  }
  abandon(client)
}

interface PlannedEvent {
  readonly event: SystemEvent
  /** Whether it is not rolled back to a savepoint. */
  readonly isKept: boolean
  readonly batch: string | undefined
}

function plan({ publisher, random, eventOf }: SqlPublisherOptions, number: number): PlannedEvent[] {
  const count = random() < 0.5 ? 1 : 2 + Math.floor(random() * 4)
  // The last of several may be rolled back to a savepoint.
  const kept = count > 1 && random() < 0.3 ? count - 1 : count
  return Array.from({ length: count }, (_, index) => {
    const isKept = index < kept
    return {
      event: eventOf(number + index),
      isKept,
      batch: isKept && kept > 1 ? `transaction ${publisher}:${number}` : undefined,
    }
  })
}

async function run(
  client: pg.Client,
  events: readonly PlannedEvent[],
  { random, openMs }: SqlPublisherOptions,
): Promise<Outcome> {
  let isCommitting = false
  try {
    await client.query('BEGIN')
    for (const { event, isKept } of events) {
      if (!isKept) await client.query('SAVEPOINT before')
      await publish(client, event)
      if (!isKept) await client.query('ROLLBACK TO before')
    }
    if (openMs > 0) await someTime(random, openMs)
    if (random() < 0.15) {
      await client.query('ROLLBACK')
      return 'rolled back'
    }
    isCommitting = true
    const { command } = await client.query('COMMIT')
    return command === 'COMMIT' ? 'committed' : 'lost'
  } catch {
    return isCommitting ? 'unknown' : 'lost'
  }
}

async function publish(client: pg.Client, { topics, data, isPrivate, type, id, retryMs }: SystemEvent): Promise<void> {
  await client.query(
    `SELECT ${schema}.publish(topic => $1, data => $2::text, type => $3, private => $4, id => $5, retry => $6, alternates => $7)`,
    [topics[0], data, type ?? null, isPrivate, id ?? null, retryMs ?? null, topics.slice(1)],
  )
}

const ended = new WeakSet<pg.Client>()

async function connect(port: number): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'headwater',
    database: 'postgres',
    connectionTimeoutMillis: 2000,
    query_timeout: answerMs,
  })
  client.on('error', () => ended.add(client))
  client.on('end', () => ended.add(client))
  try {
    await client.connect()
    const { rows } = await client.query('SELECT pg_is_in_recovery() AS recovering')
    if (rows[0].recovering) throw new Error('it is a standby')
    return client
  } catch (error) {
    abandon(client)
    throw error
  }
}

/** A client whose server does not answer cannot be ended with its help. */
function abandon(client: pg.Client | undefined): void {
  if (!client) return
  const { stream } = (client as pg.Client & { connection: { stream: { destroy(): void } } }).connection
  stream.destroy()
  client.end().catch(() => {})
}
