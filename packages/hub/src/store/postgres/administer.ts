import { HubError } from '../../base/errors.ts'
import { type PostgresAddress, parsePostgresAddress } from './address.ts'
import { type Connection, connect, type ServerFacts, sqlState } from './connect.ts'
import { migrationSql, quoteName, schemaSql, schemaVersion } from './schema.ts'

/** A result of the examination of an engine. */
export interface EngineFinding {
  /** `bad`: a hub will not start, or not store events. `worth a look`: it will, for now. */
  readonly verdict: 'good' | 'worth a look' | 'bad'
  readonly about: 'server' | 'durability' | 'connection' | 'schema' | 'rights' | 'history' | 'outbox' | 'nodes'
  /** In words, with advice if needed. */
  readonly text: string
}

/** What a node must be allowed to do with each table. */
const rightsOnTables: Readonly<Record<string, readonly string[]>> = {
  history: ['SELECT'],
  head: ['SELECT', 'UPDATE'],
  trimmed: ['SELECT', 'UPDATE'],
  event: ['SELECT', 'INSERT', 'DELETE'],
  idempotency: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  node: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  node_note: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  outbox: ['SELECT', 'DELETE'],
}
const functionsOfNodes = ['append_batch', 'refused_groups', 'sequence_outbox', 'trim_events', 'now_ms']

/**
 * Makes the tables and functions of a history, unless they are there. With `role`, another role than
 * the one in the URL is granted what a hub needs. Returns whether they were made.
 *
 * @throws HubError `INVALID_OPTION`, `STORE_FAILED`
 */
export async function initializeEngine(url: string, role?: string): Promise<{ isNew: boolean; text: string }> {
  const address = parsePostgresAddress(url)
  return await withConnection(address, async ({ client }) => {
    try {
      await client.query('BEGIN')
      const isNew = !(await hasTables(client, address.schema))
      if (isNew) await client.query(schemaSql(address.schema))
      else await bringUpToDate(client, address)
      if (role !== undefined) await client.query(grantsFor(address.schema, role))
      await client.query('COMMIT')
      return { isNew, text: address.text }
    } catch (error) {
      if (error instanceof HubError) throw error
      const said = error instanceof Error ? error.message : String(error)
      const hint =
        sqlState(error) === '42501'
          ? ' Use the URL of a role that may create a schema in this database, and --grant for the role of the hubs.'
          : ''
      throw new HubError('STORE_FAILED', `The tables in ${address.text} could not be made: ${said}.${hint}`, {
        cause: error,
      })
    }
  })
}

/** Examines an engine as a hub with this URL would use it, and changes nothing. */
export async function examineEngine(url: string): Promise<EngineFinding[]> {
  const address = parsePostgresAddress(url)
  let connection: Connection
  try {
    connection = await connect(address, 'headwater store check')
  } catch (error) {
    if (error instanceof HubError && error.code === 'INVALID_OPTION') throw error
    return [{ verdict: 'bad', about: 'server', text: error instanceof Error ? error.message : String(error) }]
  }
  try {
    const findings = findingsOfServer(connection.facts)
    if (!(await hasTables(connection.client, address.schema))) {
      const text = `there are no tables of Headwater in the schema ${address.schema}. Make them: headwater store init`
      return [...findings, { verdict: 'bad', about: 'schema', text }]
    }
    findings.push(...(await findingsOfRights(connection.client, address.schema)))
    if (findings.some(({ verdict, about }) => verdict === 'bad' && about === 'rights')) return findings
    findings.push(...(await findingsOfHistory(connection.client)))
    return findings
  } finally {
    connection.destroy()
  }
}

/** What an acknowledged event survives, and what is unusual, for the log of a hub that starts. */
export function cautionsOf(facts: ServerFacts): string[] {
  return findingsOfServer(facts)
    .filter(({ verdict }) => verdict !== 'good')
    .map(({ about, text }) => `the ${about} of the engine: ${text}`)
}

function findingsOfServer(facts: ServerFacts): EngineFinding[] {
  const { version, synchronousCommit, synchronousStandbys, fsync, isPooled } = facts
  const findings: EngineFinding[] = [
    { verdict: 'good', about: 'server', text: `PostgreSQL ${Math.floor(version / 10_000)}, and it takes writes.` },
  ]
  if (fsync === 'off') {
    findings.push({
      verdict: 'worth a look',
      about: 'durability',
      text: 'fsync is off: a crash of the machine may destroy the whole database. Turn it on.',
    })
  } else if (synchronousCommit === 'off') {
    findings.push({
      verdict: 'worth a look',
      about: 'durability',
      text: 'synchronous_commit is off: a crash of the server may lose acknowledged events of the last moments. Their subscribers are told of a gap.',
    })
  } else if (synchronousStandbys === '' || synchronousCommit === 'local') {
    findings.push({
      verdict: 'worth a look',
      about: 'durability',
      text: 'no standby confirms a commit: events survive a crash of the server, but not the loss of its disk, and a failover may lose the last ones. Set synchronous_standby_names.',
    })
  } else {
    findings.push({
      verdict: 'good',
      about: 'durability',
      text: `a commit waits for ${synchronousStandbys} (synchronous_commit = ${synchronousCommit}).`,
    })
  }
  if (isPooled) {
    findings.push({
      verdict: 'good',
      about: 'connection',
      text: 'a pooler is between the hub and the server, and pools by session. Each hub holds four of its connections.',
    })
  }
  return findings
}

type Client = Connection['client']

async function hasTables(client: Client, schema: string): Promise<boolean> {
  const { rows } = await client.query(
    "SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'history'",
    [schema],
  )
  return rows.length > 0
}

/** Within a transaction. */
async function bringUpToDate(client: Client, { schema, text }: PostgresAddress): Promise<void> {
  const { rows } = await client.query(`SELECT version FROM ${quoteName(schema)}.history`)
  const version = rows[0].version as number
  if (version === schemaVersion) return
  if (version === 1) {
    await client.query(migrationSql(schema))
    return
  }
  throw new HubError(
    'STORE_FAILED',
    `${text} has tables of version ${version}, and this Headwater knows ${schemaVersion}.`,
  )
}

async function findingsOfRights(client: Client, schema: string): Promise<EngineFinding[]> {
  const { rows: usage } = await client.query("SELECT has_schema_privilege($1, 'USAGE') AS has, current_user AS role", [
    schema,
  ])
  const { has, role } = usage[0] as { has: boolean; role: string }
  const missing: string[] = has ? [] : [`USAGE on schema ${schema}`]
  if (has) {
    for (const [table, rights] of Object.entries(rightsOnTables)) {
      for (const right of rights) {
        const { rows } = await client.query('SELECT has_table_privilege($1, $2) AS has', [`${schema}.${table}`, right])
        if (!rows[0].has) missing.push(`${right} on ${schema}.${table}`)
      }
    }
    const { rows } = await client.query(
      `SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
      WHERE n.nspname = $1 AND p.proname = ANY ($2) AND NOT has_function_privilege(p.oid, 'EXECUTE')`,
      [schema, functionsOfNodes],
    )
    for (const { proname } of rows) missing.push(`EXECUTE on ${schema}.${proname as string}`)
  }
  if (missing.length === 0) return [{ verdict: 'good', about: 'rights', text: `${role} may do what a hub does.` }]
  const text = `${role} lacks ${missing.join(', ')}. As the owner of the tables: headwater store init --grant ${role}`
  return [{ verdict: 'bad', about: 'rights', text }]
}

async function findingsOfHistory(client: Client): Promise<EngineFinding[]> {
  const { rows } = await client.query(`
    SELECT version, epoch, head.position AS head, trimmed.position AS trimmed,
      head.total_events - trimmed.total_events AS events, head.total_bytes - trimmed.total_bytes AS bytes,
      (SELECT count(*) FROM (SELECT FROM outbox LIMIT 10001) AS oldest) AS waiting,
      (SELECT count(*) FROM node WHERE seen_at > now() - interval '1 minute') AS nodes
    FROM history, head, trimmed`)
  const { version, epoch, head, trimmed, events, bytes, waiting, nodes } = rows[0]
  if (version !== schemaVersion) {
    const text = `the tables are of version ${version}, and this Headwater knows ${schemaVersion}.`
    return [{ verdict: 'bad', about: 'schema', text }]
  }
  const mebibytes = (Number(bytes) / 1024 ** 2).toFixed(1)
  const history = `epoch ${epoch}, ${events} events of ${mebibytes} MiB, up to position ${head}, trimmed up to ${trimmed}.`
  return [
    { verdict: 'good', about: 'schema', text: `version ${version}.` },
    { verdict: 'good', about: 'history', text: history },
    Number(waiting) > 10_000
      ? {
          verdict: 'worth a look',
          about: 'outbox',
          text: 'more than 10000 published rows wait for a position: is any hub running, and can it keep up?',
        }
      : { verdict: 'good', about: 'outbox', text: `${waiting} rows wait for a position.` },
    { verdict: 'good', about: 'nodes', text: `${nodes} hubs stored something in the last minute.` },
  ]
}

function grantsFor(schema: string, role: string): string {
  const name = quoteName(schema)
  const grantee = quoteName(role)
  const grants = Object.entries(rightsOnTables).map(
    ([table, rights]) => `GRANT ${rights.join(', ')} ON ${name}.${table} TO ${grantee};`,
  )
  return `
    GRANT USAGE ON SCHEMA ${name} TO ${grantee};
    ${grants.join('\n')}
    DO $$ BEGIN EXECUTE (
      SELECT string_agg(format('GRANT EXECUTE ON FUNCTION %s TO ${grantee.replaceAll("'", "''").replaceAll('%', '%%')}', p.oid::regprocedure), '; ')
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
      WHERE n.nspname = '${schema}' AND p.proname IN (${functionsOfNodes.map((each) => `'${each}'`).join(', ')})
    ); END $$;`
}

async function withConnection<T>(address: PostgresAddress, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect(address, 'headwater store init')
  try {
    return await use(connection)
  } finally {
    connection.destroy()
  }
}
