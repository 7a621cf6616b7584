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

/** Decides what requests may do. The router turns what it throws into the response. */
export interface Authorizer {
  /** Whether any client may publish. */
  readonly hasPublishers: boolean
  /**
   * Whether a page could publish on behalf of the user who opened it, without holding a token. If
   * so, only pages of allowed origins may publish.
   */
  readonly trustsBrowsers: boolean
  /** Whether the hub also speaks Mercure 0.x. */
  readonly isCompat: boolean
  /** The hub's URL. URL patterns and topics are relative to it. */
  readonly hubUrl: string
  /**
   * Resolves to what a request may subscribe to. Rejects if that is nothing. Does not read the
   * body.
   */
  authorizeSubscriber(request: HubRequest): Promise<Permission>
  /**
   * Checks that a request may read the subscriptions API at a path, as sent. It may if it has a
   * right to that path's private events, or if no rules say who may. Resolves to the dialect of the
   * reader's token, or to the given dialect if there is no token.
   */
  authorizeReader(request: HubRequest, path: string, dialect: Dialect): Promise<Dialect>
  /**
   * Returns the permission to publish to some topics. Rejects if there are none. Does not read the
   * body.
   */
  authorizePublisher(request: HubRequest): PublishPermission | Promise<PublishPermission>
  /**
   * Checks that a request may copy the whole history. Resolves to when that permission expires.
   * Nobody may without a token, or where no rules say who may.
   */
  authorizeReplica(request: HubRequest): Promise<Pick<Permission, 'expiresAt'>>
  /**
   * Checks that a request may look at the whole hub. Resolves to the private events that it may read,
   * and to when the permission expires. Nobody may without a token, or where no rules say who may.
   */
  authorizeObserver(request: HubRequest): Promise<Pick<Permission, 'subscribe' | 'expiresAt'>>
  /**
   * Checks that a request may trim the history. Nobody may without a token, or where no rules say who
   * may.
   */
  authorizeTrim(request: HubRequest): Promise<void>
}

/** The URL of a hub at a path. Used if no other URL is configured. */
export function localHubUrl(path = hubPath): string {
  return `http://localhost${path}`
}

/**
 * Creates the authorizer for an application's `authorize` function. Without one, anyone may publish
 * and receive public events.
 */
export function authorizerFrom(path: string, authorize?: Authorize): Authorizer {
  const anyone: Permission = { publish: [everyTopic] }
  return {
    hasPublishers: true,
    trustsBrowsers: true,
    isCompat: true,
    hubUrl: localHubUrl(path),
    authorizeSubscriber: async (request) => (authorize ? await permissionOf(request, authorize) : anyone),
    async authorizeReader(request, path, dialect) {
      if (!authorize) return dialect
      const { subscribe = [] } = await permissionOf(request, authorize)
      if (new MatcherSet(subscribe).selectsAny([new Topic(path)])) return dialect
      throw new HubError('FORBIDDEN', `This request may not read ${path}.`)
    },
    async authorizeReplica(request) {
      const permission = authorize && (await permissionOf(request, authorize))
      if (permission?.replicate) return permission
      throw new HubError(
        'FORBIDDEN',
        'This request may not copy the history of this hub. The program that runs the hub allows it by "replicate" in what its authorize function returns.',
      )
    },
    async authorizeObserver(request) {
      const permission = authorize && (await permissionOf(request, authorize))
      if (permission?.observe) return permission
      throw new HubError(
        'FORBIDDEN',
        'This request may not look at the whole hub. The program that runs the hub allows it by "observe" in what its authorize function returns.',
      )
    },
    async authorizeTrim(request) {
      const permission = authorize && (await permissionOf(request, authorize))
      if (permission?.trim) return
      throw new HubError(
        'FORBIDDEN',
        'This request may not trim the history. The program that runs the hub allows it by "trim" in what its authorize function returns.',
      )
    },
    authorizePublisher: (request) => (authorize ? grantedBy(request, authorize) : everyTopicGranted),
  }
}

async function grantedBy(request: HubRequest, authorize: Authorize): Promise<PublishPermission> {
  return new GrantedTopics(await permissionOf(request, authorize))
}
