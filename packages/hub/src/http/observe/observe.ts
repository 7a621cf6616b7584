import { parseEventId } from '@headwater/sse/internal'
import { readLastEventId } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import type { HistoryView } from '../../hub/history-view.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import { type HistoryPlace, maxPageEvents } from '../../hub/observed-history.ts'
import { everyTopic, type Matcher } from '../../matching/matcher.ts'
import type { Observatory } from '../../observe/observatory.ts'
import type { Authorizer } from '../access/authorizer.ts'
import type { Permission } from '../access/permission.ts'
import { parseForm } from '../message/form.ts'
import { type HubRequest, type HubResponse, pathOf } from '../message/http-message.ts'
import { jsonResponse } from '../message/json-response.ts'
import type { Part } from '../routes.ts'
import { parseSelectors, type SelectorRules } from '../subscribe/subscribe.ts'
import { StatsStreams } from './stats-streams.ts'

/** The version of the routes and of what they answer. */
export const observeVersion = 1

/** What the routes for operators need. */
export interface ObserveContext {
  readonly hub: HubCore
  readonly observatory: Observatory
  readonly authorizer: Authorizer
  /** Whether anyone who reaches the hub may look at it. */
  readonly isOpen: boolean
  readonly selectorRules: () => SelectorRules
}

type May = Pick<Permission, 'subscribe' | 'expiresAt'>

/** The most of what a list names, and what it names unless the request says how many. */
const listed = { most: 500, usual: 100 }

/**
 * The routes that the hub's page shows: figures, topics, subscribers and the history. For whoever has
 * the right to look at the whole hub.
 */
export function observeRoute(context: ObserveContext): Part {
  const { hub, observatory, authorizer, isOpen, selectorRules } = context
  const all = `${hub.path}/headwater`
  const version = `${all}/v${observeVersion}`
  const streams = new StatsStreams(observatory)
  const answers: ReadonlyMap<string, (request: HubRequest, may: May) => Promise<HubResponse>> = new Map([
    [`${version}/stats`, async () => jsonResponse(await streams.snapshot())],
    [`${version}/stats/stream`, (_: HubRequest, may: May) => answerStatsStream(may)],
    [`${version}/topics`, answerTopics],
    [`${version}/subscribers`, answerSubscribers],
    [`${version}/history`, answerHistory],
    [`${version}/history/event`, answerEvent],
    [`${version}/history/trace`, answerTrace],
    [`${version}/history/stream`, answerHistoryStream],
  ])
  return {
    isAt: (path) => path === all || path.startsWith(`${all}/`),
    async answer(request) {
      const may: May = isOpen ? await openTo(request) : await authorizer.authorizeObserver(request)
      const answer = answers.get(pathOf(request))
      if (answer) return await answer(request, may)
      throw new HubError(
        'NOT_FOUND',
        `This hub has nothing at ${pathOf(request)}. It has ${[...answers.keys()].join(', ')}.`,
      )
    },
  }

  /** A hub that is open still reads a token, for the private events that it grants. */
  async function openTo(request: HubRequest): Promise<May> {
    const { subscribe, expiresAt } = await authorizer.authorizeSubscriber(request)
    return { subscribe, expiresAt }
  }

  async function answerStatsStream({ expiresAt }: May): Promise<HubResponse> {
    return eventStream(await streams.open(), '', expiresAt)
  }

  async function answerTopics(request: HubRequest): Promise<HubResponse> {
    const query = queryOf(request)
    const { topics } = await observatory.read({
      topics: limitIn(query),
      topic: query.get('search'),
      subscribers: 0,
      since: Infinity,
    })
    return jsonResponse(topics)
  }

  async function answerSubscribers(request: HubRequest): Promise<HubResponse> {
    const query = queryOf(request)
    const { at, subscribers } = await observatory.read({
      topics: 0,
      subscribers: limitIn(query),
      subscriber: query.get('search'),
      since: Infinity,
    })
    return jsonResponse({ at, ...subscribers })
  }

  async function answerHistory(request: HubRequest, { subscribe: rights = [] }: May): Promise<HubResponse> {
    const query = queryOf(request)
    const view = viewOf(request, rights)
    const limit = limitIn(query, maxPageEvents)
    return jsonResponse(await hub.observed.page(view, placeIn(query), limit, request.clientSignal()))
  }

  async function answerEvent(request: HubRequest, { subscribe: rights = [] }: May): Promise<HubResponse> {
    const query = queryOf(request)
    const id = query.get('id')
    const position = id === undefined ? wholeNumberIn(query, 'position') : await hub.observed.positionOf(id)
    if (position === undefined && id === undefined)
      throw new HubError('INVALID_REQUEST', 'position is missing: add ?position= and a number, or ?id=.')
    const found =
      position === undefined ? undefined : await hub.observed.event(position, rights, request.clientSignal())
    if (found) return jsonResponse(found)
    if (id !== undefined) throw new HubError('NOT_FOUND', 'No event is kept to which its publisher gave this id.')
    throw new HubError('NOT_FOUND', `No event is kept at position ${position}. It may have been trimmed.`)
  }

  async function answerTrace(request: HubRequest, { subscribe: rights = [] }: May): Promise<HubResponse> {
    const id = queryOf(request).get('id')
    if (!id) throw new HubError('INVALID_REQUEST', 'id is missing: add ?id= and the ID of an event, percent-encoded.')
    return jsonResponse(await hub.observed.trace(id, rights, request.clientSignal()))
  }

  async function answerHistoryStream(
    request: HubRequest,
    { subscribe: rights = [], expiresAt }: May,
  ): Promise<HubResponse> {
    const view = viewOf(request, rights)
    const lastEventId = readLastEventId(request.header('last-event-id'), request.url)
    const from = parseEventId(lastEventId)
    // Of another history there is nothing to continue: the page learns the epoch from the first event.
    const known = from?.epoch === hub.replication.epoch ? from.position : undefined
    const after = lastEventId === '' ? wholeNumberIn(queryOf(request), 'after') : known
    const tail = await hub.observed.openTail(view, after)
    return eventStream(tail, lastEventId, expiresAt)
  }

  function viewOf(request: HubRequest, rights: readonly Matcher[]): HistoryView {
    const [types, exceptTypes] = [valuesOf(request, 'type'), valuesOf(request, 'except_type')]
    return {
      matchers: matchersOf(request),
      rights,
      ...(types.size > 0 && { types }),
      ...(exceptTypes.size > 0 && { exceptTypes }),
    }
  }

  function matchersOf({ url }: HubRequest): readonly Matcher[] {
    if (!/[?&](match|topic)/i.test(url)) return [everyTopic]
    return parseSelectors(url, selectorRules())
  }
}

function eventStream(
  stream: Pick<Extract<HubResponse, { eventStream: object }>['eventStream'], 'deliverTo' | 'abandon'>,
  lastEventId: string,
  expiresAt: number | undefined,
): HubResponse {
  return {
    status: 200,
    headers: { 'cache-control': 'private, no-cache, no-store, no-transform' },
    eventStream: { ...stream, contentCoding: undefined, lastEventId, expiresAt },
  }
}

/** The fields of a request's query. */
export function queryOf(request: HubRequest): ReadonlyMap<string, string> {
  return new Map(pairsOf(request))
}

function valuesOf(request: HubRequest, name: string): ReadonlySet<string> {
  return new Set(pairsOf(request).flatMap(([each, value]) => (each === name ? [value] : [])))
}

function pairsOf({ url }: HubRequest): readonly (readonly [name: string, value: string])[] {
  const start = url.indexOf('?')
  const query = Buffer.from(start < 0 ? '' : url.slice(start + 1), 'latin1')
  return [...parseForm(query, 1000)].flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]))
}

function placeIn(query: ReadonlyMap<string, string>): HistoryPlace {
  const before = wholeNumberIn(query, 'before')
  const after = wholeNumberIn(query, 'after')
  const at = wholeNumberIn(query, 'at')
  if ([before, after, at].filter((place) => place !== undefined).length > 1) {
    throw new HubError('INVALID_REQUEST', 'before, after and at all say where to begin. Use one of them.')
  }
  if (after !== undefined) return { after }
  if (at !== undefined) return { at }
  return { before: before ?? Number.MAX_SAFE_INTEGER }
}

function limitIn(query: ReadonlyMap<string, string>, most = listed.most): number {
  const limit = wholeNumberIn(query, 'limit') ?? listed.usual
  if (limit >= 1 && limit <= most) return limit
  throw new HubError('INVALID_REQUEST', `limit is ${limit}: it must be 1 to ${most}.`)
}

/** Throws `INVALID_REQUEST` for anything but a whole number from 0 up; `undefined` if it is missing. */
export function wholeNumberIn(query: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = query.get(name)
  if (text === undefined) return undefined
  const number = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 0) return number
  throw new HubError('INVALID_REQUEST', `${name} is ${JSON.stringify(text)}: it must be a whole number from 0 up.`)
}
