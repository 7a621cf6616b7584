import type { AnyEvents, EventMap, OnInvalid } from '@headwater/sse'
import { assertUnclaimed, claimSession, dataEncoder, namesOf } from '@headwater/sse/internal'
import { type AnySession, type ContentOf, GAP_EVENT_TYPE, type Session, SseError } from '@headwater/sse/server'
import { refuseUnknownName } from '../base/check-names.ts'
import { HubError, type HubErrorCode } from '../base/errors.ts'
import { everyTopic, topicSelector } from '../matching/matcher.ts'
import type { HubCore } from './hub-core.ts'
import type { HubEvent } from './program-events.ts'
import type { PublishInit } from './publish-init.ts'
import type { SubscribeOptions } from './subscription-options.ts'
import { TopicSessions } from './topic-sessions.ts'

export interface TopicOptions<In extends object = AnyEvents, Out extends object = In> {
  /**
   * What events the topic has, by `defineEvents`: others are refused, and data is sent and received as
   * the map says. Default: any events; a string is sent as it is, anything else as JSON.
   */
  readonly events?: EventMap<In, Out> | undefined
  /** What to do with an event that is not what `events` says. Default: `throw`. */
  readonly onInvalid?: OnInvalid | undefined
}

/** An event for a topic: its content, and what `publish` takes beside that. */
export type TopicInit<In extends object = AnyEvents> = ContentOf<In> & Omit<PublishInit, 'topic' | 'type' | 'data'>

/** An event of a topic as a program receives it. */
export type TopicEvent<Out extends object = AnyEvents> = [keyof Out] extends [never]
  ? HubEvent
  : {
      [Type in keyof Out & string]: Omit<HubEvent, 'type' | 'data'> & { readonly type: Type; readonly data: Out[Type] }
    }[keyof Out & string]

export interface TopicEventsOptions extends Omit<SubscribeOptions, 'rights'> {
  /** Called where events are missing. */
  readonly onGap?: ((gap: HubEvent) => void) | undefined
}

interface TopicSubscribeOptions {
  /**
   * Where the session resumes. Default: after the last event ID that its client has. `earliest`:
   * before everything that is kept.
   */
  readonly lastEventId?: string | undefined
}

/**
 * A topic of the hub as a channel over its history: what a channel in memory has, with a history that
 * survives a restart and subscribers over HTTP beside the program's own sessions.
 */
export interface Topic<In extends object = AnyEvents, Out extends object = In, State = unknown> {
  /** The topic, or the URI template of several. */
  readonly name: string
  /** How many of the program's own sessions are subscribed by this name. */
  readonly size: number
  /** The program's own sessions that are subscribed by this name. */
  readonly subscribers: Iterable<Session<AnyEvents, State>>
  /**
   * The topic that the template gives with these values, percent-encoded:
   * `hub.topic('orders/{id}').at({ id: 7 })`. Throws `INVALID_TOPIC` for a value that is missing, or a
   * template that has more than names in braces.
   */
  at(values: Readonly<Record<string, string | number>>): Topic<In, Out, State>
  /**
   * Stores an event, and resolves to its ID once it is safe: to `''` if `onInvalid` skipped it. All
   * subscribers get it from the store, those included that the program subscribed before the call.
   *
   * @throws HubError as `publish` does; `INVALID_DATA` or `INVALID_EVENT_TYPE` for what is not as the
   * map says.
   */
  broadcast(event: TopicInit<In>): Promise<string>
  /**
   * Sends a session what its client missed, a gap included, then every event, private ones too: the
   * program decides whom it subscribes. Ends with the session. If the store fails, the session is
   * drained, and its client comes back.
   *
   * @throws SseError `ALREADY_SUBSCRIBED` if the session has another subscription.
   */
  subscribe(session: AnySession<State>, options?: TopicSubscribeOptions): void
  /**
   * Yields the topic's events with their values, private ones too. Rejects with `INVALID_DATA` for data
   * that is not as the map says, because others may publish to this topic too, unless `onInvalid` says
   * otherwise; and at a gap, unless `onGap` is set.
   */
  events(options?: TopicEventsOptions): AsyncGenerator<TopicEvent<Out>, void, undefined>
  /** Drains the program's own sessions. Resolves when they have ended. */
  drain(): Promise<void>
  /** Permanently closes the program's own sessions that are subscribed now. Resolves when they have ended. */
  close(): Promise<void>
}

/** Opens a topic of a hub. Throws `INVALID_OPTION`, or `INVALID_MATCHER` for a name that is none. */
export function openTopic<In extends object = AnyEvents, Out extends object = In, State = unknown>(
  hub: HubCore,
  name: string,
  options: TopicOptions<In, Out> = {},
  onError: (error: unknown) => void = console.error,
): Topic<In, Out, State> {
  refuseUnknownName('the options of topic', options, optionNames)
  const { events, onInvalid } = options
  const encode = asHubError(() => dataEncoder(options as TopicOptions<object>))
  const matcher = topicSelector(name)
  const isTemplate = matcher.type === 'template'
  const sessions = TopicSessions.of(hub)

  return {
    name,

    get size() {
      return sessions.in(name).size
    },

    get subscribers() {
      return sessions.in(name) as Iterable<AnySession> as Iterable<Session<AnyEvents, State>>
    },

    at: (values) => openTopic(hub, isTemplate ? expand(name, values) : name, options, onError),

    async broadcast(init) {
      if (isTemplate || matcher.type === 'all') {
        throw new HubError(
          'INVALID_TOPIC',
          `${JSON.stringify(name)} stands for several topics: name the one to broadcast to, by at({ … }).`,
        )
      }
      if (Object(init) !== init) {
        throw new HubError('INVALID_DATA', `${String(init)} is not an event. Did you mean { data: … }?`)
      }
      const { data, ...rest } = init as { data: unknown; type?: string } & Omit<PublishInit, 'topic' | 'type' | 'data'>
      const text = asHubError(() => encode(data, rest.type))
      if (text === undefined) return ''
      // Who was subscribed before gets it, as in a channel.
      await sessions.opened()
      return await hub.publish({ ...rest, topic: name, data: text })
    },

    subscribe(session, given = {}) {
      refuseUnknownName('the options of subscribe', given, subscribeNames)
      const { lastEventId = session.lastEventId } = given
      const { signal } = session
      // At once, where the mistake is.
      assertUnclaimed(session)
      const claim = {}
      claimSession(session, claim)
      if (session.isOpen) sessions.add(name, session)
      const opening = hub
        .openSubscription({ matchers: [matcher], rights: [everyTopic], lastEventId: lastEventId || undefined, signal })
        .then((subscription) => subscription.deliverTo(session as Session, claim))
        .catch((error) => {
          if (!session.isOpen) return
          onError(error)
          void session.drain()
        })
      sessions.open(opening)
    },

    async *events(given = {}) {
      refuseUnknownName('the options of events', given, eventsNames)
      const { onGap, ...from } = given
      for await (const event of hub.subscribe([matcher], { ...from, rights: [everyTopic] })) {
        if (event.type === GAP_EVENT_TYPE) {
          if (!onGap) {
            throw new HubError('INVALID_DATA', `Events of topic ${JSON.stringify(name)} are lost: ${event.data}`)
          }
          onGap(event)
          continue
        }
        const decoded = events ? asHubError(() => events.decode(event.type, event.data, onInvalid)) : event
        if (decoded) yield { ...event, data: decoded.data } as TopicEvent<Out>
      }
    },

    async drain() {
      const among = sessions.in(name).size
      await Promise.all(Array.from(sessions.in(name), (session) => session.drain({ among })))
    },

    async close() {
      await Promise.all(Array.from(sessions.in(name), (session) => session.close()))
    },
  }
}

const optionNames = namesOf<TopicOptions>({ events: true, onInvalid: true })
const subscribeNames = namesOf<TopicSubscribeOptions>({ lastEventId: true })
const eventsNames = namesOf<TopicEventsOptions>({ lastEventId: true, signal: true, onGap: true })

/** [RFC 6570] Level 1, for publishing: a name in braces stands for a value, percent-encoded. */
function expand(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (typeof value === 'string' || typeof value === 'number') return encodeURIComponent(value)
    throw new HubError(
      'INVALID_TOPIC',
      `at() has no text or number for {${name}} in the template ${JSON.stringify(template)}.`,
    )
  })
}

/** The hub has one class of errors, and the codes that the map's errors have. */
function asHubError<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof SseError)) throw error
    throw new HubError(error.code as HubErrorCode, error.message, { cause: error })
  }
}
