import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto'
import { CompactSign } from 'jose'
import { HubError } from '../base/errors.ts'
import { type Algorithm, algorithmsOf, describeKey, isSecretAlgorithm } from './algorithms.ts'
import { detailType } from './authorization-details.ts'
import { assertLongEnough } from './configured-key.ts'
import type { Dialect } from './dialect.ts'

/** The topics that a token grants something on. */
export interface TopicGrant {
  readonly match: string
  /**
   * `template` only in Mercure 0.x, `urlpattern` only since 1.0. `*` is every topic, whatever its
   * type.
   */
  readonly matchType: 'exact' | 'urlpattern' | 'template'
}

export interface MintOptions {
  /** A shared secret, or a PEM private key. */
  readonly key: string
  readonly algorithm: Algorithm
  /** The name of the key in the issuer's set. Default: none. */
  readonly kid?: string | undefined
  /** Default `1.0`. */
  readonly dialect?: Dialect | undefined
  /** Required in 1.0. */
  readonly issuer?: string | undefined
  /** The hub's public URL. Required in 1.0. */
  readonly audience?: string | undefined
  /** Default: none. */
  readonly publish?: readonly TopicGrant[] | undefined
  /** Default: none. */
  readonly subscribe?: readonly TopicGrant[] | undefined
  /** Whether the token is for a hub at the edge: it may copy the whole history. Only in 1.0. Default false. */
  readonly replicate?: boolean | undefined
  /** Whether the token lets its holder look at the whole hub on the dashboard. Only in 1.0. Default false. */
  readonly observe?: boolean | undefined
  /** Whether the token lets its holder trim the history. Only in 1.0. Default false. */
  readonly trim?: boolean | undefined
  /** The payload that others may read in subscription events. Any JSON. Default: none. */
  readonly payload?: unknown
  /** The subject of the token. Default `development`. */
  readonly subject?: string | undefined
  /** In seconds. Default 3600. */
  readonly lifetimeSeconds?: number | undefined
  /** The time, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/**
 * Makes a signed token to try a hub with. Rejects with a `HubError` `INVALID_OPTION` that names the
 * option at fault. In production, let the application or its authorization server make tokens, each
 * as short-lived and narrow as possible.
 */
export async function mintToken(options: MintOptions): Promise<string> {
  const { algorithm, kid, dialect = '1.0' } = options
  const key = signingKey(options.key, algorithm)
  const header = { alg: algorithm, typ: dialect === '1.0' ? 'at+jwt' : 'JWT', ...(kid !== undefined && { kid }) }
  const claims = dialect === '1.0' ? accessTokenClaims(options) : oldClaims(options)
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader(header).sign(key)
}

/**
 * Parses `*`, `exact:…`, `urlpattern:…`, `template:…` and plain topics. Throws a `HubError`
 * `INVALID_OPTION` that names the option.
 */
export function parseTopicGrant(text: string, name: string): TopicGrant {
  const { matchType, match = '' } =
    /^(?:(?<matchType>exact|urlpattern|template):)?(?<match>.*)$/s.exec(text)?.groups ?? {}
  if (match === '') throw new HubError('INVALID_OPTION', `${name} is empty. Write a topic, or * for all topics.`)
  if (match === '*') return { match, matchType: 'exact' }
  if (isMatchType(matchType)) return { match, matchType }
  if (!/[*{]/.test(match)) return { match, matchType: 'exact' }
  throw new HubError(
    'INVALID_OPTION',
    `${name} is ${JSON.stringify(text)}, which looks like a pattern. Write urlpattern:${match}, template:${match} (Mercure 0.x), or exact:${match} for the topic of that name.`,
  )
}

function isMatchType(text: string | undefined): text is TopicGrant['matchType'] {
  return text === 'exact' || text === 'urlpattern' || text === 'template'
}

function signingKey(text: string, algorithm: Algorithm): KeyObject | Uint8Array {
  const isPem = text.includes('-----BEGIN')
  if (isSecretAlgorithm(algorithm)) {
    if (!isPem && text !== '') {
      const secret = Buffer.from(text)
      assertLongEnough(secret, 'key', algorithm)
      return secret
    }
    throw new HubError(
      'INVALID_OPTION',
      `key is ${isPem ? 'a PEM key' : 'empty'}, but ${algorithm} needs a shared secret.`,
    )
  }
  const key = importPrivateKey(isPem ? text.replaceAll('\\n', '\n') : '', algorithm)
  if (algorithmsOf(key).includes(algorithm)) return key
  throw new HubError(
    'INVALID_OPTION',
    `key is ${describeKey(key)}, for ${algorithmsOf(key).join(', ') || 'no algorithm'}, not for ${algorithm}.`,
  )
}

function importPrivateKey(pem: string, algorithm: Algorithm): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new HubError('INVALID_OPTION', `key is not a PEM private key, and ${algorithm} needs one.`, { cause: error })
  }
}

function accessTokenClaims(options: MintOptions): Record<string, unknown> {
  const {
    issuer,
    audience,
    publish = [],
    subscribe = [],
    replicate = false,
    observe = false,
    trim = false,
    payload,
    subject = 'development',
  } = options
  if (issuer === undefined)
    throw new HubError('INVALID_OPTION', 'issuer is missing: a token of 1.0 needs one (--issuer).')
  if (audience === undefined) {
    throw new HubError(
      'INVALID_OPTION',
      "audience is missing: a token of 1.0 is for one hub; set the hub's URL (--audience).",
    )
  }
  const detail = (action: string, grants: readonly TopicGrant[]) => ({
    type: detailType,
    actions: [action],
    topics: grants.map(({ match, matchType }) => {
      if (matchType === 'template') refuseType(match, matchType, '1.0', 'urlpattern')
      return matchType === 'exact' ? { match } : { match, match_type: matchType }
    }),
    ...(action === 'subscribe' && payload !== undefined && { payload }),
  })
  const { issuedAt, expiresAt } = timesOf(options)
  return {
    iss: issuer,
    aud: audience,
    sub: subject,
    client_id: subject,
    iat: issuedAt,
    exp: expiresAt,
    jti: randomUUID(),
    authorization_details: [
      ...(publish.length > 0 ? [detail('publish', publish)] : []),
      ...(subscribe.length > 0 ? [detail('subscribe', subscribe)] : []),
      ...(replicate ? [detail('replicate', [{ match: '*', matchType: 'exact' }])] : []),
      ...(observe ? [detail('observe', [{ match: '*', matchType: 'exact' }])] : []),
      ...(trim ? [detail('trim', [{ match: '*', matchType: 'exact' }])] : []),
    ],
  }
}

function oldClaims(options: MintOptions): Record<string, unknown> {
  const { issuer, audience, publish = [], subscribe = [], replicate, observe, trim, payload, subject } = options
  if (replicate) throw new HubError('INVALID_OPTION', 'A token of Mercure 0.x cannot grant replicate. Make one of 1.0.')
  if (observe) throw new HubError('INVALID_OPTION', 'A token of Mercure 0.x cannot grant observe. Make one of 1.0.')
  if (trim) throw new HubError('INVALID_OPTION', 'A token of Mercure 0.x cannot grant trim. Make one of 1.0.')
  const selectors = (grants: readonly TopicGrant[]) =>
    grants.map(({ match, matchType }) => {
      if (matchType === 'urlpattern') refuseType(match, matchType, '0.x', 'template')
      if (matchType === 'exact' && match.includes('{')) refuseType(match, matchType, '0.x', 'template')
      return match
    })
  const { issuedAt, expiresAt } = timesOf(options)
  return {
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
    ...(subject !== undefined && { sub: subject }),
    iat: issuedAt,
    exp: expiresAt,
    mercure: {
      publish: selectors(publish),
      subscribe: selectors(subscribe),
      ...(payload !== undefined && { payload }),
    },
  }
}

function refuseType(match: string, matchType: string, dialect: Dialect, instead: string): never {
  throw new HubError(
    'INVALID_OPTION',
    `A token of Mercure ${dialect} cannot contain ${matchType}:${match}. Use ${instead}:, or the other dialect.`,
  )
}

function timesOf({ lifetimeSeconds = 3600, now = Date.now }: MintOptions): { issuedAt: number; expiresAt: number } {
  if (!(lifetimeSeconds > 0 && lifetimeSeconds < Number.MAX_SAFE_INTEGER)) {
    throw new HubError('INVALID_OPTION', `lifetimeSeconds is ${lifetimeSeconds}: it must be more than 0.`)
  }
  const issuedAt = Math.floor(now() / 1000)
  return { issuedAt, expiresAt: issuedAt + Math.ceil(lifetimeSeconds) }
}
