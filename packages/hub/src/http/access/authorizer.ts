import type { Dialect } from '../../auth/dialect.ts'
import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'
import type { PublishInit } from '../../hub/publish-init.ts'
import { everyTopic } from '../../matching/matcher.ts'
import { MatcherSet } from '../../matching/matcher-set.ts'
import { Topic } from '../../matching/topic.ts'
import type { HubRequest } from '../message/http-message.ts'
import { type Authorize, type Permission, permissionOf, publishRule } from './permission.ts'

/** Decides what requests may do, by whatever it knows them by. What it throws is the answer. */
export interface Authorizer {
  /** Whether there is anybody who may publish. */
  readonly hasPublishers: boolean
  /**
   * Whether a page may act for whoever opened it, without a token in its hands. Then only those of allowed origins may publish,
   * and nobody else's.
   */
  readonly trustsBrowsers: boolean
  /** Whether Mercure of before 1.0 is spoken, too. */
  readonly isCompat: boolean
  /** The hub's URL, which URL patterns and topics are relative to. */
  readonly hubUrl: string
  /** What a request may subscribe to. Rejects if to nothing. Does not read the body. */
  admitSubscriber(request: HubRequest): Promise<Permission>
  /**
   * Resolves when a request may read what the subscriptions API has at a path, as it was sent: when it may have that path's private
   * events, or nothing says who may. Resolves to the dialect of the reader's token; without one, to that given.
   */
  admitReader(request: HubRequest, path: string, dialect: Dialect): Promise<Dialect>
  /** Resolves to what throws unless an event may be published. Rejects if none may. Does not read the body. */
  admitPublisher(request: HubRequest): Promise<(event: PublishInit) => void>
}

/** Stands in where no other is known. */
export const localHubUrl = `http://localhost${hubPath}`

/** The gate of an application that decides by itself; or that lets everybody publish, and have what is public. */
export function authorizerFrom(given?: Authorize): Authorizer {
  const authorize = given ?? (() => anyone)
  return {
    hasPublishers: true,
    trustsBrowsers: true,
    isCompat: true,
    hubUrl: localHubUrl,
    admitSubscriber: (request) => permissionOf(request, authorize),
    async admitReader(request, path, dialect) {
      const { subscribe = [] } = await permissionOf(request, authorize)
      if (!given || new MatcherSet(subscribe).selectsAny([new Topic(path)])) return dialect
      throw new HubError('FORBIDDEN', `This request may not read ${path}.`)
    },
    admitPublisher: async (request) => publishRule(await permissionOf(request, authorize)),
  }
}

const anyone: Permission = { publish: [everyTopic] }
