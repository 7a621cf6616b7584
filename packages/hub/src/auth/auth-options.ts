import { HubError } from '../base/errors.ts'
import { type Algorithm, isAlgorithm, publicKeyAlgorithms, secretAlgorithms } from './algorithms.ts'
import type { ConfiguredKeys } from './configured-key.ts'
import type { Role } from './dialect.ts'
import { PublishOrigins } from './publish-origins.ts'

/** The keys that the tokens of one role are verified with. */
export interface RoleOptions {
  /**
   * Each one of: the URL of a JWK Set (`https://…`); `file:` and the path of any of what follows; a PEM public key; a JWK Set; a
   * shared secret. Several while one replaces another.
   */
  readonly key: string | readonly string[]
  /**
   * Which algorithms tokens may be signed with. Default: all of public keys that fit the key. For a shared secret there is no
   * default: `HS256`, `HS384` or `HS512`.
   */
  readonly algorithms?: Algorithm | readonly Algorithm[] | undefined
}

/** Who may vouch for publishers and subscribers. */
export interface IssuerOptions {
  /** What a token of this issuer has as its `iss`, to the letter. */
  readonly issuer?: string | undefined
  /** Default: publishers cannot have a token from this issuer. */
  readonly publisher?: RoleOptions | undefined
  /** Default: subscribers cannot have a token from this issuer. */
  readonly subscriber?: RoleOptions | undefined
}

/** Who may publish and subscribe, as an operator writes it. */
export interface AuthOptions extends IssuerOptions {
  /** In place of `issuer`, `publisher` and `subscriber`, when there are several. Each has its own keys: none can vouch for another. */
  readonly issuers?: readonly IssuerOptions[] | undefined
  /**
   * The public URL of the hub, or all of them: what tokens have as their `aud`, so that one for another server is no good here. Needed
   * with keys.
   */
  readonly audience?: string | readonly string[] | undefined
  /** Whether who has no token may subscribe to what is public. Default false. */
  readonly anonymousSubscribers?: boolean | undefined
  /** Whether who has no token may publish, on any topic. Only where nobody but publishers can reach the hub. Default false. */
  readonly anonymousPublishers?: boolean | undefined
  /**
   * Whose pages may publish by cookie: `https://example.com`, `https://*.example.com` for all below it, or `*`. Default: none. By the
   * `Authorization` header a page may always publish that has a token (and CORS).
   */
  readonly publishOrigins?: readonly string[] | undefined
  /** The cookie with the token. Default `__Secure-mercure_access_token`. Over plain HTTP browsers take none whose name begins like that. */
  readonly cookie?: string | undefined
  /** Where clients can get a token, for them to read in the hub's metadata. Default: not said. */
  readonly authorizationServers?: readonly string[] | undefined
  /** How far the clocks of issuers may be ahead, for `nbf`. In seconds, 0 to 300. Default 5. */
  readonly clockToleranceSeconds?: number | undefined
  /** Whether tokens of Mercure before 1.0 are good as well. They need no issuer, audience or expiry. Default false. */
  readonly compat?: boolean | undefined
}

/** What was configured, checked and with all defaults in place. */
export interface AuthConfig {
  readonly issuers: readonly IssuerConfig[]
  /** The hub's own URLs, as tokens and its metadata name it. */
  readonly resources: readonly string[]
  readonly anonymousSubscribers: boolean
  readonly anonymousPublishers: boolean
  readonly publishOrigins: PublishOrigins
  readonly cookieName: string
  readonly authorizationServers: readonly string[]
  readonly clockToleranceMs: number
  readonly isCompat: boolean
  /** What the operator should think about. */
  readonly warnings: readonly string[]
}

export interface IssuerConfig {
  /** `undefined` only with compat: then it has only tokens of before 1.0. */
  readonly issuer: string | undefined
  readonly keys: Readonly<Partial<Record<Role, ConfiguredKeys>>>
}

const defaultCookieName = '__Secure-mercure_access_token'
const maxToleranceSeconds = 300

/**
 * Checks the configuration of who may do what. The keys themselves are only read by `Authenticator.create`.
 *
 * @throws HubError `INVALID_OPTION`, with the name of the option at fault and never a key.
 */
export function parseAuthOptions(value: unknown): AuthConfig {
  const options = asObject(value, '', [...issuerNames, ...otherNames])
  const isCompat = readBoolean(options.compat, 'compat')
  const issuers = readIssuers(options, isCompat)
  const resources = readResources(options.audience)
  const anonymousSubscribers = readBoolean(options.anonymousSubscribers, 'anonymousSubscribers')
  const anonymousPublishers = readBoolean(options.anonymousPublishers, 'anonymousPublishers')
  const publishOrigins = readStrings(options.publishOrigins ?? [], 'publishOrigins')

  if (issuers.some(({ issuer }) => issuer !== undefined) && resources.length === 0) {
    fail(
      'audience',
      'is missing. Tokens must say that they are for this hub: give its public URL, such as https://hub.example.com/.well-known/mercure (--audience).',
    )
  }
  if (!anonymousSubscribers && !issuers.some(({ keys }) => keys.subscriber)) {
    fail(
      'subscriber.key',
      "is missing, so nobody could subscribe. Give the key for subscribers' tokens (--subscriber-key), or let everybody have what is public (--anonymous).",
    )
  }
  const warnings: string[] = []
  if (isCompat && issuers.length > 0)
    warnings.push('compat: tokens of Mercure before 1.0 are good, whomever they were made for, and may never expire.')
  if (anonymousPublishers) warnings.push('anonymousPublishers: everybody who can reach the hub can publish.')
  if (publishOrigins.includes('*'))
    warnings.push('publishOrigins: every page can publish with the cookie of whoever opens it.')
  return {
    issuers,
    resources,
    anonymousSubscribers,
    anonymousPublishers,
    publishOrigins: new PublishOrigins(publishOrigins),
    cookieName: readCookieName(options.cookie),
    authorizationServers: readServers(options.authorizationServers),
    clockToleranceMs: readTolerance(options.clockToleranceSeconds),
    isCompat,
    warnings,
  }
}

const issuerNames = ['issuer', 'publisher', 'subscriber'] as const
const otherNames = [
  'issuers',
  'audience',
  'anonymousSubscribers',
  'anonymousPublishers',
  'publishOrigins',
  'cookie',
  'authorizationServers',
  'clockToleranceSeconds',
  'compat',
] as const

function readIssuers(options: Record<string, unknown>, isCompat: boolean): readonly IssuerConfig[] {
  if (options.issuers === undefined) {
    const only = readIssuer(options, '', isCompat)
    return only ? [only] : []
  }
  const clash = issuerNames.find((name) => options[name] !== undefined)
  if (clash) fail('issuers', `cannot be given together with ${clash}. Move ${clash} into the list.`)
  if (!Array.isArray(options.issuers)) fail('issuers', 'is no list.')
  const issuers = options.issuers.map((issuer: unknown, index) => {
    const prefix = `issuers[${index}].`
    const read = readIssuer(asObject(issuer, prefix, issuerNames), prefix, isCompat)
    return read ?? fail(`issuers[${index}]`, 'has no key. Give it a publisher, a subscriber or both.')
  })
  const names = issuers.map(({ issuer }) => issuer)
  names.forEach((name, index) => {
    if (names.indexOf(name) === index) return
    fail(
      `issuers[${index}].issuer`,
      `is ${JSON.stringify(name)} again. Give several keys of one issuer as a list: key: […].`,
    )
  })
  return issuers
}

/** `undefined` when it has no keys. */
function readIssuer(options: Record<string, unknown>, prefix: string, isCompat: boolean): IssuerConfig | undefined {
  const issuer = options.issuer === undefined ? undefined : readText(options.issuer, `${prefix}issuer`)
  const publisher = readRole(options.publisher, `${prefix}publisher`)
  const subscriber = readRole(options.subscriber, `${prefix}subscriber`)
  if (!publisher && !subscriber) {
    if (issuer !== undefined)
      fail(`${prefix}issuer`, 'has no keys. Give it a publisher, a subscriber or both (--publisher-key).')
    return undefined
  }
  if (issuer === undefined && !isCompat) {
    fail(
      `${prefix}issuer`,
      'is missing. Say what the tokens verified with these keys have as their "iss", such as https://example.com (--issuer).',
    )
  }
  return { issuer, keys: { ...(publisher && { publisher }), ...(subscriber && { subscriber }) } }
}

function readRole(value: unknown, name: string): ConfiguredKeys | undefined {
  if (value === undefined) return undefined
  const { key, algorithms } = asObject(value, `${name}.`, ['key', 'algorithms'])
  const keys = readStrings(key, `${name}.key`)
  if (keys.length === 0) fail(`${name}.key`, 'is missing.')
  if (algorithms === undefined) return { name, keys, algorithms: undefined }
  const listed = readStrings(algorithms, `${name}.algorithms`)
  if (listed.length === 0) fail(`${name}.algorithms`, 'is empty. Leave it out for all that fit the key.')
  return { name, keys, algorithms: listed.map((algorithm) => readAlgorithm(algorithm, `${name}.algorithms`)) }
}

function readAlgorithm(text: string, name: string): Algorithm {
  if (isAlgorithm(text)) return text
  const known = [...secretAlgorithms, ...publicKeyAlgorithms].join(', ')
  return fail(name, `has ${JSON.stringify(text)}, which is no algorithm for tokens. There are ${known} (--key-alg).`)
}

function readResources(value: unknown): readonly string[] {
  const resources = readStrings(value ?? [], 'audience')
  for (const resource of resources) {
    const url = URL.canParse(resource) ? new URL(resource) : undefined
    // [RFC 8707, 2] An absolute URI without a fragment; and of HTTP, because the metadata is found from it (RFC 9728, 3).
    if (url && /^https?:$/.test(url.protocol) && !resource.includes('#')) continue
    fail(
      'audience',
      `is ${JSON.stringify(resource)}. It must be the hub's public URL, such as https://hub.example.com/.well-known/mercure (--audience).`,
    )
  }
  return resources
}

function readCookieName(value: unknown): string {
  if (value === undefined) return defaultCookieName
  const name = readText(value, 'cookie')
  // [RFC 6265, 4.1.1] A token.
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(name)) return name
  return fail('cookie', `is ${JSON.stringify(name)}, which is no name for a cookie.`)
}

function readServers(value: unknown): readonly string[] {
  const servers = readStrings(value ?? [], 'authorizationServers')
  const bad = servers.find((server) => !URL.canParse(server) || new URL(server).protocol !== 'https:')
  if (bad !== undefined) fail('authorizationServers', `has ${JSON.stringify(bad)}, which is no https URL.`)
  return servers
}

function readTolerance(value: unknown): number {
  if (value === undefined) return 5000
  if (typeof value === 'number' && value >= 0 && value <= maxToleranceSeconds) return value * 1000
  return fail('clockToleranceSeconds', `is ${String(value)}. It must be a number from 0 to ${maxToleranceSeconds}.`)
}

function readBoolean(value: unknown, name: string): boolean {
  if (value === undefined) return false
  if (typeof value === 'boolean') return value
  return fail(name, 'must be true or false.')
}

function readStrings(value: unknown, name: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((item) => readText(item, name))
}

function readText(value: unknown, name: string): string {
  if (value === undefined) return fail(name, 'is missing.')
  if (typeof value !== 'string') return fail(name, `is of type ${typeof value}, and must be text.`)
  if (value.trim() === '') return fail(name, 'is empty.')
  return value
}

function asObject(value: unknown, prefix: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(prefix.slice(0, -1) || 'The configuration of tokens', `must be an object with ${known.join(', ')}.`)
  }
  const stray = Object.keys(value).find((name) => !known.includes(name))
  if (stray !== undefined) fail(`${prefix}${stray}`, `is no option. There are ${known.join(', ')}.`)
  return value as Record<string, unknown>
}

function fail(name: string, what: string): never {
  throw new HubError('INVALID_OPTION', `${name} ${what}`)
}
