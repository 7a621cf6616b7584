import { namesOf } from '@headwater/sse/internal'
import { refuseUnknownName } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'
import type { Matcher } from '../../matching/matcher.ts'
import { MatcherSet } from '../../matching/matcher-set.ts'
import { Topic } from '../../matching/topic.ts'
import type { HubRequest } from '../message/http-message.ts'

/** What a request is allowed to do. */
export interface Permission {
  /**
   * The topics to which it may publish. An event needs all of its topics granted. Default: none.
   */
  readonly publish?: readonly Matcher[] | undefined
  /**
   * The topics whose private events it may receive, in addition to all public events. Default:
   * none.
   */
  readonly subscribe?: readonly Matcher[] | undefined
  /**
   * Whether it may copy the whole history, private events included: for hubs at the edge
   * (`openUpstreamStore`). With it, and with `publish`, an edge may also pass on what is published
   * there. Default: false.
   */
  readonly replicate?: boolean | undefined
  /**
   * Whether it may look at the whole hub, as the page at `/` shows it: figures, subscribers and their
   * addresses, topics, and the history. Data of private events is shown for `subscribe` only.
   * Default: false.
   */
  readonly observe?: boolean | undefined
  /**
   * Whether it may trim the history: drop the oldest events for everyone, and for good. Default: false.
   */
  readonly trim?: boolean | undefined
  /**
   * When the permission expires, in milliseconds since 1970. Its event stream ends by then.
   * Default: never.
   */
  readonly expiresAt?: number | undefined
  /**
   * What others may learn about this subscriber, for a matcher, if the hub reports who is
   * subscribed: any value with a JSON form. Default: nothing.
   */
  readonly payloadFor?: ((match: string) => unknown) | undefined
  /**
   * Any name for the holder of the permission. Event streams of one holder are counted together
   * (`maxSubscribersPerToken`). The hub never logs it. Default: no holder, and only the address
   * counts.
   */
  readonly holder?: string | undefined
}

/**
 * Decides what a request is allowed to do, by anything that identifies it to the application, such
 * as a cookie. `undefined` refuses the request with 401. The function must not read the body.
 */
export type Authorize = (
  request: Pick<HubRequest, 'method' | 'url' | 'header' | 'remoteAddress'>,
) => Permission | undefined | Promise<Permission | undefined>

/** Asks the application for a request's permission. Throws `UNAUTHORIZED` if there is none. */
export async function permissionOf(request: HubRequest, authorize: Authorize): Promise<Permission> {
  const permission = await authorize(request)
  if (permission) {
    refuseUnknownName('what authorize returned', permission, permissionNames)
    return permission
  }
  throw new HubError('UNAUTHORIZED', 'This request is not allowed to use the hub. Sign in first.')
}

const permissionNames = namesOf<Permission>({
  publish: true,
  subscribe: true,
  expiresAt: true,
  payloadFor: true,
  holder: true,
  replicate: true,
  observe: true,
  trim: true,
})

/** The topics to which the sender of a request may publish. */
export interface PublishPermission {
  /**
   * Throws, for example `FORBIDDEN`, unless an event with this topic or these topics may be
   * published. Accepts a topic that is not text: validation rejects it.
   */
  assertMayPublish(topic: unknown): void
}

/** The permission to publish to every topic. */
export const everyTopicGranted: PublishPermission = { assertMayPublish() {} }

/** The permission to publish to the topics that an application granted. */
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
    throw new HubError('FORBIDDEN', `This request may not publish to topic ${JSON.stringify(topic)}.`)
  }
}
