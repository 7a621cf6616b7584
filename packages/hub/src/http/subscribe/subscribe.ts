import { isEventSourceRequest, suggestName } from '@headwater/sse/internal'
import { readLastEventId } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import type { Subscription, SubscriptionOptions } from '../../hub/subscription-options.ts'
import { parseTraceContext } from '../../hub/trace-context.ts'
import { costOf, exactTopic, type Matcher, topicSelector, urlPattern } from '../../matching/matcher.ts'
import type { Limits } from '../access/limits.ts'
import type { Permission } from '../access/permission.ts'
import { readFormBody } from '../message/body.ts'
import { type FormPair, parseForm } from '../message/form.ts'
import { acceptsGzip, headerValue } from '../message/headers.ts'
import type { EventStreamResponse, HubRequest, HubResponse } from '../message/http-message.ts'
import { GzipCoding } from './gzip-coding.ts'

/**
 * Answers with the event stream of the topics that the request selects, from the last event ID on.
 * With `QUERY`, the body is a form with more of the same parameters.
 */
export async function subscribe(
  hub: HubCore,
  request: HubRequest,
  permission: Permission,
  rules: SubscribeRules,
): Promise<EventStreamResponse> {
  const selectors = await readSelectors(request, rules)
  const { matchers, isMarked, lastEventId, hasLastEventId, isOldDialect, format, trace } = selectors
  rules.onSelected(matchers.length)
  const { subscribe: rights, payloadFor } = permission
  const traceContext = parseTraceContext(request.header('traceparent'), request.header('tracestate'))
  // Without a last event ID there is nothing to search for.
  const signal = lastEventId === '' ? undefined : request.clientSignal()
  const subscription = await hub
    .openSubscription({ matchers, rights, lastEventId, isMarked, payloadFor, format, trace, traceContext, signal })
    .catch((error: unknown) => {
      if (!isStoreFailure(error) || !isEventSource(request)) throw error
      rules.onError(error)
      return comeBackLater
    })

  rules.onOpened?.(subscription, matchers)
  const preceding = headerValue(subscription.precedingEventId)
  return {
    status: 200,
    headers: {
      'cache-control': 'private, no-cache, no-store, no-transform',
      // [Mercure] Sent if a last event ID was present, even an empty one; in the 0.x dialect only
      // if it was not empty.
      'mercure-last-event-id': hasLastEventId ? preceding : undefined,
      'last-event-id': isOldDialect && lastEventId !== '' ? preceding : undefined,
    },
    eventStream: {
      deliverTo: (session) => subscription.deliverTo(session),
      abandon() {},
      contentCoding: isCompressed(request, permission, rules) ? new GzipCoding() : undefined,
      expiresAt: permission.expiresAt,
      lastEventId,
    },
  }
}

/**
 * In place of a subscription whose beginning the store cannot find at the moment. An `EventSource`
 * that is refused, for whatever reason and for however short a time, gives up for good. So it is
 * given a stream that breaks off, and comes back with the ID that it has.
 */
const comeBackLater: Subscription = {
  precedingEventId: 'earliest',
  deliverTo: (session) => void session.drain(),
  progress: () => undefined,
}

function isEventSource({ method, header }: HubRequest): boolean {
  return isEventSourceRequest(method, header('accept'))
}

function isStoreFailure(error: unknown): boolean {
  return error instanceof HubError && error.code === 'STORE_FAILED'
}

/**
 * Private events are not compressed. Consecutive events are compressed together, so an attacker
 * that sees the length of the result, and can publish next to the others, could find out their
 * content guess by guess (BREACH).
 */
function isCompressed(request: HubRequest, { subscribe = [] }: Permission, { isCompressing }: SubscribeRules): boolean {
  return isCompressing && subscribe.length === 0 && acceptsGzip(request.header('accept-encoding'))
}

/**
 * Answers with the ID to resume from to get everything after the newest event that the request
 * selects.
 */
export async function answerLastEventId(
  hub: HubCore,
  request: HubRequest,
  { subscribe }: Permission,
  rules: SelectorRules,
): Promise<HubResponse> {
  const { matchers } = await readSelectors(request, rules)
  const id = await hub.lastEventId({ matchers, rights: subscribe, signal: request.clientSignal() })
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'mercure-last-event-id': headerValue(id),
    },
    body: `${JSON.stringify({ last_event_id: id })}\n`,
  }
}

export interface SubscribeRules extends SelectorRules {
  /** Whether to compress event streams for clients that accept it. */
  readonly isCompressing: boolean
  /** Gets how many matchers a subscription has, before it begins. What it throws is the answer. */
  readonly onSelected: (matchers: number) => void
  /** Called with a subscription before its stream begins. */
  readonly onOpened?: ((subscription: Subscription, matchers: readonly Matcher[]) => void) | undefined
  /** Receives a failure that the client is not told about. */
  readonly onError: (error: unknown) => void
}

/** Which selectors the hub accepts. */
export interface SelectorRules {
  readonly limits: Readonly<Limits>
  /** Whether it accepts the selector of Mercure 0.x: `topic`. */
  readonly isCompat: boolean
  /** The URL that URL patterns are relative to. */
  readonly hubUrl: string
}

/** What a request selects, and where its stream begins. */
interface Selectors {
  readonly matchers: readonly Matcher[]
  /** Whether each event is to say which of them select it. */
  readonly isMarked: boolean
  /** `''` for none. */
  readonly lastEventId: string
  /** Whether there was a last event ID, even an empty one. */
  readonly hasLastEventId: boolean
  /** Whether the request selects by `topic`, as in Mercure 0.x. */
  readonly isOldDialect: boolean
  /** What the request asks its events to be; the hub knows whether it can. */
  readonly format: SubscriptionOptions['format']
  /** Whether it asks for the trace context of each event. */
  readonly trace: boolean
}

/** The most bytes of a `QUERY` body, which anybody may send: so many per matcher, or the least. */
const queryBytesPerMatcher = 655
const leastQueryBytes = 64 * 1024
/** The most fields beside matchers. */
const maxOtherFields = 1000

async function readSelectors(request: HubRequest, rules: SelectorRules): Promise<Selectors> {
  const { url, method } = request
  const start = url.indexOf('?')
  const query = Buffer.from(start < 0 ? '' : url.slice(start + 1), 'latin1')
  const body = method === 'QUERY' ? await readForm(request, rules.limits) : Buffer.alloc(0)
  const header = request.header('last-event-id')
  const maxFields = rules.limits.maxMatchers + maxOtherFields
  const pairsOfBody = parseForm(body, maxFields)
  // [Mercure] The query and the body count together; the query's last event ID comes first.
  const pairs = [...parseForm(query, maxFields), ...pairsOfBody]
  const { matchers, isMarked, hasLastEventId, isOldDialect, format, trace } = parsePairs(pairs, rules)
  return {
    format,
    trace,
    matchers,
    isMarked,
    lastEventId: readLastEventId(header, url) || lastEventIdOf(pairsOfBody),
    hasLastEventId: hasLastEventId || header !== undefined,
    isOldDialect,
  }
}

/**
 * Reads the selectors of a query, as subscribers send them.
 *
 * @throws HubError `INVALID_MATCHER`
 */
export function parseSelectors(url: string, rules: SelectorRules): readonly Matcher[] {
  const start = url.indexOf('?')
  const query = Buffer.from(start < 0 ? '' : url.slice(start + 1), 'latin1')
  return parsePairs(parseForm(query, rules.limits.maxMatchers + maxOtherFields), rules).matchers
}

/** By the names, in the order, that `readLastEventId` has for those of a query. */
function lastEventIdOf(pairs: readonly FormPair[]): string {
  const named = pairs.filter(({ name }) => lastEventIdName.test(name))
  return readLastEventId(undefined, `?${named.map(({ name, encodedValue }) => `${name}=${encodedValue}`).join('&')}`)
}

const lastEventIdName = /^(lastEventI[dD]|last_event_id|Last-Event-ID)$/

/**
 * Whether a name that means nothing was to say where to resume: other systems' words for it, and
 * typing errors. Short names have too many neighbours.
 */
function isMeantAsLastEventId(name: string): boolean {
  return /^(since|cursor)$/i.test(name) || (name.length >= 9 && suggestName(name, ['last_event_id']) !== undefined)
}

async function readForm(request: HubRequest, { maxMatchers, maxBodyBytes }: Readonly<Limits>): Promise<Buffer> {
  const type = request.header('content-type') ?? ''
  if (/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    const maxBytes = Math.max(leastQueryBytes, maxMatchers * queryBytesPerMatcher)
    return await readFormBody(request, Math.min(maxBytes, maxBodyBytes))
  }
  throw new HubError(
    'UNSUPPORTED_MEDIA_TYPE',
    `The content type is ${type || 'not given'}. Send the body of a QUERY as application/x-www-form-urlencoded.`,
  )
}

function parsePairs(pairs: Iterable<FormPair>, rules: SelectorRules): Omit<Selectors, 'lastEventId'> {
  const {
    limits: { maxMatchers },
    isCompat,
  } = rules
  const selectors: FormPair[] = []
  let hasLastEventId = false
  let isOldDialect = false
  let isMarked = false
  let format: string | undefined
  let trace = false
  for (const pair of pairs) {
    const { name } = pair
    if (name === 'topic') {
      if (!isCompat) {
        throw new HubError(
          'INVALID_MATCHER',
          'topic is a selector of Mercure 0.x, which this hub does not speak (--compat). Use match.',
        )
      }
      isOldDialect = true
    }
    if (/^(topic|match|match_exact|match_urlpattern)$/.test(name)) selectors.push(pair)
    else if (name === 'show_matchers') {
      if (pair.value !== '1') {
        throw new HubError(
          'INVALID_REQUEST',
          `show_matchers is ${JSON.stringify(pair.value)}. Set it to 1, or leave it out.`,
        )
      }
      isMarked = true
    } else if (/^match/i.test(name)) {
      throw new HubError(
        'INVALID_MATCHER',
        `There is no matcher ${JSON.stringify(name)}. This hub knows match, match_exact and match_urlpattern.`,
      )
    } else if (lastEventIdName.test(name)) hasLastEventId = true
    else if (name === 'trace') trace = true
    else if (name === 'format') format ??= pair.value
    else if (isMeantAsLastEventId(name)) {
      throw new HubError(
        'INVALID_REQUEST',
        `There is no parameter ${JSON.stringify(name)}. Did you mean last_event_id?`,
      )
    }
  }
  if (selectors.length === 0) {
    throw new HubError(
      'INVALID_MATCHER',
      'The query selects no topic. Add ?match= and a topic, percent-encoded, or ?match=* for all of them.',
    )
  }
  // Checked before any pattern is compiled.
  if (selectors.length > maxMatchers) {
    throw new HubError(
      'INVALID_MATCHER',
      `The query has ${selectors.length} matchers; the most is ${maxMatchers}. Use two subscriptions.`,
    )
  }
  return {
    matchers: compile(selectors, rules),
    isMarked,
    hasLastEventId,
    isOldDialect,
    trace,
    format: (format || undefined) as SubscriptionOptions['format'],
  }
}

/**
 * The most bytes of all patterns and templates of one subscription, which bounds the cost of
 * compiling them.
 */
const maxPatternBytes = 16 * 1024
/**
 * The most steps that they may cost together for each character of a topic. Patterns that people
 * write cost 1 to 7 each.
 */
const maxPatternCost = 512

function compile(selectors: readonly FormPair[], rules: SelectorRules): readonly Matcher[] {
  let bytes = 0
  let cost = 0
  return selectors.map(({ name, value }) => {
    if (name === 'match_urlpattern' || (name === 'topic' && value?.includes('{')))
      bytes += Buffer.byteLength(value ?? '')
    if (bytes > maxPatternBytes) {
      throw new HubError(
        'INVALID_MATCHER',
        `The patterns of the query have more than ${maxPatternBytes} bytes together. Use several subscriptions.`,
      )
    }
    const matcher = parseMatcher(name, value, rules)
    cost += costOf(matcher)
    if (cost > maxPatternCost) {
      throw new HubError(
        'INVALID_MATCHER',
        'The patterns of the query are too costly together. Use simpler ones, with fewer groups that repeat, or several subscriptions.',
      )
    }
    return matcher
  })
}

function parseMatcher(name: string, value: string | undefined, { isCompat, hubUrl }: SelectorRules): Matcher {
  if (value === undefined) throw new HubError('INVALID_MATCHER', `${name} is not valid UTF-8.`)
  if (value === '')
    throw new HubError('INVALID_MATCHER', `${name} is empty. Set it to a topic, percent-encoded, or to *.`)
  if (!isCompat && /[\u200c\u200d]/.test(value)) {
    throw new HubError(
      'INVALID_MATCHER',
      `${name} contains a zero-width joiner or non-joiner, which only a hub with --compat accepts.`,
    )
  }
  if (name === 'topic') return topicSelector(value)
  if (name === 'match_urlpattern') return urlPattern(value, hubUrl)
  return exactTopic(value)
}
