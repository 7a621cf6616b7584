import { SseError } from '../protocol/errors.ts'
import type { ConnectionFailure } from './connection-state.ts'

/** What `events()` throws when its connection has ended for good and not in good order. */
export class ConnectionError extends SseError {
  /** The refused response's status. */
  readonly status: number | undefined
  /** The refused response's headers; in a browser only those that CORS exposes. */
  readonly headers: Headers | undefined
  /** The beginning of the refused response's body: at most 4096 characters, and what arrives within a second. */
  readonly body: string | undefined

  constructor(failure: ConnectionFailure) {
    super(failure.code, failure.message, { cause: failure.cause })
    this.name = 'ConnectionError'
    this.status = failure.status
    this.headers = failure.headers
    this.body = failure.body
  }
}
