import { HubError } from '../../base/errors.ts'
import type { Matcher } from '../../matching/matcher.ts'
import { MatcherSet } from '../../matching/matcher-set.ts'
import { Topic } from '../../matching/topic.ts'
import type { HubRequest } from '../message/http-message.ts'

/** What a request is allowed. */
export interface Permission {
  /** On which topics it may publish: an event needs all of its topics granted. Default: none. */
  readonly publish?: readonly Matcher[] | undefined
  /** Which topics' private events it may have, beside all that is public. Default: none. */
  readonly subscribe?: readonly Matcher[] | undefined
  /** When it ends, in milliseconds since 1970: its event stream ends by then. Default: never. */
  readonly expiresAt?: number | undefined
  /**
   * Where the hub tells who is subscribed: what others may know of this subscriber, for a matcher; something that has a JSON form.
   * Default: nothing.
   */
  readonly payloadFor?: ((match: string) => unknown) | undefined
  /**
   * Whom it belongs to, by any name: event streams with the same one are counted together (`maxSubscribersPerToken`). It appears in no log.
   * Default: nobody in particular, and only the address counts.
   */
  readonly holder?: string | undefined
}

/**
 * Decides what a request is allowed, by whatever the application knows it by: a cookie of its own, say. `undefined` refuses it
 * with 401; it must not read the body.
 */
export type Authorize = (
  request: Pick<HubRequest, 'method' | 'url' | 'header' | 'remoteAddress'>,
) => Permission | undefined | Promise<Permission | undefined>

/** Asks for a request's permission. Throws `UNAUTHORIZED`. */
export async function permissionOf(request: HubRequest, authorize: Authorize): Promise<Permission> {
  const permission = await authorize(request)
  if (permission) return permission
  throw new HubError('UNAUTHORIZED', 'This request is not allowed to use the hub. Sign in first.')
}

/** On which topics the sender of a request may publish. */
export interface PublishPermission {
  /** Throws, `FORBIDDEN` say, unless an event with this topic, or these, may be published. What is not text is granted: it is not a topic either. */
  assertMayPublish(topic: unknown): void
}

/** The permission to publish on every topic. */
export const everyTopicGranted: PublishPermission = { assertMayPublish() {} }

/** The permission to publish on the topics that an application granted. */
export class GrantedTopics implements PublishPermission {
  readonly #granted: MatcherSet

  constructor({ publish = [] }: Permission) {
    this.#granted = new MatcherSet(publish)
  }

  assertMayPublish(topic: unknown): void {
    if (!Array.isArray(topic)) this.#assertGranted(topic)
    else for (const each of topic) this.#assertGranted(each)
  }

  #assertGranted(topic: unknown): void {
    if (typeof topic !== 'string' || this.#granted.selectsAny([new Topic(topic)])) return
    throw new HubError('FORBIDDEN', `This request may not publish on topic ${JSON.stringify(topic)}.`)
  }
}
