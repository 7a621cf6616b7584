import type { AnyEvents } from '@headwater/sse'
import { namesOf } from '@headwater/sse/internal'
import { type TrackedEnvelope, tracked } from '@trpc/server'
import { checkNames } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'
import type { Topic, TopicEvent } from '../../hub/topic.ts'
import { toTRPCError } from './trpc-error.ts'

type TypeAndData<Event extends { type: string; data: unknown }> = Event extends unknown
  ? Pick<Event, 'type' | 'data'>
  : never

export interface TrackedTopicOptions<Out extends object = AnyEvents, T = TypeAndData<TopicEvent<Out>>> {
  /** `lastEventId` of the procedure's input: the ID of the last event that the client has. Default: none. */
  readonly lastEventId?: string | null | undefined
  /** The procedure's `signal`: the subscription ends when it aborts. */
  readonly signal?: AbortSignal | undefined
  /** Where a client without a last event begins: with all that is kept, or with new events. Default: `new`. */
  readonly from?: 'earliest' | 'new' | undefined
  /** What the client gets of an event. Default: its type and data. */
  readonly map?: ((event: TopicEvent<Out>) => T) | undefined
  /** Called where events are missing, with why as JSON, and the subscription continues. Default: it fails. */
  readonly onGap?: ((gap: string) => void) | undefined
}

/**
 * Yields the events of a topic by `tracked()`, for a subscription procedure: a client that reconnects gets what it
 * missed first. Private events are included, because the procedure decides who may subscribe.
 *
 * @throws TRPCError `PRECONDITION_FAILED` where events are missing, unless `onGap` is set; `BAD_REQUEST` for what
 * cannot be an event's ID; `SERVICE_UNAVAILABLE`, after which the client comes back, if the hub closes or its store
 * fails; `UNPROCESSABLE_CONTENT` for an event that is not as the topic's map says.
 */
export async function* trackedTopic<Out extends object = AnyEvents, T = TypeAndData<TopicEvent<Out>>>(
  topic: Pick<Topic<never, Out>, 'name' | 'events'>,
  options: TrackedTopicOptions<Out, T> = {},
): AsyncGenerator<TrackedEnvelope<T>, void, undefined> {
  checkNames('the options of trackedTopic', options, optionNames)
  const { lastEventId, signal, from = 'new', map = ({ type, data }) => ({ type, data }) as T, onGap } = options
  // A client cannot ask for more than its last event: where others begin is the procedure's decision.
  const start = lastEventId ? assertEventId(lastEventId) : from === 'earliest' ? 'earliest' : undefined
  try {
    const events = topic.events({
      lastEventId: start,
      signal,
      onGap({ data }) {
        if (!onGap) throw lostError(topic.name, data)
        onGap(data)
      },
    })
    for await (const event of events) yield tracked(event.id, map(event))
  } catch (error) {
    throw toTRPCError(error)
  }
  if (signal?.aborted) return
  throw toTRPCError(new HubError('HUB_CLOSED', 'The hub is shutting down. Subscribe again when it, or another, is up.'))
}

const optionNames = namesOf<TrackedTopicOptions>({
  lastEventId: true,
  signal: true,
  from: true,
  map: true,
  onGap: true,
})

function assertEventId(lastEventId: string): string {
  if (lastEventId !== 'earliest' && !/^-\d+$/.test(lastEventId)) return lastEventId
  throw toTRPCError(
    new HubError(
      'INVALID_EVENT_ID',
      `The last event ID is ${JSON.stringify(lastEventId)}: it must be that of an event.`,
    ),
  )
}

function lostError(topic: string, gap: string): HubError {
  return new HubError(
    'STREAM_GONE',
    `Events of the topic ${JSON.stringify(topic)} are no longer kept: ${gap}. Read what they were about, and subscribe without a last event ID.`,
  )
}
