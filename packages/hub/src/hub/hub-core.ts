import { claimSession } from '@headwater/sse/internal'
import { refuseUnknownName } from '../base/check-names.ts'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import { hubPath, parseHubPath } from '../base/hub-path.ts'
import { withTimeout } from '../base/with-timeout.ts'
import { exactTopic, type Matcher } from '../matching/matcher.ts'
import type { Append, EventStore, HistoryPosition, UpstreamStatus } from '../store/store.ts'
import { requestedSubscriptions } from '../subscriptions/active-subscription.ts'
import { assertReport, noReports } from '../subscriptions/reports.ts'
import { type Registry, startRegistry } from '../subscriptions/start-registry.ts'
import { SubscriptionPaths } from '../subscriptions/subscription-paths.ts'
import { EventAppender, storeAll } from './event-appender.ts'
import { cloudEventForm, type EventForm, plainForm, tracedForm } from './event-form.ts'
import { positionId } from './event-id.ts'
import { FanOut } from './fan-out.ts'
import type { FanOutOptions } from './fan-out-options.ts'
import { ObservedHistory } from './observed-history.ts'
import { type HubEvent, readEvents } from './program-events.ts'
import {
  maxTopics,
  type PreparedEvent,
  type PublishInit,
  type PublishLimits,
  prepareAppend,
  prepareEvent,
} from './publish-init.ts'
import { publishSpan, withSpan, withTraceOf } from './publish-spans.ts'
import { Replication } from './replication.ts'
import { ReservedTopics } from './reserved-topics.ts'
import { findStartingPoint, positionOf, type StartingPoint } from './resume.ts'
import { Selection } from './selection.ts'
import type { HubStats } from './stats.ts'
import type { Subscriber } from './subscriber.ts'
import {
  type SelectionOptions,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionOptions,
  selectionNames,
  subscribeNames,
  subscriptionNames,
} from './subscription-options.ts'
import type { HubSpan } from './telemetry.ts'

export interface HubCoreOptions extends Partial<Omit<FanOutOptions, 'onError'>> {
  /** Where the events are stored. The hub does not close it. */
  readonly store: EventStore
  /**
   * Whether the hub reports who is subscribed: by private events at the beginning and end of each
   * subscription, and by a list. `compat`: also by events in the form of Mercure 0.x. Default:
   * false, which costs nothing.
   */
  readonly subscriptions?: boolean | { readonly compat?: boolean | undefined } | undefined
  /**
   * The path of the hub's URL, such as `/api/hub`. The topics of subscription events begin with it.
   * Default: `/.well-known/mercure`.
   */
  readonly path?: string | undefined
  /** The limits on an event, read again for each event. Default: 1,000 topics. */
  readonly limits?: Readonly<PublishLimits> | undefined
  /**
   * Whether topics may contain zero-width joiners and non-joiners, as in Mercure 0.x. Asked for
   * each event. Default: no.
   */
  readonly acceptsJoiners?: (() => boolean) | undefined
  /** Called with errors that no promise can report; the hub continues. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/**
 * A hub: it stores what is published, and sends each subscriber exactly what it missed. It knows
 * nothing of HTTP.
 */
export interface HubCore {
  /** The path of the hub's URL. */
  readonly path: string
  /**
   * Validates an event, stores it, and resolves to its ID once the store has it safe. Subscribers
   * get it from the store.
   *
   * @throws HubError `INVALID_TOPIC`, `INVALID_DATA`, `INVALID_EVENT_ID`, `INVALID_EVENT_TYPE`,
   * `INVALID_RETRY`, `TOO_LARGE`, `INVALID_IDEMPOTENCY_KEY`, `EVENT_ID_TAKEN` (another event that is
   * kept has this ID), `HUB_CLOSED`; what the store throws.
   */
  publish(event: PublishInit): Promise<string>
  /**
   * Publishes several events, in this order, and resolves to their IDs. If one is not valid, none
   * is stored. If the store fails, none is stored if the store has `appendAll`; otherwise those
   * before the failed one are.
   *
   * @throws HubError as `publish` does.
   */
  publishAll(events: readonly PublishInit[]): Promise<readonly string[]>
  /**
   * The first half of `publish`: validates an event and prepares it for storing. Throws as
   * `publish` rejects.
   */
  prepare(event: PublishInit): PreparedEvent
  /**
   * The second half of `publish`: stores a prepared event, and resolves to its ID. The span of the
   * store is below `span`.
   */
  append(event: PreparedEvent, span?: HubSpan): Promise<string>
  /** The second half of `publishAll`. */
  appendAll(events: readonly PreparedEvent[], span?: HubSpan): Promise<readonly string[]>
  /**
   * Stores prepared events in this order, each by itself: one whose ID is taken is not in the way of
   * the others. Resolves to the ID of each, or why it is not stored. If the store fails, it stores
   * nothing more.
   */
  appendEach(events: readonly PreparedEvent[], span?: HubSpan): Promise<readonly PromiseSettledResult<string>[]>
  /** The newest position that the hub has heard of: a new event gets a later one. */
  readonly headPosition: number
  /**
   * Finds the starting point of a subscription, for a session to be served.
   *
   * @throws HubError `INVALID_MATCHER`, `INVALID_REQUEST`, `HUB_CLOSED`; what the store throws.
   */
  openSubscription(options: SubscriptionOptions): Promise<Subscription>
  /**
   * The ID to resume from to get everything after the newest kept event of a selection, or after
   * the head if there is none. A client that asks for it, then reads a resource, and then resumes
   * from it misses no change of that resource.
   *
   * @throws HubError `INVALID_MATCHER`, `HUB_CLOSED`; what the store throws; the reason of `signal`
   * when that aborts.
   */
  lastEventId(selection: SelectionOptions): Promise<string>
  /**
   * Yields the events of some topics (`*` for all), for a program that embeds the hub:
   * `for await (const event of hub.subscribe('log'))`. Begins after the last event ID, or with new
   * events, when the first one is requested. Continues until the loop is left, `signal` aborts
   * (which throws its reason) or the hub closes.
   *
   * @throws HubError as `openSubscription` does, from the iteration.
   */
  subscribe(
    topics: string | readonly (string | Matcher)[],
    options?: SubscribeOptions,
  ): AsyncGenerator<HubEvent, void, undefined>
  /** Who is subscribed by a session; `undefined` unless the `subscriptions` option is set. */
  readonly subscriptions: Pick<Registry, 'isCompat' | 'paths' | 'list' | 'find' | 'visit'> | undefined
  /** The history, as other hubs copy it. */
  readonly replication: Replication
  /** The history, as operators look at it. */
  readonly observed: ObservedHistory
  /**
   * Stores events that a hub which copies this one passes on, all or none, and resolves to their
   * positions. Rejects as `publish` does.
   */
  appendForReplica(appends: readonly Append[]): Promise<readonly HistoryPosition[]>
  /**
   * Stores what a hub at the edge reports about its subscribers, all or none.
   *
   * @throws HubError `INVALID_REQUEST` if it is something else, or this hub does not report
   * subscriptions; as `publish` does
   */
  appendReport(appends: readonly Append[]): Promise<readonly HistoryPosition[]>
  /** How far this hub is behind the one that it copies; `undefined` if its store copies none. */
  upstream(): Promise<UpstreamStatus | undefined>
  /** How many sessions are served now. */
  readonly subscriberCount: number
  /**
   * What the hub has done and is doing. Asks every subscriber for its position, so do not read it
   * for every request.
   */
  readonly stats: HubStats
  /**
   * Checks that the hub can store events, read them and receive new ones. Resolves if so.
   *
   * @throws HubError `HUB_CLOSED`, `STORE_FAILED`; what the store throws.
   */
  check(): Promise<void>
  /**
   * Accepts nothing more, finishes the publishes under way, and ends every session so that its
   * client reconnects, spread over time. Resolves when all of that is done; the store may be closed
   * then. Idempotent.
   *
   * After `deadlineMs` (default 8,000; `Infinity` for none), cuts off the sessions whose clients do not
   * read, and waits no longer for publishes that the store does not answer.
   */
  close(options?: { readonly deadlineMs?: number | undefined }): Promise<void>
}

/** Creates a hub over a store. Rejects with `INVALID_OPTION`, or as the store does. */
export async function createHubCore({
  store,
  subscriptions,
  path: givenPath = hubPath,
  limits = defaultPublishLimits,
  acceptsJoiners = () => false,
  onError = console.error,
  telemetry,
  ...options
}: HubCoreOptions): Promise<HubCore> {
  const path = parseHubPath(givenPath)
  const reserved = new ReservedTopics(path)
  if (typeof store?.follow !== 'function') {
    throw new HubError(
      'INVALID_OPTION',
      `store is ${String(store)}. Pass one: createHub({ store: createMemoryStore() }).`,
    )
  }
  const fanOut = await FanOut.start(store, { ...options, telemetry, onError })
  const registry = subscriptions ? await openRegistry(subscriptions === true ? {} : subscriptions) : undefined
  const replication = new Replication(store, fanOut.history)
  const observed = new ObservedHistory(store, fanOut.history, (event) => fanOut.countFor(event))
  const appender = new EventAppender(store)
  const { epoch } = store
  let closing: Promise<void> | undefined

  function prepare(init: PublishInit): PreparedEvent {
    return prepareEvent(init, epoch, { maxTopics: limits.maxTopics, acceptsJoiners: acceptsJoiners(), reserved })
  }

  return {
    async publish(init) {
      appender.assertOpen()
      if (!telemetry) return await appender.append(prepare(init))
      const span = publishSpan(telemetry, [init])
      return await withSpan(span, async () => {
        const id = await appender.append(prepare(withTraceOf(span, init)), span)
        span.set({ 'messaging.message.id': id })
        return id
      })
    },

    async publishAll(inits) {
      appender.assertOpen()
      if (!telemetry) return await appender.appendAll(inits.map(prepare))
      const span = publishSpan(telemetry, inits)
      return await withSpan(span, () =>
        appender.appendAll(
          inits.map((init) => prepare(withTraceOf(span, init))),
          span,
        ),
      )
    },

    prepare,
    append: (event, span) => appender.append(event, span),
    appendAll: (events, span) => appender.appendAll(events, span),
    appendEach: (events, span) => appender.appendEach(events, span),
    get headPosition() {
      return fanOut.head.position
    },

    async openSubscription(options) {
      refuseUnknownName('the options of openSubscription', options, subscriptionNames)
      const { matchers, rights, lastEventId, isMarked, payloadFor, signal } = options
      const { format, trace = false, traceContext } = options
      appender.assertOpen()
      const wanted = registry && requestedSubscriptions(matchers, payloadFor)
      const selection = select(matchers, rights, isMarked, formOf(format, trace))
      const { divergences } = fanOut
      const start = await findStart(selection, lastEventId, signal)
      let subscriber: Subscriber | undefined
      return {
        precedingEventId: precedingEventId(start, lastEventId),
        deliverTo(session, claim = {}) {
          // Not even twice: a session has one place in one sequence.
          claimSession(session, claim)
          if (closing) session.drain({ among: fanOut.subscriberCount + 1 })
          else subscriber = fanOut.add(session, selection, start, divergences, traceContext)
          // Connected only after it is served, so that it also receives its own event.
          if (wanted && session.isOpen) session.closed.then(registry.connect(wanted))
        },
        progress: () => subscriber?.progress(fanOut.head.position),
      }
    },

    async *subscribe(topics, options = {}) {
      refuseUnknownName('the options of subscribe', options, subscribeNames)
      const { rights, lastEventId, signal } = options
      appender.assertOpen()
      signal?.throwIfAborted()
      const matchers = [topics].flat().map((topic) => (typeof topic === 'string' ? exactTopic(topic) : topic))
      const selection = select(matchers, rights)
      const { divergences } = fanOut
      const start = await findStart(selection, lastEventId, signal)
      yield* readEvents(fanOut, store.epoch, selection, { start, divergences }, signal)
      signal?.throwIfAborted()
    },

    async lastEventId(options) {
      refuseUnknownName('the options of lastEventId', options, selectionNames)
      const { matchers, rights, signal } = options
      appender.assertOpen()
      const { mark, head } = await fanOut.history.findLast(select(matchers, rights), 1, signal)
      return positionId(store.epoch, mark ?? head)
    },

    path,
    subscriptions: registry,

    replication,
    observed,

    async appendForReplica(appends) {
      return await appender.store(appends.map((append) => prepareAppend(append, epoch, limits)))
    },

    async appendReport(appends) {
      if (!registry) throw noReports()
      assertReport(appends, registry.paths)
      await registry.expectEdges()
      return await appender.store(appends)
    },

    async upstream() {
      return await store.upstream?.()
    },

    get subscriberCount() {
      return fanOut.subscriberCount
    },

    get stats() {
      return { ...fanOut.stats, replicas: replication.streamCount }
    },

    async check() {
      appender.assertOpen()
      await Promise.all([store.bounds(), store.check?.()])
      if (fanOut.isFollowing) return
      throw new HubError('STORE_FAILED', 'The hub receives no new events: the tail of its store failed.')
    },

    async close({ deadlineMs = 8000 } = {}) {
      closing ??= finish(assertNotNegative('deadlineMs', deadlineMs))
      return closing
    },
  }

  function formOf(format: SubscriptionOptions['format'], isTraced: boolean): EventForm {
    if (format === undefined) return isTraced ? tracedForm : plainForm
    if (format === 'cloudevents') return cloudEventForm(path, isTraced)
    throw new HubError('INVALID_REQUEST', `There is no format ${JSON.stringify(format)}. There is cloudevents.`)
  }

  async function openRegistry({ compat = false }: { readonly compat?: boolean | undefined }): Promise<Registry> {
    try {
      return await startRegistry({
        store,
        isCompat: compat,
        paths: new SubscriptionPaths(path),
        append: (appends) => storeAll(store, appends),
        head: () => fanOut.head,
        idOf: idAfter,
        onError,
      })
    } catch (error) {
      fanOut.close()
      throw error
    }
  }

  async function findStart(
    selection: Selection,
    lastEventId: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<StartingPoint> {
    const start = await findStartingPoint(store, fanOut.history, selection, lastEventId, signal)
    // The tail may not have reached yet what another process sent the client, or what is trimmed
    // already.
    await fanOut.reach(positionOf(start, 0))
    return start
  }

  async function finish(deadlineMs: number): Promise<void> {
    const inOrder = (async () => {
      await Promise.allSettled([appender.close(), fanOut.drain(), replication.drain(), observed.drain()])
      await registry?.close()
      return true
    })()
    // A timer supports at most 2^31 - 1 ms, and fires at once for more.
    const isInOrder = deadlineMs < 2 ** 31 ? await withTimeout(deadlineMs, inOrder, false) : await inOrder
    if (!isInOrder) fanOut.cutOff()
    fanOut.close()
  }

  function precedingEventId(start: StartingPoint, requested: string | undefined): string {
    if (start.name === 'after' && requested !== undefined) return requested
    if (start.name === 'last') return positionId(store.epoch, start.after)
    return start.name === 'live' ? idAfter(fanOut.head) : 'earliest'
  }

  /** The ID to resume from to get everything after a position. */
  function idAfter(mark: HistoryPosition): string {
    return mark.position === 0 ? 'earliest' : positionId(store.epoch, mark)
  }
}

const defaultPublishLimits: PublishLimits = { maxTopics }

function select(
  matchers: readonly Matcher[],
  rights?: readonly Matcher[],
  isMarked?: boolean,
  form?: EventForm,
): Selection {
  if (matchers.length > 0) return new Selection(matchers, rights, isMarked, form)
  throw new HubError(
    'INVALID_MATCHER',
    'The subscription has no matcher, so it would receive nothing. Pass at least one.',
  )
}
