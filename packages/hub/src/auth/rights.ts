import { everyTopic, type Matcher, selects } from '../matching/matcher.ts'
import { MatcherSet } from '../matching/matcher-set.ts'
import { Topic } from '../matching/topic.ts'
import type { Dialect, Role } from './dialect.ts'
import type { Grant } from './grant.ts'
import { Refusal } from './refusal.ts'

/**
 * What a client may do. It never exceeds the role that was authenticated: a subscriber's token,
 * verified with the subscribers' key, lets nobody publish, whatever it says.
 */
export class Rights {
  readonly dialect: Dialect
  /** Whether the client is unknown. */
  readonly isAnonymous: boolean
  /**
   * When the token expires, in milliseconds since 1970. No stream may outlast it. `undefined` for
   * never.
   */
  readonly expiresAt: number | undefined
  /** The holder of the token, from `tokenHolder`; `undefined` for an anonymous client. */
  readonly holder: string | undefined
  /** The topics that the client may publish to. All topics of an event must be granted. */
  readonly publishMatchers: readonly Matcher[]
  /** The topics whose private events the client may receive. Public events need no grant. */
  readonly subscribeMatchers: readonly Matcher[]
  /** Whether the client may copy the whole history. Only a subscriber's token can grant it. */
  readonly mayReplicate: boolean
  /** Whether the client may look at the whole hub. Only a subscriber's token can grant it. */
  readonly mayObserve: boolean
  /** Whether the client may trim the history. Only a publisher's token can grant it. */
  readonly mayTrim: boolean
  /** The same for all clients with the same rights to subscribe: they can share a feed. */
  readonly key: string
  readonly #publish: MatcherSet
  readonly #subscribe: MatcherSet
  readonly #subscribeGrants: readonly Grant[]
  readonly #payloadIsForAll: boolean

  /** The rights of a token in a role. */
  static ofToken(
    dialect: Dialect,
    role: Role,
    grants: readonly Grant[],
    { expiresAt, holder }: Pick<Rights, 'expiresAt' | 'holder'>,
  ): Rights {
    return new Rights({ dialect, isAnonymous: false, expiresAt, holder }, role, grants)
  }

  /** The rights of an anonymous client: public events, and publishing where that needs no token. */
  static ofAnyone(dialect: Dialect, role: Role): Rights {
    const key = `${dialect} ${role}`
    let rights = ofAnyone.get(key)
    if (!rights) {
      const publishing: Grant = {
        roles: new Set(['publisher']),
        matchers: [everyTopic],
        mayReplicate: false,
        mayObserve: false,
        mayTrim: false,
        payload: undefined,
      }
      const nobody = { dialect, isAnonymous: true, expiresAt: undefined, holder: undefined }
      rights = new Rights(nobody, role, [publishing])
      ofAnyone.set(key, rights)
    }
    return rights
  }

  private constructor(
    { dialect, isAnonymous, expiresAt, holder }: Pick<Rights, 'dialect' | 'isAnonymous' | 'expiresAt' | 'holder'>,
    role: Role,
    grants: readonly Grant[],
  ) {
    this.dialect = dialect
    this.isAnonymous = isAnonymous
    this.expiresAt = expiresAt
    this.holder = holder
    const grantsOf = (wanted: Role) => (wanted === role ? grants.filter(({ roles }) => roles.has(role)) : [])
    this.#subscribeGrants = grantsOf('subscriber')
    this.mayReplicate = role === 'subscriber' && grants.some((grant) => grant.mayReplicate)
    this.mayObserve = role === 'subscriber' && grants.some((grant) => grant.mayObserve)
    this.mayTrim = role === 'publisher' && grants.some((grant) => grant.mayTrim)
    this.#subscribe = new MatcherSet(this.#subscribeGrants.flatMap(({ matchers }) => matchers))
    this.#publish = new MatcherSet(grantsOf('publisher').flatMap(({ matchers }) => matchers))
    this.subscribeMatchers = this.#subscribe.matchers
    this.publishMatchers = this.#publish.matchers
    this.key = this.#subscribe.key
    this.#payloadIsForAll = dialect === '0.x'
  }

  mayPublish(topic: string): boolean {
    return this.#publish.selectsAny([new Topic(topic)])
  }

  /**
   * Whether the client may receive private events of a topic or, for a path of the subscriptions
   * API, the subscriptions it lists.
   */
  maySubscribe(topic: string): boolean {
    return this.#subscribe.selectsAny([new Topic(topic)])
  }

  /** Why the client may not publish to all of an event's topics; `undefined` if it may. */
  refusePublish(topics: readonly string[]): Refusal | undefined {
    const index = topics.findIndex((topic) => !this.mayPublish(topic))
    if (index < 0) return undefined
    const which = topics.length === 1 ? 'the topic' : `topic ${index + 1} of the ${topics.length}`
    return new Refusal(
      'insufficient_scope',
      `the token grants publishing to ${countOf(this.#publish.matchers)}, but not to ${which}`,
    )
  }

  /**
   * Why the client may not read a path of the subscriptions API, as it was sent; `undefined` if it
   * may.
   */
  refuseSubscribe(path: string): Refusal | undefined {
    if (this.maySubscribe(path)) return undefined
    // A client without a token may succeed with one.
    if (this.isAnonymous) return new Refusal('missing_token', 'the requested path needs a token')
    return new Refusal(
      'insufficient_scope',
      `the token grants subscribing to ${countOf(this.subscribeMatchers)}, but not to the requested path`,
    )
  }

  /** Why the client may not copy the history; `undefined` if it may. */
  refuseReplica(): Refusal | undefined {
    if (this.mayReplicate) return undefined
    if (this.isAnonymous) return new Refusal('missing_token', 'a hub that copies this one needs a token')
    return new Refusal('insufficient_scope', 'the token does not grant the action replicate on all topics ("*")')
  }

  /** Why the client may not look at the whole hub; `undefined` if it may. */
  refuseObserver(): Refusal | undefined {
    if (this.mayObserve) return undefined
    if (this.isAnonymous) return new Refusal('missing_token', 'looking at the whole hub needs a token')
    return new Refusal('insufficient_scope', 'the token does not grant the action observe on all topics ("*")')
  }

  /** Why the client may not trim the history; `undefined` if it may. */
  refuseTrim(): Refusal | undefined {
    if (this.mayTrim) return undefined
    if (this.isAnonymous) return new Refusal('missing_token', 'trimming the history needs a token')
    return new Refusal('insufficient_scope', 'the token does not grant the action trim on all topics ("*")')
  }

  /**
   * The payload for subscription events: that of the first entry that grants the subscription's own
   * matcher, taken as a topic. `undefined` for none.
   */
  payloadFor(match: string): unknown {
    const grant = this.#subscribeGrants.find(
      ({ matchers }) => this.#payloadIsForAll || matchers.some((matcher) => selects(matcher, new Topic(match))),
    )
    return grant?.payload?.value
  }
}

function countOf(matchers: readonly unknown[]): string {
  if (matchers.length === 0) return 'nothing'
  return matchers.length === 1 ? 'the topics of its matcher' : `the topics of its ${matchers.length} matchers`
}

/** The rights of anonymous clients, by dialect and role: they are the same for all. */
const ofAnyone = new Map<string, Rights>()
