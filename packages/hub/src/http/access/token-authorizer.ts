import { namesOf } from '@headwater/sse/internal'
import { type AuthConfig, type AuthOptions, parseAuthOptions } from '../../auth/auth-options.ts'
import { Authenticator, type AuthRefused } from '../../auth/authenticator.ts'
import { challengeFor } from '../../auth/challenge.ts'
import type { Dialect, Role } from '../../auth/dialect.ts'
import { readAuthRequest } from '../../auth/presented-token.ts'
import { metadataUrl, resourceFor, resourceMetadata } from '../../auth/resource-metadata.ts'
import type { Rights } from '../../auth/rights.ts'
import { checkNames } from '../../base/check-names.ts'
import type { HubRequest, HubResponse } from '../message/http-message.ts'
import { type Authorizer, localHubUrl } from './authorizer.ts'
import { everyTopicGranted, type Permission, type PublishPermission } from './permission.ts'
import { TokenRefusal } from './token-refusal.ts'

export interface TokenAuthorizerOptions {
  /**
   * Called with warnings about keys and rules for the operator. They never contain a key or a
   * token. Default: `console.error`.
   */
  readonly onWarning?: ((warning: string) => void) | undefined
  /**
   * Called with the reason for which a request was refused, which the client does not learn. The
   * reason never contains a token or any of its payload. Default: `console.error`.
   */
  readonly onRefused?:
    | ((reason: string, request: Pick<HubRequest, 'method' | 'remoteAddress' | 'header'>) => void)
    | undefined
  /** The time, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

const optionNames = namesOf<TokenAuthorizerOptions>({ onWarning: true, onRefused: true, now: true })

type Settings = { readonly [name in keyof TokenAuthorizerOptions]-?: NonNullable<TokenAuthorizerOptions[name]> }

/** Rules and their keys. */
interface Rules {
  readonly config: AuthConfig
  readonly authenticator: Authenticator
  /** The paths of the hub's metadata, by its URLs. None if the hub does not read tokens. */
  readonly metadataPaths: ReadonlySet<string>
  /**
   * Heads of requests without a token whose sender may publish all the same. The next request with
   * the same head needs no further check.
   */
  readonly anonymousHeads: WeakSet<object>
}

/** Authorizes clients by their tokens, as the Mercure protocol specifies. */
export class TokenAuthorizer implements Authorizer {
  #rules: Rules
  readonly #options: Settings

  /**
   * Reads the rules and the keys.
   *
   * @throws HubError `INVALID_OPTION` that names the option at fault, and never shows a key.
   */
  static async create(rules: AuthOptions, options: TokenAuthorizerOptions = {}): Promise<TokenAuthorizer> {
    checkNames('the options of TokenAuthorizer', options, optionNames)
    const { onWarning = warn, onRefused = warn, now = Date.now } = options
    const all = { onWarning, onRefused, now }
    return new TokenAuthorizer(await readRules(rules, all), all)
  }

  private constructor(rules: Rules, options: Settings) {
    this.#rules = rules
    this.#options = options
  }

  /**
   * Uses other rules and keys from the next request on, if they are valid. Throws as `create` does
   * if not. Does not end open streams: they end when their tokens expire.
   */
  async reload(rules: AuthOptions): Promise<void> {
    this.#rules = await readRules(rules, this.#options)
  }

  get hasPublishers(): boolean {
    return this.#rules.authenticator.accessFor('publisher') !== 'nobody'
  }

  get trustsBrowsers(): boolean {
    // If a token is required, the way it was sent decides whether the page matters.
    return this.#rules.authenticator.accessFor('publisher') === 'anyone'
  }

  get isCompat(): boolean {
    return this.#rules.config.isCompat
  }

  get hubUrl(): string {
    return hubUrlOf(this.#rules.config)
  }

  async authorizeSubscriber(request: HubRequest): Promise<Permission> {
    const rules = this.#rules
    const rights = await this.#authenticate(rules, request, 'subscriber')
    const { subscribeMatchers, expiresAt, holder } = rights
    return { subscribe: subscribeMatchers, expiresAt, holder, payloadFor: (match) => rights.payloadFor(match) }
  }

  async authorizeReader(request: HubRequest, path: string, dialect: Dialect): Promise<Dialect> {
    const rules = this.#rules
    const rights = await this.#authenticate(rules, request, 'subscriber', dialect)
    const refused = rules.authenticator.refuseSubscribe(rights, path)
    if (refused) this.#refuse(rules, request, refused)
    return rights.dialect
  }

  async authorizeReplica(request: HubRequest): Promise<Pick<Permission, 'expiresAt'>> {
    const rules = this.#rules
    const rights = await this.#authenticate(rules, request, 'subscriber')
    const refused = rules.authenticator.refuseReplica(rights)
    if (refused) this.#refuse(rules, request, refused)
    return { expiresAt: rights.expiresAt }
  }

  async authorizeObserver(request: HubRequest): Promise<Pick<Permission, 'subscribe' | 'expiresAt'>> {
    const rules = this.#rules
    const rights = await this.#authenticate(rules, request, 'subscriber')
    const refused = rules.authenticator.refuseObserver(rights)
    if (refused) this.#refuse(rules, request, refused)
    return { subscribe: rights.subscribeMatchers, expiresAt: rights.expiresAt }
  }

  async authorizeTrim(request: HubRequest): Promise<void> {
    const rules = this.#rules
    const rights = await this.#authenticate(rules, request, 'publisher')
    const refused = rules.authenticator.refuseTrim(rights)
    if (refused) this.#refuse(rules, request, refused)
  }

  authorizePublisher(request: HubRequest): PublishPermission | Promise<PublishPermission> {
    const rules = this.#rules
    if (request.head && rules.anonymousHeads.has(request.head)) return everyTopicGranted
    return this.#authorizePublisher(rules, request)
  }

  async #authorizePublisher(rules: Rules, request: HubRequest): Promise<PublishPermission> {
    const rights = await this.#authenticate(rules, request, 'publisher')
    if (!rights.isAnonymous)
      return { assertMayPublish: (topic) => this.#assertMayPublish(rules, request, rights, topic) }
    if (request.head) rules.anonymousHeads.add(request.head)
    return everyTopicGranted
  }

  #assertMayPublish(rules: Rules, request: HubRequest, rights: Rights, topic: unknown): void {
    if (rights.expiresAt !== undefined && rights.expiresAt <= this.#options.now()) {
      // A stream of events may outlast its token.
      const failure = { name: 'invalid_token', dialect: rights.dialect } as const
      this.#refuse(rules, request, {
        name: 'refused',
        failure,
        reason: "the publisher's token expired while it published",
      })
    }
    // Ignores what is not text: validation rejects it.
    const topics = (Array.isArray(topic) ? topic : [topic]).filter((each) => typeof each === 'string')
    const refused = rules.authenticator.refusePublish(rights, topics)
    if (refused) this.#refuse(rules, request, refused)
  }

  /** The name of the cookie with the token; `undefined` if nobody needs a token. */
  get cookieName(): string | undefined {
    return this.#rules.authenticator.usesTokens ? this.#rules.config.cookieName : undefined
  }

  /** Whether the hub's metadata is at a path. */
  hasMetadataAt(path: string): boolean {
    return this.#rules.metadataPaths.has(path)
  }

  /**
   * Answers with how to get and present a token (RFC 9728), and whether the hub has the
   * subscriptions API.
   */
  answerMetadata(request: HubRequest, features: { readonly hasSubscriptions: boolean }): HubResponse {
    const { config } = this.#rules
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'max-age=300', vary: 'Origin, Host' },
      body: `${JSON.stringify(resourceMetadata(config, resourceFor(config, request.header('host'))!, features))}\n`,
    }
  }

  async #authenticate(rules: Rules, request: HubRequest, role: Role, dialectOfPath?: Dialect): Promise<Rights> {
    const read = readAuthRequest(request)
    // Only subscribers of Mercure 0.x select by `topic`, and only its publishers have this cookie.
    const isOld =
      role === 'subscriber' ? read.query.has('topic') : /(^|; *)mercureAuthorization=/.test(read.cookie ?? '')
    const dialect = isOld ? '0.x' : dialectOfPath
    const result = await rules.authenticator.authenticate({ ...read, dialect }, role)
    return result.name === 'authorized' ? result.rights : this.#refuse(rules, request, result)
  }

  #refuse({ config, metadataPaths }: Rules, request: HubRequest, { failure, reason }: AuthRefused): never {
    this.#options.onRefused(reason, request)
    const resource = metadataPaths.size > 0 ? resourceFor(config, request.header('host')) : undefined
    throw new TokenRefusal(failure, challengeFor(failure, resource && metadataUrl(resource)))
  }
}

async function readRules(options: AuthOptions, { onWarning, now }: Settings): Promise<Rules> {
  const config = parseAuthOptions(options)
  const authenticator = await Authenticator.create(config, { hubUrl: hubUrlOf(config), onWarning, now })
  const resources = authenticator.usesTokens ? config.resources : []
  return {
    config,
    authenticator,
    anonymousHeads: new WeakSet(),
    metadataPaths: new Set(resources.map((resource) => new URL(metadataUrl(resource)).pathname)),
  }
}

/** The first URL only: otherwise a pattern would mean different things at different URLs. */
function hubUrlOf({ resources }: AuthConfig): string {
  return resources[0] ?? localHubUrl()
}

function warn(message: string): void {
  console.error(`headwater: ${message}`)
}
