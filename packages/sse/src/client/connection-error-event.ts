import type { ConnectionFailure } from './connection-state.ts'

// `events()` needs none, and is to be had where there is none.
const Base = (globalThis.Event ?? Object) as typeof Event

/**
 * The `error` event of an `EventSource`: says what happened, and whether another attempt follows.
 */
export class ConnectionErrorEvent extends Base implements ConnectionFailure {
  declare readonly code: ConnectionFailure['code']
  declare readonly message: string
  declare readonly status?: number
  declare readonly headers?: Headers
  declare readonly body?: string
  declare readonly cause: unknown
  declare readonly willRetry: boolean
  declare readonly retryDelayMs: number

  constructor(failure: ConnectionFailure) {
    super('error')
    Object.assign(this, failure)
  }
}
