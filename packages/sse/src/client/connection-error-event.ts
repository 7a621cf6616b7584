import type { ConnectionFailure } from './connection-state.ts'

/**
 * The `error` event of an `EventSource`: says what happened, and whether another attempt follows.
 */
export class ConnectionErrorEvent extends Event implements ConnectionFailure {
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
