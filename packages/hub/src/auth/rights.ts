import { everyTopic, type Matcher, selects } from '../matching/matcher.ts'
import { MatcherSet } from '../matching/matcher-set.ts'
import { Topic } from '../matching/topic.ts'
import type { Dialect, Role } from './dialect.ts'
import type { Grant } from './grant.ts'
import { Refusal } from './refusal.ts'

/**
 * What somebody may do. It never has more than the role it was authenticated for: a subscriber's token, verified with the
 * key of subscribers, lets nobody publish whatever it says.
 */
export class Rights {
  readonly dialect: Dialect
  /** Whether nobody knows who it is. */
  readonly isAnonymous: boolean
  /** When the token expires, in milliseconds since 1970: no stream may outlast it. `undefined` for never. */
  readonly expiresAt: number | undefined
  /** Whose token it is, as `tokenHolder` says it; `undefined` for anybody. */
  readonly holder: string | undefined
  /** The topics that may be published on: an event needs all of its topics granted. */
  readonly publishMatchers: readonly Matcher[]
  /** The topics whose private events may be had. Public ones may be in any case. */
  readonly subscribeMatchers: readonly Matcher[]
  /** The same for all with the same rights to subscribe: they can share a feed. */
  readonly key: string
  readonly #publish: MatcherSet
  readonly #subscribe: MatcherSet
  readonly #subscribeGrants: readonly Grant[]
  readonly #payloadIsForAll: boolean

  /** The rights of a token that grants something to a role. */
  static ofToken(
    dialect: Dialect,
    role: Role,
    grants: readonly Grant[],
    { expiresAt, holder }: Pick<Rights, 'expiresAt' | 'holder'>,
  ): Rights {
    return new Rights({ dialect, isAnonymous: false, expiresAt, holder }, role, grants)
  }

  /** The rights of anybody: what is public, and to publish where that needs no token. */
  static ofAnyone(dialect: Dialect, role: Role): Rights {
    const key = `${dialect} ${role}`
    let rights = ofAnyone.get(key)
    if (!rights) {
      const publishing: Grant = { roles: new Set(['publisher']), matchers: [everyTopic], payload: undefined }
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

  /** Whether private events of a topic may be had; and, of a path of the hub, the subscriptions that it lists. */
  maySubscribe(topic: string): boolean {
    return this.#subscribe.selectsAny([new Topic(topic)])
  }

  /** Why not all of an event's topics may be published on; `undefined` when they may. */
  refusePublish(topics: readonly string[]): Refusal | undefined {
    const index = topics.findIndex((topic) => !this.mayPublish(topic))
    if (index < 0) return undefined
    const which = topics.length === 1 ? 'the topic' : `topic ${index + 1} of the ${topics.length}`
    return new Refusal(
      'insufficient_scope',
      `the token grants to publish on ${countOf(this.#publish.matchers)}, and ${which} is not among it`,
    )
  }

  /** Why a path of the subscriptions API, as it was sent, may not be read; `undefined` when it may. */
  refuseSubscribe(path: string): Refusal | undefined {
    if (this.maySubscribe(path)) return undefined
    // Who has no token may get further with one.
    if (this.isAnonymous) return new Refusal('missing_token', 'the path asked for needs a token')
    return new Refusal(
      'insufficient_scope',
      `the token grants to subscribe to ${countOf(this.subscribeMatchers)}, and the path asked for is not among it`,
    )
  }

  /**
   * What subscription events say about whom a subscription is of: the payload of the first entry that grants the subscription's own
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
  return matchers.length === 0 ? 'nothing' : `what its ${matchers.length} matchers match`
}

/** By dialect and role: they are the same for all. */
const ofAnyone = new Map<string, Rights>()
