import { GAP_EVENT_TYPE } from '@headwater/sse/server'
import { HubError } from '../base/errors.ts'
import type { HubStream, StreamReadOptions } from './stream.ts'
import { STREAM_ENDED_EVENT_TYPE, type StreamEvent } from './stream-reader.ts'
import { numberInId, type StreamEndKind } from './stream-record.ts'

/**
 * Yields the events that a stream's writer wrote, for readers that know no signals of ours. Returns how the
 * stream ended: whole, or stopped because somebody no longer wanted it.
 *
 * @throws HubError `STREAM_ENDED` at the end of a stream that failed or was lost; `STREAM_GONE` where events
 * are no longer kept; `INVALID_EVENT_ID` for an ID of another stream; as `HubStream.read` does.
 */
export async function* readToEnd(
  stream: HubStream,
  options: StreamReadOptions = {},
): AsyncGenerator<StreamEvent, 'closed' | 'stopped', undefined> {
  const { name } = stream
  const { after = '' } = options
  if (after !== '' && numberInId(name, after) === undefined) throw foreignIdError(name, after)
  for await (const event of stream.read(options)) {
    if (event.type === GAP_EVENT_TYPE) throw missingError(name)
    if (event.type !== STREAM_ENDED_EVENT_TYPE) {
      yield event
      continue
    }
    const { how, reason } = JSON.parse(event.data) as { how: StreamEndKind; reason?: string }
    if (how === 'stopped') return how
    throw incompleteError(name, how, reason)
  }
  return 'closed'
}

/** What readers are told of an ID that no event of the stream has. */
export function foreignIdError(name: string, id: string): HubError {
  return new HubError(
    'INVALID_EVENT_ID',
    `The last event ID ${JSON.stringify(id.slice(0, 300))} is not of the stream ${JSON.stringify(name)}. Send one that this stream gave, or none to get everything.`,
  )
}

function incompleteError(name: string, how: StreamEndKind, reason?: string): HubError {
  const why = reason === undefined ? '' : ` (${reason})`
  return new HubError('STREAM_ENDED', `The stream ${JSON.stringify(name)} ended before it was complete: ${how}${why}`)
}

function missingError(name: string): HubError {
  return new HubError(
    'STREAM_GONE',
    `A part of the stream ${JSON.stringify(name)} is no longer kept by the hub's history. Keep more of it, or resume sooner.`,
  )
}
