import { HubError } from '../../base/errors.ts'

/** Where a PostgreSQL engine is, from a URL such as `postgres://user:secret@a,b:5433/name?schema=hub`. */
export interface PostgresAddress {
  /** One URL for each host, as `pg` reads them. */
  readonly urls: readonly string[]
  /** The schema with the tables. Default `headwater`. */
  readonly schema: string
  /** The directory of the local copy. Default `./headwater-data`. */
  readonly directory: string
  /** How long a publish waits for the engine, in milliseconds. Default 10000. */
  readonly waitMs: number
  /** How long the elected hub may be silent before the engine lets another one be elected, in seconds. Default 10. */
  readonly takeoverSeconds: number
  /** The URL without its password, for messages. */
  readonly text: string
  /** What tells this history from others: hosts, database and schema. */
  readonly identity: string
}

/** The parameters that are ours. All others are for the connection: `sslmode`, `sslrootcert`, … */
const ownParameters = ['schema', 'directory', 'wait', 'takeover'] as const

export function isPostgresUrl(url: string): boolean {
  return /^postgres(?:ql)?:/i.test(url)
}

/**
 * Reads the URL of an engine.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function parsePostgresAddress(url: string): PostgresAddress {
  const match =
    /^postgres(?:ql)?:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^/?#]*)\/(?<database>[^/?#]+)(?:\?(?<query>[^#]*))?$/i.exec(
      url,
    )
  if (!match) throw refusal(url, 'is not the URL of a database. Write postgres://USER@HOST[,HOST…]/DATABASE.')
  const { user, hosts = '', database = '', query = '' } = match.groups!
  const parameters = new URLSearchParams(query)
  const schema = parameters.get('schema') ?? 'headwater'
  if (!/^[a-z_][a-z0-9_]{0,47}$/.test(schema)) {
    throw refusal(
      url,
      `has the schema ${JSON.stringify(schema)}. Use up to 48 of a-z, 0-9 and _, the first not a digit.`,
    )
  }
  const directory = parameters.get('directory') ?? './headwater-data'
  const waitMs = parseWait(url, parameters.get('wait') ?? '10')
  const takeoverSeconds = parseTakeover(url, parameters.get('takeover') ?? '10')
  for (const name of ownParameters) parameters.delete(name)
  const rest = parameters.size > 0 ? `?${parameters}` : ''
  const urls = hosts.split(',').map((host) => {
    const each = `postgres://${user === undefined ? '' : `${user}@`}${host}/${database}${rest}`
    if (host === '' || !URL.canParse(each)) throw refusal(url, `has the host ${JSON.stringify(host)}.`)
    return each
  })
  const identity = `postgres://${hosts}/${database}?schema=${schema}`
  return { urls, schema, directory, waitMs, takeoverSeconds, text: withoutPassword(url), identity }
}

function parseWait(url: string, text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text) * 1000
  throw refusal(url, `has wait=${text}. Write whole seconds, such as wait=10.`)
}

/** A hub that is not elected asks once a second to be, so its session is silent for that long, too. */
function parseTakeover(url: string, text: string): number {
  const seconds = Number(text)
  if (/^\d{1,3}$/.test(text) && seconds >= 2) return seconds
  throw refusal(url, `has takeover=${text}. Write whole seconds, 2 or more, such as takeover=10.`)
}

function refusal(url: string, what: string): HubError {
  return new HubError('INVALID_OPTION', `${JSON.stringify(withoutPassword(url))} ${what}`)
}

/** A URL as it may be shown. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):.*@/is, '$1:…@')
}
