import { HubError } from '../base/errors.ts'
import { isEnd, reasonOf, type StreamEndKind, type StreamRecord } from './stream-record.ts'

/** The refusal of what a stream that is over cannot do. */
export function endedError(name: string, how: StreamEndKind, reason?: string): HubError {
  const why = reason === undefined ? '' : ` (${reason})`
  return new HubError(
    'STREAM_ENDED',
    `The stream ${JSON.stringify(name)} has ended: ${how}${why}. Nothing can be written to it any more; use a new name.`,
  )
}

/** The refusal of a second writer. */
export function hasWriterError(name: string): HubError {
  return new HubError(
    'STREAM_HAS_WRITER',
    `The stream ${JSON.stringify(name)} has another writer. If that one is dead or is to be replaced, call takeOver() first; for another stream, use another name.`,
  )
}

/** What a writer learns that another has replaced. */
export function takenOverError(name: string): HubError {
  return new HubError(
    'STREAM_TAKEN_OVER',
    `Another writer has taken over the stream ${JSON.stringify(name)}: it goes on after what was stored before. Stop producing.`,
  )
}

/** The refusal of a stream whose retention is over. */
export function goneError(name: string): HubError {
  return new HubError(
    'STREAM_GONE',
    `The stream ${JSON.stringify(name)} ended, and the time for which it is kept is over. Its text cannot be read any more; use a new name to write.`,
  )
}

/** The refusal of what only an existing stream can do. */
export function noStreamError(name: string): HubError {
  return new HubError(
    'NOT_FOUND',
    `There is no stream ${JSON.stringify(name)}: none was opened by that name, or the history no longer keeps it.`,
  )
}

/** What a writer learns when it finds the record of another in the place of its own. */
export function displacedError(name: string, by: StreamRecord): HubError {
  return isEnd(by.kind) ? endedError(name, by.kind, reasonOf(by)) : takenOverError(name)
}

/** The refusal of what would make a stream too long. */
export function tooLargeError(name: string, maxBytes: number): HubError {
  return new HubError(
    'TOO_LARGE',
    `The stream ${JSON.stringify(name)} would have more than ${maxBytes} bytes, which is the most (streams.maxBytes). It was not written.`,
  )
}
