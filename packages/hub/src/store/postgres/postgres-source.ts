import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { HubError } from '../../base/errors.ts'
import type { HistorySource, Sequenced, SourcePage, SourceStatus } from '../replicated/history-source.ts'
import type { Retention } from '../retention.ts'
import type { Append } from '../store.ts'
import type { PostgresAddress } from './address.ts'
import { cautionsOf } from './administer.ts'
import { BatchSequencer } from './batch-sequencer.ts'
import { type Connection, isAway, type ServerFacts } from './connect.ts'
import { type EventRow, eventColumns, toStoredEvent } from './event-params.ts'
import { Keeper } from './keeper.ts'
import { LastingConnection } from './lasting-connection.ts'
import { PostgresNodes, register } from './postgres-nodes.ts'
import { channelOf, schemaVersion } from './schema.ts'

/** The most events, and about the most bytes, of a page. */
const pageEvents = 2000
const pageBytes = 8 * 1024 ** 2

export interface PostgresSourceOptions extends Required<{ [Bound in keyof Retention]: number }> {
  readonly address: PostgresAddress
  readonly idempotencyMs: number
  readonly now: (() => number) | undefined
  readonly onError: (error: HubError) => void
  readonly onCaution: ((caution: string) => void) | undefined
}

/** What an engine says at the start. */
export interface EngineGreeting {
  readonly epoch: string
  readonly facts: ServerFacts
}

/** The shortest time between two greetings, in milliseconds. */
const retryMs = 250

/** A history in PostgreSQL. */
export class PostgresSource implements HistorySource {
  readonly epoch: string
  readonly nodes: PostgresNodes
  readonly name = 'the engine'
  failure: HubError | undefined
  readonly #schema: string
  readonly #reader: LastingConnection
  readonly #writer: LastingConnection
  readonly #sequencer: BatchSequencer
  readonly #keeper: Keeper
  readonly #listeners: (() => void)[] = []
  #headPosition: number | undefined
  #heardAt = performance.now()
  #isConnected = false

  /**
   * Asks an engine which history it has, until it answers. Resolves to why it does not, if it is
   * away.
   *
   * @throws HubError `STORE_FAILED`, `INVALID_OPTION`
   */
  static async greet(address: PostgresAddress, waitMs: number): Promise<EngineGreeting | HubError> {
    const deadline = performance.now() + waitMs
    const probe = new LastingConnection({ address, name: 'headwater' })
    try {
      for (;;) {
        try {
          const connection = await probe.get()
          return { epoch: await epochOf(connection, address), facts: connection.facts }
        } catch (error) {
          const failure = notOpened(error, address)
          if (!isAway(error)) throw failure
          if (performance.now() >= deadline) return failure
          probe.drop()
          await wait(retryMs)
        }
      }
    } finally {
      probe.close()
    }
  }

  /** `facts` are those of the engine, if it was reached. */
  constructor(
    { address, idempotencyMs, now, onError, onCaution, ...retention }: PostgresSourceOptions,
    epoch: string,
    facts: ServerFacts | undefined,
  ) {
    this.epoch = epoch
    this.#schema = address.schema
    let hasCautioned = false
    const caution = (known: ServerFacts) => {
      if (!hasCautioned) for (const each of cautionsOf(known)) onCaution?.(each)
      hasCautioned = true
    }
    if (facts) caution(facts)
    const node = { name: randomUUID(), description: `${hostname()} ${process.pid}` }
    const assertSame = async (connection: Connection) => {
      const found = await epochOf(connection, address)
      const isOther = found !== epoch
      const why = `${address.text} now has the history ${found}, not ${epoch}: it was made anew. Restart the hub.`
      this.failure = isOther ? new HubError('STORE_DIVERGED', why) : undefined
      if (isOther) throw new HubError('STORE_DIVERGED', `The event was not stored: ${why}`)
    }
    this.#reader = new LastingConnection({
      address,
      name: 'headwater tail',
      onConnect: async (connection) => {
        await assertSame(connection)
        caution(connection.facts)
        // This node learns of its own batches from their answers.
        connection.client.on('notification', ({ payload }) => {
          if (payload !== node.name) this.#onChange()
        })
        await connection.client.query(`LISTEN "${channelOf(this.#schema)}"`)
      },
      onLost: () => this.#onChange(),
    })
    this.#writer = new LastingConnection({
      address,
      name: 'headwater publish',
      onConnect: async (connection) => {
        await assertSame(connection)
        await register(connection, node)
      },
    })
    this.#sequencer = new BatchSequencer({
      connection: this.#writer,
      node: node.name,
      waitMs: address.waitMs,
      idempotencyMs,
      now,
    })
    this.nodes = new PostgresNodes({ address, node, onConnect: assertSame })
    this.#keeper = new Keeper({ address, retention, idempotencyMs, now, onError, onConnect: assertSame })
  }

  append(appends: readonly Append[]): Promise<Sequenced> {
    return this.#sequencer.append(appends)
  }

  read(after: number): Promise<SourcePage> {
    return this.#ask((client) => this.#readPage(client, after))
  }

  async tagsOf(positions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const { rows } = await this.#ask((client) =>
      client.query({
        rowMode: 'array',
        text: 'SELECT position, tag FROM event WHERE position = ANY ($1::bigint[])',
        values: [positions],
      }),
    )
    return new Map((rows as unknown as string[][]).map(([position, tag]) => [Number(position), Number(tag)]))
  }

  /** The tail is read at least once a second. */
  status(): SourceStatus {
    const silentMs = performance.now() - this.#heardAt
    return { isConnected: this.#isConnected, headPosition: this.#headPosition, silentMs }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  trim(): Promise<void> {
    return this.#keeper.trim()
  }

  async close(): Promise<void> {
    this.#listeners.length = 0
    await this.#sequencer.close()
    await this.#keeper.close()
    // Only now: the engine keeps the outcome of the last batch with the node.
    await this.nodes.close()
    this.#reader.close()
    this.#writer.close()
  }

  /** Asks by the connection of the reader. One that fails is not used again: its server may hang. */
  async #ask<T>(question: (client: Connection['client']) => Promise<T>): Promise<T> {
    try {
      const answer = await question((await this.#reader.get()).client)
      this.#isConnected = true
      this.#heardAt = performance.now()
      return answer
    } catch (error) {
      this.#isConnected = false
      this.#reader.drop()
      if (error instanceof HubError) throw error
      const said = error instanceof Error ? error.message : String(error)
      throw new HubError('STORE_FAILED', `The engine could not be read: ${said}.`, { cause: error })
    }
  }

  async #readPage(client: Connection['client'], after: number): Promise<SourcePage> {
    // The bounds first: every event up to the head can be read afterwards, or is trimmed.
    const { rows: bounds } = await client.query({ ...boundsQuery, values: [after] })
    const { rows } = await client.query({ ...pageQuery, values: [after] })
    const page = rows as unknown as PageRow[]
    const [head, headTag, trimmedBefore, tagBefore] = bounds[0] as unknown as [string, string, string, string | null]
    // Of the same moment as the events: what was trimmed between the two questions is not among them.
    const trimmedNow = page[0]?.at(-1) as string | undefined
    const [trimmed, trimmedTag] = (trimmedNow ?? trimmedBefore).split(' ')
    const events = page.map(toStoredEvent)
    this.#headPosition = Number(head)
    return {
      head: { position: Number(head), tag: Number(headTag) },
      trimmed: { position: Number(trimmed), tag: Number(trimmedTag) },
      tagBefore: tagBefore === null ? undefined : Number(tagBefore),
      events,
      isLast: (events.at(-1)?.position ?? after) >= Number(head),
    }
  }

  #onChange(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** The newest trimmed event, as `position tag`. */
const trimmedMark = "(SELECT position || ' ' || tag FROM trimmed)"

type PageRow = readonly [...EventRow, trimmedMark: string]

const boundsQuery = {
  name: 'bounds',
  rowMode: 'array',
  text: `SELECT position, tag, ${trimmedMark}, (SELECT tag FROM event WHERE position = $1) FROM head`,
} as const

const pageQuery = {
  name: 'page',
  rowMode: 'array',
  text: `SELECT ${eventColumns}, ${trimmedMark} FROM event WHERE position > $1 AND total_bytes - ${pageBytes} <=
      (SELECT total_bytes FROM event WHERE position > $1 ORDER BY position LIMIT 1)
    ORDER BY position LIMIT ${pageEvents}`,
} as const

function notOpened(error: unknown, { text }: PostgresAddress): HubError {
  if (error instanceof HubError) return error
  const said = error instanceof Error ? error.message : String(error)
  return new HubError(
    'STORE_FAILED',
    `The history in ${text} cannot be opened: ${said}. Find out what is missing: headwater store check`,
    { cause: error },
  )
}

/** @throws HubError `STORE_FAILED` if the tables are missing, or of another version */
async function epochOf({ client }: Connection, { schema, text }: PostgresAddress): Promise<string> {
  const { rows: found } = await client.query('SELECT to_regclass($1) IS NOT NULL AS exists', [`${schema}.history`])
  if (!found[0].exists) {
    throw new HubError(
      'STORE_FAILED',
      `${text} has no tables of Headwater in its schema ${schema}. Make them: headwater store init`,
    )
  }
  const { rows } = await client.query('SELECT version, epoch FROM history')
  const { version, epoch } = rows[0] as { version: number; epoch: string }
  if (version === schemaVersion) return epoch
  throw new HubError(
    'STORE_FAILED',
    version > schemaVersion
      ? `${text} has tables of version ${version}, and this Headwater knows ${schemaVersion}. Run a newer Headwater.`
      : `${text} has tables of version ${version}, and this Headwater needs ${schemaVersion}. Bring them up to date: headwater store init`,
  )
}
