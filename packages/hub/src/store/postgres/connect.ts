import type { Client, ClientConfig } from 'pg'
import { HubError } from '../../base/errors.ts'
import type { PostgresAddress } from './address.ts'
import { isPooledByTransaction } from './pooling.ts'
import { quoteName } from './schema.ts'

/** How long a host may take to accept a connection, in milliseconds. */
const connectMs = 5000
/**
 * How long a server may take to answer a query, in milliseconds. A server that lost its power closes no connection, and TCP notices
 * only after a quarter of an hour.
 */
const answerMs = 10_000
/** The oldest server that has what this store uses: sessions that end when they are idle. */
const oldestVersion = 140_000

/** What is known of a server, once connected. */
export interface ServerFacts {
  /** Such as 180004. */
  readonly version: number
  readonly isInRecovery: boolean
  readonly synchronousCommit: string
  readonly synchronousStandbys: string
  readonly fsync: string
  /** Of the database. Only UTF8 holds every event. */
  readonly encoding: string
  /** Whether a pooler is between. It pools by session. */
  readonly isPooled: boolean
}

/** A connection to the server that takes writes. */
export interface Connection {
  readonly client: Client
  readonly facts: ServerFacts
  /** Resolves when the connection has ended, however. */
  readonly ended: Promise<void>
  /** Ends the connection without waiting for the server. */
  destroy(): void
}

let driver: Promise<typeof import('pg')> | undefined

/** @throws HubError `INVALID_OPTION` if `pg` is not installed */
function loadDriver(): Promise<typeof import('pg')> {
  // Bundlers look for the package, which most programs do not have. The comments keep webpack and Turbopack from that, and the
  // handler on the import itself tells esbuild that its absence is no mistake.
  driver ??= import(/* webpackIgnore: true */ /* turbopackIgnore: true */ 'pg').catch((cause) => {
    throw new HubError('INVALID_OPTION', 'A store in PostgreSQL needs the package pg: npm install pg', { cause })
  })
  return driver
}

/**
 * Connects to the host that takes writes: of several, the one that answers first. Rejects with what
 * is wrong with each host.
 *
 * @throws HubError `STORE_FAILED`, `INVALID_OPTION`
 */
export async function connect(address: PostgresAddress, applicationName: string): Promise<Connection> {
  const { default: pg } = await loadDriver()
  const clients = address.urls.map((url) => new pg.Client({ ...configOf(url), application_name: applicationName }))
  const clientFor = (index: number) => new pg.Client(configOf(address.urls[index]!))
  const problems: string[] = []
  const attempts = clients.map(async (client, index) => {
    try {
      return await open(client, address.schema, () => clientFor(index))
    } catch (error) {
      problems[index] =
        `${new URL(address.urls[index]!).host}: ${error instanceof Error ? error.message : String(error)}`
      throw error
    }
  })
  let connection: Connection | undefined
  try {
    // All at once: a host that does not answer holds nobody up.
    connection = await Promise.any(attempts)
    return connection
  } catch (error) {
    throw new HubError('STORE_FAILED', `No server of ${address.text} takes events (${problems.join('; ')}).`, {
      cause: error,
    })
  } finally {
    for (const client of clients) if (client !== connection?.client) destroy(client)
  }
}

function configOf(connectionString: string): ClientConfig {
  return {
    connectionString,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
  }
}

async function open(client: Client, schema: string, another: () => Client): Promise<Connection> {
  const ended = new Promise<void>((resolve) => {
    client.once('end', () => resolve())
    // Without a listener, a lost connection would end the process.
    client.on('error', () => resolve())
  })
  await client.connect()
  const facts = await factsOf(client)
  if (facts.version < oldestVersion) {
    throw unfit(`PostgreSQL ${Math.floor(facts.version / 10_000)} is too old; use 14 or newer`)
  }
  if (facts.encoding !== 'UTF8') {
    throw unfit(`the database has the encoding ${facts.encoding}; use one made with ENCODING 'UTF8'`)
  }
  if (facts.isInRecovery) throw new Error('it is a standby')
  // Before anything is set: in transaction mode, other clients of the pooler would get it.
  if (facts.isPooled) await assertPooledBySession(client, another())
  // A dead client must not keep a lock: the server notices within about half a minute.
  await client.query(`
    SET search_path = ${quoteName(schema)};
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`)
  return { client, facts, ended, destroy: () => destroy(client) }
}

async function assertPooledBySession(client: Client, another: Client): Promise<void> {
  another.on('error', () => {})
  if (!(await isPooledByTransaction(client, another))) return
  throw unfit(
    'a pooler in transaction mode is in between, where no session lasts: the election of a hub, notifications and prepared statements need one. Connect to the server itself, or pool by session: pool_mode = session in PgBouncer',
  )
}

/** An error that another attempt does not mend. */
function unfit(message: string): HubError {
  return new HubError('STORE_FAILED', message)
}

async function factsOf(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query(`
    SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS recovering,
      current_setting('synchronous_commit') AS commit, current_setting('synchronous_standby_names') AS standbys,
      current_setting('fsync') AS fsync, current_setting('server_encoding') AS encoding, pg_backend_pid() AS pid`)
  const { version, recovering, commit, standbys, fsync, encoding, pid } = rows[0]
  return {
    version,
    isInRecovery: recovering,
    synchronousCommit: commit,
    synchronousStandbys: standbys,
    fsync,
    encoding,
    // A pooler makes up the number that it tells its clients.
    isPooled: (client as Client & { processID: number }).processID !== pid,
  }
}

function destroy(client: Client): void {
  const { stream } = (client as Client & { connection: { stream: { destroy(): void } } }).connection
  stream.destroy()
  // Marks the client as ended, so that its queries reject.
  client.end().catch(() => {})
}

/** Whether an error of `connect`, or of a query after it, may be gone soon: then the engine is away. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof HubError)) return isTemporary(error)
  const { cause } = error
  return (
    cause instanceof AggregateError && cause.errors.some((each) => !(each instanceof HubError) && isTemporary(each))
  )
}

/** The code of an error of PostgreSQL, such as `42P01`; `undefined` of any other error. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code)
    ? error.code
    : undefined
}

/**
 * Whether an error is of the connection or of the server as a whole, so that another attempt, perhaps
 * on another host, may succeed: a lost connection, a server that stops, starts or became a standby.
 */
export function isTemporary(error: unknown): boolean {
  const state = sqlState(error)
  return (
    state === undefined ||
    /^(?:08|57P0[123]|25006|40|53300|55P03)/.test(state) ||
    // The query took too long for its statement_timeout.
    state === '57014'
  )
}
