import type { Dialect } from '../../auth/dialect.ts'
import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'
import { everyTopic } from '../../matching/matcher.ts'
import { MatcherSet } from '../../matching/matcher-set.ts'
import { Topic } from '../../matching/topic.ts'
import type { HubRequest } from '../message/http-message.ts'
import {
  type Authorize,
  everyTopicGranted,
  GrantedTopics,
  type Permission,
  type PublishPermission,
  permissionOf,
} from './permission.ts'

/** Decides what requests may do. What it throws is the response. */
export interface Authorizer {
  /** Whether there is anybody who may publish. */
  readonly hasPublishers: boolean
  /**
   * Whether a page may act for whoever opened it, without a token in its hands. Then only pages of allowed origins may publish.
   */
  readonly trustsBrowsers: boolean
  /** Whether Mercure 0.x is spoken, too. */
  readonly isCompat: boolean
  /** The hub's URL, which URL patterns and topics are relative to. */
  readonly hubUrl: string
  /** What a request may subscribe to. Rejects if to nothing. Does not read the body. */
  authorizeSubscriber(request: HubRequest): Promise<Permission>
  /**
   * Resolves when a request may read what the subscriptions API has at a path, as it was sent: when it may have that path's private
   * events, or nothing says who may. Resolves to the dialect of the reader's token; without one, to that given.
   */
  authorizeReader(request: HubRequest, path: string, dialect: Dialect): Promise<Dialect>
  /** On which topics a request may publish. Rejects if on none. Does not read the body. */
  authorizePublisher(request: HubRequest): PublishPermission | Promise<PublishPermission>
}

/** Stands in where no other is known. */
export const localHubUrl = `http://localhost${hubPath}`

/** The authorizer of an application that decides by itself; or, without one, that lets everybody publish, and have what is public. */
export function authorizerFrom(authorize?: Authorize): Authorizer {
  const anyone: Permission = { publish: [everyTopic] }
  return {
    hasPublishers: true,
    trustsBrowsers: true,
    isCompat: true,
    hubUrl: localHubUrl,
    authorizeSubscriber: async (request) => (authorize ? await permissionOf(request, authorize) : anyone),
    async authorizeReader(request, path, dialect) {
      if (!authorize) return dialect
      const { subscribe = [] } = await permissionOf(request, authorize)
      if (new MatcherSet(subscribe).selectsAny([new Topic(path)])) return dialect
      throw new HubError('FORBIDDEN', `This request may not read ${path}.`)
    },
    authorizePublisher: (request) => (authorize ? grantedBy(request, authorize) : everyTopicGranted),
  }
}

async function grantedBy(request: HubRequest, authorize: Authorize): Promise<PublishPermission> {
  return new GrantedTopics(await permissionOf(request, authorize))
}
