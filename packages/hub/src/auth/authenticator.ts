import type { AuthConfig } from './auth-options.ts'
import { readAuthorizationDetails } from './authorization-details.ts'
import { loadKeys } from './configured-key.ts'
import type { Dialect, Role } from './dialect.ts'
import type { KeySource } from './key-source.ts'
import { hasOldClaim, readOldClaim } from './old-claim.ts'
import { type AuthRequest, findToken, type PresentedToken } from './presented-token.ts'
import { type Failure, quoted, Refusal } from './refusal.ts'
import type { RemoteKeySetOptions } from './remote-key-set.ts'
import { Rights } from './rights.ts'
import { type Claims, readToken, type UnverifiedToken, verifySignature } from './signed-token.ts'
import { tokenHolder } from './token-holder.ts'
import { checkTimes } from './token-time.ts'

export interface AuthenticatorOptions {
  /** The base URL of the URL patterns in tokens. */
  readonly hubUrl: string
  /** Receives warnings about keys and fetching them. They contain no key and no token. */
  readonly onWarning: (warning: string) => void
  /** The time, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** How to fetch key sets. For tests. */
  readonly keySets?: Partial<RemoteKeySetOptions>
}

export type AuthResult = { readonly name: 'authorized'; readonly rights: Rights } | AuthRefused

export interface AuthRefused {
  readonly name: 'refused'
  /** For the client: `challengeFor` returns its header. */
  readonly failure: Failure
  /** For the operator's log, never for the client. Contains no token and no private data. */
  readonly reason: string
}

/** Who may use the hub in one role. */
export type Access = 'anyone' | 'with-token' | 'nobody'

/** An issuer with its keys. */
interface Issuer {
  readonly issuer: string | undefined
  readonly sources: Readonly<Partial<Record<Role, KeySource>>>
}

/** Finds out who sent a request, and what they may do. The only place that validates tokens. */
export class Authenticator {
  readonly #config: AuthConfig
  readonly #issuers: readonly Issuer[]
  readonly #hubUrl: string
  readonly #now: () => number
  /**
   * The rights of verified claims. A token that was verified before has the same claims object.
   * Times are checked on each request.
   */
  readonly #rightsOf = { publisher: new WeakMap<Claims, Rights>(), subscriber: new WeakMap<Claims, Rights>() }

  /**
   * Reads the keys. Fetches key sets from their URLs; if that fails, it only warns, and tries again
   * when a token arrives.
   *
   * @throws HubError `INVALID_OPTION` that names the key at fault, and never shows it.
   */
  static async create(config: AuthConfig, options: AuthenticatorOptions): Promise<Authenticator> {
    const { onWarning, keySets } = options
    for (const warning of config.warnings) onWarning(warning)
    const load = async (keys: AuthConfig['issuers'][number]['keys'][Role]) =>
      keys && loadKeys(keys, { ...keySets, onWarning })
    const issuers: Issuer[] = []
    for (const { issuer, keys } of config.issuers) {
      const [publisher, subscriber] = await Promise.all([load(keys.publisher), load(keys.subscriber)])
      issuers.push({ issuer, sources: { ...(publisher && { publisher }), ...(subscriber && { subscriber }) } })
    }
    await Promise.all(issuers.flatMap(({ sources }) => Object.values(sources).map((source) => source.current())))
    return new Authenticator(config, issuers, options)
  }

  private constructor(config: AuthConfig, issuers: readonly Issuer[], { hubUrl, now }: AuthenticatorOptions) {
    this.#config = config
    this.#issuers = issuers
    this.#hubUrl = hubUrl
    this.#now = now ?? Date.now
  }

  /**
   * Who may use the hub in a role at all. A hub where nobody may publish has no publish endpoint.
   */
  accessFor(role: Role): Access {
    if (this.#isOpenTo(role)) return 'anyone'
    return this.#hasKeysFor(role) ? 'with-token' : 'nobody'
  }

  /** Whether the hub checks tokens. Only then it serves metadata for clients that need one. */
  get usesTokens(): boolean {
    return this.#issuers.length > 0
  }

  /**
   * Finds the token of a request and validates it. A client without a token is anonymous where that
   * is allowed; a client with a bad token is always refused. A role without keys ignores tokens,
   * because nothing could tell a good one from a bad one.
   */
  async authenticate(request: AuthRequest, role: Role): Promise<AuthResult> {
    const dialect = (this.#config.isCompat && request.dialect) || '1.0'
    const isOpen = this.#isOpenTo(role)
    if (isOpen && !this.#hasKeysFor(role)) return authorized(Rights.ofAnyone(dialect, role))

    const token = findToken(request, this.#config)
    if (!token) {
      if (isOpen) return authorized(Rights.ofAnyone(dialect, role))
      return refused(new Refusal('missing_token', `the request has no ${role}'s token`), dialect)
    }
    if (token instanceof Refusal) return refused(token, dialect)
    const { verdict, dialect: dialectOfToken } = await this.#judge(token, role, dialect)
    if (verdict instanceof Rights) return authorized(verdict)
    const reason = `the ${role}'s token in ${token.by} is refused: ${verdict.reason}`
    return refused(new Refusal(verdict.name, reason), dialectOfToken)
  }

  /** Checks that the rights grant all topics of an event. Returns `undefined` if they do. */
  refusePublish(rights: Rights, topics: readonly string[]): AuthRefused | undefined {
    const refusal = rights.refusePublish(topics)
    return refusal && refused(refusal, rights.dialect)
  }

  /**
   * Checks that the rights grant a path of the subscriptions API, as it was sent. Returns
   * `undefined` if they do, or if no subscriber can have a token.
   */
  refuseSubscribe(rights: Rights, path: string): AuthRefused | undefined {
    if (!this.#hasKeysFor('subscriber')) return undefined
    const refusal = rights.refuseSubscribe(path)
    return refusal && refused(refusal, rights.dialect)
  }

  /** Checks that the rights grant copying the whole history. Returns `undefined` if they do. */
  refuseReplica(rights: Rights): AuthRefused | undefined {
    const refusal = rights.refuseReplica()
    return refusal && refused(refusal, rights.dialect)
  }

  /** Checks that the rights grant looking at the whole hub. Returns `undefined` if they do. */
  refuseObserver(rights: Rights): AuthRefused | undefined {
    const refusal = rights.refuseObserver()
    return refusal && refused(refusal, rights.dialect)
  }

  /** Checks that the rights grant trimming the history. Returns `undefined` if they do. */
  refuseTrim(rights: Rights): AuthRefused | undefined {
    const refusal = rights.refuseTrim()
    return refusal && refused(refusal, rights.dialect)
  }

  #isOpenTo(role: Role): boolean {
    return role === 'publisher' ? this.#config.anonymousPublishers : this.#config.anonymousSubscribers
  }

  #hasKeysFor(role: Role): boolean {
    return this.#issuers.some(({ sources }) => sources[role])
  }

  async #judge(
    presented: PresentedToken,
    role: Role,
    dialectOfRequest: Dialect,
  ): Promise<{ verdict: Rights | Refusal; dialect: Dialect }> {
    const token = readToken(presented.text)
    if (token instanceof Refusal) return { verdict: token, dialect: presented.isOldWay ? '0.x' : dialectOfRequest }
    const isOld = this.#config.isCompat && token.claims.authorization_details === undefined && hasOldClaim(token.claims)
    if (isOld) return { verdict: await this.#judgeOld(token, role), dialect: '0.x' }
    // [RFC 9700, 4.3.2] Compatibility covers tokens of Mercure 0.x; tokens of 1.0 were never
    // allowed in a URL.
    if (presented.by === 'the query') {
      const why = 'only a token of Mercure 0.x, with a mercure claim, may be in the query'
      return { verdict: new Refusal('invalid_token', why), dialect: '0.x' }
    }
    return { verdict: await this.#judgeAccessToken(token, role), dialect: '1.0' }
  }

  /** A JWT access token (RFC 9068) with authorization details (RFC 9396). */
  async #judgeAccessToken(token: UnverifiedToken, role: Role): Promise<Rights | Refusal> {
    const { iss } = token.claims
    // An exact match, and only the keys of this issuer: no issuer can sign for another.
    const issuer = this.#issuers.find((candidate) => candidate.issuer !== undefined && candidate.issuer === iss)
    if (!issuer) {
      const trusted = this.#issuers.map((candidate) => candidate.issuer).filter((name) => name !== undefined)
      const known =
        trusted.length === 0 ? 'no issuer is configured (--issuer)' : `the trusted issuers are ${quoted(trusted)}`
      return new Refusal('invalid_token', `its iss is ${quoted(iss)}, and ${known}`)
    }
    const claims = await verifyWithKeysOf(issuer, token, role)
    if (claims instanceof Refusal) return claims
    // [RFC 9068, 4] So that a token made for another purpose, such as an ID token, is not accepted
    // as an access token.
    if (typeof token.typ !== 'string' || !/^(application\/)?at\+jwt$/i.test(token.typ)) {
      return new Refusal('invalid_token', `its typ is ${quoted(token.typ)}, but must be "at+jwt"`)
    }
    const { resources, clockToleranceMs } = this.#config
    const audience: readonly unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
    if (!resources.some((resource) => audience.includes(resource))) {
      return new Refusal('invalid_token', `its aud is ${quoted(claims.aud)}, and this hub is ${quoted(resources)}`)
    }
    const times = checkTimes(claims, { now: this.#now(), clockToleranceMs, isExpiryRequired: true })
    if (times instanceof Refusal) return times
    return this.#rightsFrom(token, claims, role, '1.0', times)
  }

  /** A token of Mercure 0.x: any JWT that is signed with the right key. */
  async #judgeOld(token: UnverifiedToken, role: Role): Promise<Rights | Refusal> {
    const { iss } = token.claims
    // Such tokens need no issuer. With several issuers, `iss` has to say whose keys count.
    const issuer = this.#issuers.length === 1 ? this.#issuers[0] : this.#issuers.find(({ issuer }) => issuer === iss)
    if (!issuer) {
      return new Refusal(
        'invalid_token',
        `its iss is ${quoted(iss)}, which is none of the ${this.#issuers.length} issuers`,
      )
    }
    const claims = await verifyWithKeysOf(issuer, token, role)
    if (claims instanceof Refusal) return claims
    const { clockToleranceMs } = this.#config
    const times = checkTimes(claims, { now: this.#now(), clockToleranceMs, isExpiryRequired: false })
    if (times instanceof Refusal) return times
    return this.#rightsFrom(token, claims, role, '0.x', times)
  }

  #rightsFrom(
    { text }: UnverifiedToken,
    claims: Claims,
    role: Role,
    dialect: Dialect,
    { expiresAt }: Pick<Rights, 'expiresAt'>,
  ): Rights | Refusal {
    const known = this.#rightsOf[role].get(claims)
    if (known) return known
    const rules = { hubUrl: this.#hubUrl, isCompat: this.#config.isCompat }
    const grants =
      dialect === '0.x' ? readOldClaim(claims, rules) : readAuthorizationDetails(claims.authorization_details, rules)
    if (grants instanceof Refusal) return grants
    const rights = Rights.ofToken(dialect, role, grants, { expiresAt, holder: tokenHolder(claims, text) })
    this.#rightsOf[role].set(claims, rights)
    return rights
  }
}

async function verifyWithKeysOf({ issuer, sources }: Issuer, token: UnverifiedToken, role: Role) {
  const source = sources[role]
  if (source) return verifySignature(token, source)
  return new Refusal('invalid_token', `its issuer ${quoted(issuer)} has no key for ${role}s`)
}

function authorized(rights: Rights): AuthResult {
  return { name: 'authorized', rights }
}

function refused({ name, reason }: Refusal, dialect: Dialect): AuthRefused {
  return { name: 'refused', failure: { name, dialect }, reason }
}
