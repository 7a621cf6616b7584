import { SseError } from '../protocol/errors.ts'
import type { ConnectionFailure } from './connection-state.ts'

/** The error that `events()` throws when its connection has failed permanently. */
export class ConnectionError extends SseError {
  /** The status of the refused response. */
  readonly status: number | undefined
  /** The headers of the refused response; in a browser only those that CORS exposes. */
  readonly headers: Headers | undefined
  /**
   * The beginning of the refused response's body: at most 4096 characters that arrive within a
   * second.
   */
  readonly body: string | undefined

  constructor(failure: ConnectionFailure) {
    super(failure.code, failure.message, { cause: failure.cause })
    this.name = 'ConnectionError'
    this.status = failure.status
    this.headers = failure.headers
    this.body = failure.body
  }
}
