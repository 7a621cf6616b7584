import { namesOf } from '@headwater/sse/internal'
import { type TrackedEnvelope, tracked } from '@trpc/server'
import { checkNames } from '../../base/check-names.ts'
import { readToEnd } from '../../streams/read-to-end.ts'
import type { HubStream } from '../../streams/stream.ts'
import type { StreamEvent } from '../../streams/stream-reader.ts'
import { toTRPCError } from './trpc-error.ts'

export interface TrackedStreamOptions<T = string> {
  /** `lastEventId` of the procedure's input: the ID of the last event that the client has. Default: none. */
  readonly lastEventId?: string | null | undefined
  /** The procedure's `signal`: the subscription ends when it aborts. */
  readonly signal?: AbortSignal | undefined
  /** What the client gets of an event. Default: its data, which is text. */
  readonly map?: ((event: StreamEvent) => T) | undefined
}

/**
 * Yields the events of a stream by `tracked()`, for a subscription procedure: a client that
 * reconnects gets only what follows, and the subscription completes when the stream is complete, or
 * was stopped.
 *
 * @throws TRPCError `NOT_FOUND` for a stream that does not exist; `PRECONDITION_FAILED` for one that
 * is no longer kept, in whole or in part; `BAD_REQUEST` for an ID of another stream;
 * `UNPROCESSABLE_CONTENT` at the end of a stream that failed or was lost; `SERVICE_UNAVAILABLE`,
 * after which the client comes back, if the hub closes or its store fails.
 */
export async function* trackedStream<T = string>(
  stream: HubStream,
  options: TrackedStreamOptions<T> = {},
): AsyncGenerator<TrackedEnvelope<T>, void, undefined> {
  checkNames('the options of trackedStream', options, optionNames)
  const { lastEventId, signal, map = ({ data }) => data as T } = options
  const events = readToEnd(stream, { after: lastEventId ?? '', signal })
  try {
    for await (const event of events) yield tracked(event.id, map(event))
  } catch (error) {
    throw toTRPCError(error)
  }
}

const optionNames = namesOf<TrackedStreamOptions>({ lastEventId: true, signal: true, map: true })
