import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Dialect } from '../../auth/dialect.ts'
import { HubError } from '../../base/errors.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import {
  type ActiveSubscription,
  type MatchType,
  oldContext,
  oldSubscriptionDocument,
  parseMatchType,
  subscriptionDocument,
} from '../../subscriptions/active-subscription.ts'
import type { SubscriptionList } from '../../subscriptions/registry.ts'
import type { SubscriptionPaths } from '../../subscriptions/subscription-paths.ts'
import type { Authorizer } from '../access/authorizer.ts'
import { hasMatch, headerValue } from '../message/headers.ts'
import { type HubRequest, type HubResponse, pathOf } from '../message/http-message.ts'

type Subscriptions = NonNullable<HubCore['subscriptions']>

/**
 * [Mercure, 9.2] Answers with the active subscriptions: all of them, those with one matcher, or a
 * single one.
 */
export async function answerSubscriptions(
  subscriptions: Subscriptions,
  request: HubRequest,
  authorizer: Pick<Authorizer, 'authorizeReader'>,
): Promise<HubResponse> {
  const { paths } = subscriptions
  const path = pathOf(request)
  const segments = path.slice(paths.list.length).split('/').slice(1)
  const dialectOfPath = dialectOf(segments, subscriptions)
  const dialectOfReader = await authorizer.authorizeReader(request, path, dialectOfPath)
  const asked =
    segments.length === 0
      ? askedForAll(request, subscriptions, dialectOfReader)
      : read(segments, subscriptions, dialectOfPath)
  const list = asked.find(subscriptions)
  if (!asked.isCollection && list.subscriptions.length === 0) {
    throw new HubError('NOT_FOUND', `There is no subscription at ${path}, or it has ended.`)
  }
  const form = asked.dialect === '0.x' ? oldForm(paths) : currentForm(paths)
  const headers = {
    'content-type': form.contentType,
    'cache-control': 'private, no-cache',
    etag: form.etag(list.lastEventId),
    link: form.link(list.lastEventId),
  }
  if (hasMatch(request.header('if-none-match'), headers.etag)) return { status: 304, headers, body: '' }
  if (request.method === 'HEAD') return { status: 200, headers, body: '' }
  if (!asked.isCollection) return { status: 200, headers, body: `${form.one(list)}\n` }
  const [before, after] = form.around(asked.id, list.lastEventId)
  return { status: 200, headers, body: inPieces(before, list.subscriptions, form.each, after) }
}

/** What a path asks for. */
interface Asked {
  readonly dialect: Dialect
  /** The path as the hub writes it. */
  readonly id: string
  /** Whether the answer is a list, with none, one or many. */
  readonly isCollection: boolean
  find(subscriptions: Subscriptions): SubscriptionList
}

/**
 * The dialect of a path: in Mercure 0.x it did not contain the matcher's type. The path of all
 * subscriptions belongs to both dialects; `askedForAll` distinguishes them.
 */
function dialectOf([first, ...others]: readonly string[], { isCompat }: Subscriptions): Dialect {
  const isOld = first !== undefined && (others.length === 0 || (others.length === 1 && !parseMatchType(first)))
  return isCompat && isOld ? '0.x' : '1.0'
}

/**
 * A client with a token of Mercure 0.x, or one that asks for a media type that only 0.x had, gets
 * the 0.x form.
 */
function askedForAll(request: HubRequest, { isCompat, paths }: Subscriptions, dialectOfReader: Dialect): Asked {
  const isOld = dialectOfReader === '0.x' || request.header('accept')?.includes(oldContentType)
  const dialect = isCompat && isOld ? '0.x' : '1.0'
  return { dialect, id: paths.list, isCollection: true, find: (all) => all.list() }
}

function read(segments: readonly string[], subscriptions: Subscriptions, dialect: Dialect): Asked {
  const { paths } = subscriptions
  if (segments.includes('') || segments.length > 3) throw nothingThere(segments, paths)
  if (dialect === '0.x') {
    const [match, subscriber] = segments.map(decode) as [string, string?]
    if (subscriber === undefined)
      return { ...collection('0.x', paths.ofOldTopic(match)), ...of((each) => each.match === match) }
    return { ...one('0.x'), ...of((each) => each.subscriber === subscriber && each.match === match) }
  }
  const [first, ...others] = segments
  if (others.length === 0) throw nothingThere(segments, paths)
  const matchType = matchTypeIn(first!, subscriptions)
  const [match, subscriber] = others.map(decode) as [string, string?]
  // Reported as exact, whatever its type: it selects everything.
  const type = match === '*' ? 'exact' : matchType
  if (subscriber === undefined) {
    const path = paths.ofMatcher(matchType, match)
    return { ...collection('1.0', path), ...of((each) => each.matchType === type && each.match === match) }
  }
  const path = paths.of({ matchType: type, match, subscriber })
  return { ...one('1.0'), find: (all) => all.find(path) }
}

function collection(dialect: Dialect, id: string) {
  return { dialect, id, isCollection: true }
}

function one(dialect: Dialect) {
  return { dialect, id: '', isCollection: false }
}

function of(isWanted: (subscription: ActiveSubscription) => boolean): Pick<Asked, 'find'> {
  return { find: (all) => all.list(isWanted) }
}

function nothingThere(segments: readonly string[], { list }: SubscriptionPaths): HubError {
  return new HubError(
    'NOT_FOUND',
    `There is nothing at ${list}/${segments.join('/')}. A path below ${list} consists of a match type, a matcher and a subscriber.`,
  )
}

function matchTypeIn(segment: string, { isCompat }: Subscriptions): MatchType {
  const type = parseMatchType(segment)
  if (type && (isCompat || type !== 'uritemplate')) return type
  throw new HubError('INVALID_REQUEST', `There is no match type ${JSON.stringify(segment)}. Use exact or urlpattern.`)
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new HubError('INVALID_REQUEST', `${JSON.stringify(segment)} is not percent-encoded UTF-8.`, { cause })
  }
}

/** How a dialect writes subscriptions. */
interface Form {
  readonly contentType: string
  etag(lastEventId: string): string
  link(lastEventId: string): string
  /** A single subscription. */
  one(list: SubscriptionList): string
  /** A subscription in a list. */
  each(subscription: ActiveSubscription): string
  /** The text before and after the list. */
  around(id: string, lastEventId: string): readonly [before: string, after: string]
}

const currentForm = (paths: SubscriptionPaths): Form => ({
  contentType: 'application/json',
  etag: (lastEventId) => `"${escapeEtag(lastEventId)}"`,
  link: (lastEventId) =>
    `<${paths.hub}>; rel="mercure"; last-event-id=${quoted(lastEventId)}; type="mercure"; content-type="application/json"`,
  one: ({ subscriptions: [subscription] }) => subscriptionDocument(subscription!, true, paths),
  each: (subscription) => subscriptionDocument(subscription, true, paths),
  around: (id) => around({ id, type: 'subscriptions' }),
})

const oldContentType = 'application/ld+json'

/** [Mercure 0.x] */
const oldForm = (paths: SubscriptionPaths): Form => ({
  contentType: oldContentType,
  // Without the quotes that HTTP requires: Mercure 0.x sent it so.
  etag: escapeEtag,
  link: (lastEventId) =>
    `<${paths.hub}>; rel="mercure"; last-event-id=${quoted(lastEventId)}; content-type="application/ld+json"`,
  one: ({ subscriptions: [subscription], lastEventId }) =>
    oldSubscriptionDocument(subscription!, true, paths, { ...oldContext, lastEventID: lastEventId }),
  each: (subscription) => oldSubscriptionDocument(subscription, true, paths, {}),
  around: (id, lastEventID) => around({ ...oldContext, id, type: 'Subscriptions', lastEventID }),
})

function around(document: object): readonly [string, string] {
  return [`${JSON.stringify(document).slice(0, -1)},"subscriptions":[`, ']}\n']
}

/** [RFC 9110, 5.6.4] A quoted string. */
export function quoted(text: string): string {
  return `"${headerValue(text).replace(/["\\]/g, '\\$&')}"`
}

/** [Mercure, 9.2] An ID inside an entity tag. */
export function escapeEtag(id: string): string {
  const percentEncoded = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  const isEscaped = (byte: number) => byte <= 0x20 || byte === 0x22 || byte === 0x25 || byte === 0x7f
  return Array.from(Buffer.from(id), (byte) =>
    isEscaped(byte) ? percentEncoded(byte) : String.fromCharCode(byte),
  ).join('')
}

const subscriptionsPerPiece = 500

/**
 * Returns a short list in one piece, with its length, and a long one in many pieces, so that it
 * neither fills memory nor delays other requests.
 */
function inPieces(
  before: string,
  subscriptions: readonly ActiveSubscription[],
  write: (subscription: ActiveSubscription) => string,
  after: string,
): string | AsyncIterable<string> {
  if (subscriptions.length > subscriptionsPerPiece) return pieces()
  return before + subscriptions.map(write).join(',') + after

  async function* pieces(): AsyncGenerator<string> {
    for (let start = 0; start < subscriptions.length; start += subscriptionsPerPiece) {
      const piece = subscriptions.slice(start, start + subscriptionsPerPiece)
      yield (start === 0 ? before : ',') + piece.map(write).join(',')
      await nextTurn()
    }
    yield after
  }
}
