import { readLastEventId } from '@headwater/sse/server'
import { HubError } from '../errors.ts'
import type { Hub } from '../hub.ts'
import { exactTopic, type TopicMatcher } from '../topic-matcher.ts'
import type { Answer, HubRequest } from './exchange.ts'
import { parseForm } from './form.ts'

/** The most matchers of one subscription. */
const maxMatchers = 100
/** The longest matcher, in bytes. */
const maxMatcherBytes = 4096

/** Answers with the event stream of the topics that the query selects, from the last event ID on. */
export async function subscribe(hub: Hub, request: HubRequest): Promise<Answer> {
  const query = parseQuery(request.url)
  const header = request.header('last-event-id')
  const lastEventId = readLastEventId(header, request.url)
  const subscription = await hub.subscribe({ matchers: query.matchers, lastEventId })

  const preceding = headerValue(subscription.precedingEventId)
  return {
    headers: {
      'cache-control': 'private, no-cache, no-store, no-transform',
      // [Mercure] Whenever a last event ID was present, even an empty one; in the 0.x dialect when it was not empty.
      'mercure-last-event-id': header !== undefined || query.hasLastEventId ? preceding : undefined,
      'last-event-id': query.isOldDialect && lastEventId !== '' ? preceding : undefined,
    },
    eventStream: (session) => subscription.deliverTo(session),
  }
}

interface Query {
  readonly matchers: readonly TopicMatcher[]
  readonly hasLastEventId: boolean
  /** Whether it selects as Mercure 0.x did, by `topic`. */
  readonly isOldDialect: boolean
}

function parseQuery(url: string): Query {
  const matchers: TopicMatcher[] = []
  let hasLastEventId = false
  let isOldDialect = false
  const start = url.indexOf('?')
  for (const pair of parseForm(Buffer.from(start < 0 ? '' : url.slice(start + 1), 'latin1'))) {
    const { name } = pair
    if (name === 'topic') isOldDialect = true
    if (name === 'topic' || name === 'match' || name === 'match_exact') matchers.push(parseMatcher(name, pair.value))
    else if (/^match/i.test(name)) {
      throw new HubError(
        'INVALID_MATCHER',
        `There is no matcher ${JSON.stringify(name)}. This hub knows match, match_exact and topic.`,
      )
    } else if (/^(lastEventI[dD]|last_event_id|Last-Event-ID)$/.test(name)) hasLastEventId = true
  }
  if (matchers.length === 0) {
    throw new HubError(
      'INVALID_MATCHER',
      'The query selects no topic. Add ?match= and a topic, percent-encoded, or ?match=* for all of them.',
    )
  }
  if (matchers.length > maxMatchers) {
    throw new HubError(
      'INVALID_MATCHER',
      `The query has ${matchers.length} matchers; the most is ${maxMatchers}. Use two subscriptions.`,
    )
  }
  return { matchers, hasLastEventId, isOldDialect }
}

function parseMatcher(name: string, value: string | undefined): TopicMatcher {
  if (value === undefined) throw new HubError('INVALID_MATCHER', `${name} is not valid UTF-8.`)
  if (value === '') throw new HubError('INVALID_MATCHER', `${name} is empty. Give it a topic, percent-encoded, or *.`)
  if (Buffer.byteLength(value) > maxMatcherBytes) {
    throw new HubError(
      'INVALID_MATCHER',
      `${name} is ${Buffer.byteLength(value)} bytes long; the most is ${maxMatcherBytes}.`,
    )
  }
  if (/[\p{Cc}\p{Cf}]/u.test(value)) {
    throw new HubError(
      'INVALID_MATCHER',
      `${name} ${JSON.stringify(value)} has a control or format character. No topic has one.`,
    )
  }
  if (name === 'topic' && value.includes('{')) {
    throw new HubError(
      'INVALID_MATCHER',
      `topic ${JSON.stringify(value)} looks like a URI template, which this hub does not match yet. Give the exact topic; one with a brace in it by match=.`,
    )
  }
  return exactTopic(value)
}

/** An ID as a header carries it: Node writes each character of a header as one byte. */
function headerValue(id: string): string {
  return Buffer.from(id).toString('latin1')
}
