import { suggestName } from '@headwater/sse/internal'
import { HubError } from '../base/errors.ts'
import { type Algorithm, isAlgorithm, publicKeyAlgorithms, secretAlgorithms } from './algorithms.ts'
import type { ConfiguredKeys } from './configured-key.ts'
import type { Role } from './dialect.ts'
import { PublishOrigins } from './publish-origins.ts'

/** The keys that verify the tokens of one role. */
export interface RoleOptions {
  /**
   * Each is one of: the URL of a JWK Set (`https://…`); a PEM public key; a JWK Set; a shared
   * secret; or `file:` and the path of one of the last three. Pass several while rotating keys.
   */
  readonly key: string | readonly string[]
  /**
   * The algorithms that may sign tokens. Default: all public-key algorithms that fit the key. A
   * shared secret has no default: set `HS256`, `HS384` or `HS512`.
   */
  readonly algorithms?: Algorithm | readonly Algorithm[] | undefined
}

/** An issuer of tokens for publishers and subscribers. */
export interface IssuerOptions {
  /** The exact `iss` of this issuer's tokens. */
  readonly issuer?: string | undefined
  /** Default: the hub accepts no publishers' tokens from this issuer. */
  readonly publisher?: RoleOptions | undefined
  /** Default: the hub accepts no subscribers' tokens from this issuer. */
  readonly subscriber?: RoleOptions | undefined
}

/** The operator's configuration of who may publish and subscribe. */
export interface AuthOptions extends IssuerOptions {
  /**
   * Several issuers, in place of `issuer`, `publisher` and `subscriber`. Each has its own keys:
   * none can sign for another.
   */
  readonly issuers?: readonly IssuerOptions[] | undefined
  /**
   * The public URL of the hub, or all of them: the `aud` of tokens, so that a token for another
   * server is not valid here. Required with keys.
   */
  readonly audience?: string | readonly string[] | undefined
  /** Whether clients without a token may subscribe to public events. Default false. */
  readonly anonymousSubscribers?: boolean | undefined
  /**
   * Whether clients without a token may publish, to any topic. Use it only if nobody but publishers
   * can reach the hub. Default false.
   */
  readonly anonymousPublishers?: boolean | undefined
  /**
   * The origins whose pages may publish by cookie: `https://example.com`, `https://*.example.com`
   * for all subdomains, or `*`. Default: none. A page with a token can always publish by the
   * `Authorization` header, if CORS allows it.
   */
  readonly publishOrigins?: readonly string[] | undefined
  /**
   * The name of the cookie with the token. Default `__Secure-mercure_access_token`. Browsers reject
   * names with that prefix over plain HTTP.
   */
  readonly cookie?: string | undefined
  /** Where clients can get a token. The hub's metadata lists these URLs. Default: none. */
  readonly authorizationServers?: readonly string[] | undefined
  /** How far the issuers' clocks may be ahead, for `nbf`. In seconds, 0 to 300. Default 5. */
  readonly clockToleranceSeconds?: number | undefined
  /**
   * Whether the hub also accepts tokens of Mercure 0.x. They need no issuer, audience or expiry.
   * Default false.
   */
  readonly compat?: boolean | undefined
}

/** The checked configuration, with all defaults. */
export interface AuthConfig {
  readonly issuers: readonly IssuerConfig[]
  /** The hub's own URLs, as in tokens and metadata. */
  readonly resources: readonly string[]
  readonly anonymousSubscribers: boolean
  readonly anonymousPublishers: boolean
  readonly publishOrigins: PublishOrigins
  readonly cookieName: string
  readonly authorizationServers: readonly string[]
  readonly clockToleranceMs: number
  readonly isCompat: boolean
  /** Warnings for the operator. */
  readonly warnings: readonly string[]
}

export interface IssuerConfig {
  /** `undefined` only with compat: then the issuer has only tokens of Mercure 0.x. */
  readonly issuer: string | undefined
  readonly keys: Readonly<Partial<Record<Role, ConfiguredKeys>>>
}

const defaultCookieName = '__Secure-mercure_access_token'
const maxToleranceSeconds = 300

/**
 * Checks the configuration of who may do what. `Authenticator.create` reads the keys themselves.
 *
 * @throws HubError `INVALID_OPTION` that names the option at fault, and never shows a key.
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
      'is missing. Tokens must name this hub as their audience: set its public URL, such as https://hub.example.com/.well-known/mercure (--audience).',
    )
  }
  if (!anonymousSubscribers && !issuers.some(({ keys }) => keys.subscriber)) {
    fail(
      'subscriber.key',
      "is missing, so nobody could subscribe. Set the key for subscribers' tokens (--subscriber-key), or let everyone read public events (--anonymous).",
    )
  }
  const warnings: string[] = []
  if (isCompat && issuers.length > 0)
    warnings.push('compat: the hub accepts tokens of Mercure 0.x, whatever their audience, and they may never expire.')
  if (anonymousPublishers) warnings.push('anonymousPublishers: everyone who can reach the hub can publish.')
  if (publishOrigins.includes('*')) warnings.push("publishOrigins: every page can publish with its visitor's cookie.")
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
  if (clash) fail('issuers', `cannot be combined with ${clash}. Move ${clash} into the list.`)
  if (!Array.isArray(options.issuers)) fail('issuers', 'is not a list.')
  const issuers = options.issuers.map((issuer: unknown, index) => {
    const prefix = `issuers[${index}].`
    const read = readIssuer(asObject(issuer, prefix, issuerNames), prefix, isCompat)
    return read ?? fail(`issuers[${index}]`, 'has no key. Add a publisher, a subscriber or both.')
  })
  const names = issuers.map(({ issuer }) => issuer)
  names.forEach((name, index) => {
    if (names.indexOf(name) === index) return
    fail(
      `issuers[${index}].issuer`,
      `is ${JSON.stringify(name)} again. Write several keys of one issuer as a list: key: […].`,
    )
  })
  return issuers
}

/** Returns `undefined` if the issuer has no keys. */
function readIssuer(options: Record<string, unknown>, prefix: string, isCompat: boolean): IssuerConfig | undefined {
  const issuer = options.issuer === undefined ? undefined : readText(options.issuer, `${prefix}issuer`)
  const publisher = readRole(options.publisher, `${prefix}publisher`)
  const subscriber = readRole(options.subscriber, `${prefix}subscriber`)
  if (!publisher && !subscriber) {
    if (issuer !== undefined)
      fail(`${prefix}issuer`, 'has no keys. Add a publisher, a subscriber or both (--publisher-key).')
    return undefined
  }
  if (issuer === undefined && !isCompat) {
    fail(
      `${prefix}issuer`,
      'is missing. Set the "iss" of the tokens that these keys verify, such as https://example.com (--issuer).',
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
  return fail(
    name,
    `has ${JSON.stringify(text)}, which is not an algorithm for tokens. Use one of ${known} (--key-alg).`,
  )
}

function readResources(value: unknown): readonly string[] {
  const resources = readStrings(value ?? [], 'audience')
  for (const resource of resources) {
    const url = URL.canParse(resource) ? new URL(resource) : undefined
    // [RFC 8707, 2] An absolute URI without a fragment. It must be of HTTP, because clients derive
    // the metadata URL from it (RFC 9728, 3).
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
  return fail('cookie', `is ${JSON.stringify(name)}, which is not a valid cookie name.`)
}

function readServers(value: unknown): readonly string[] {
  const servers = readStrings(value ?? [], 'authorizationServers')
  const bad = servers.find((server) => !URL.canParse(server) || new URL(server).protocol !== 'https:')
  if (bad !== undefined) fail('authorizationServers', `has ${JSON.stringify(bad)}, which is not an https URL.`)
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
  if (typeof value !== 'string') return fail(name, `is of type ${typeof value}, but must be a string.`)
  if (value.trim() === '') return fail(name, 'is empty.')
  return value
}

function asObject(value: unknown, prefix: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(prefix.slice(0, -1) || 'The configuration of tokens', `must be an object with ${known.join(', ')}.`)
  }
  const stray = Object.keys(value).find((name) => !known.includes(name))
  if (stray !== undefined) {
    const meant = suggestName(stray, known)
    const advice = meant === undefined ? '' : ` Did you mean ${meant}?`
    fail(`${prefix}${stray}`, `is not an option.${advice} The options are ${known.join(', ')}.`)
  }
  return value as Record<string, unknown>
}

function fail(name: string, what: string): never {
  throw new HubError('INVALID_OPTION', `${name} ${what}`)
}
