import type { PostgresAddress } from './address.ts'
import { type Connection, connect } from './connect.ts'

/** The shortest time between two attempts to connect, in milliseconds. */
const retryMs = 250

export interface LastingConnectionOptions {
  readonly address: PostgresAddress
  /** What the server shows in `pg_stat_activity`. */
  readonly name: string
  /** Prepares each new connection before it is used. */
  readonly onConnect?: (connection: Connection) => Promise<void>
  /** Called when a connection has ended that was not closed. */
  readonly onLost?: () => void
}

/** A connection to the server that takes writes: the next one is made when the last has ended. */
export class LastingConnection {
  readonly #options: LastingConnectionOptions
  #connection: Promise<Connection> | undefined
  #open: Connection | undefined
  /** The number of the last attempt: what an earlier one yields is of no use. */
  #attempt = 0
  #triedAt = -Infinity
  #isClosed = false

  constructor(options: LastingConnectionOptions) {
    this.#options = options
  }

  /** Returns the connection, or a new one. Rejects if none can be made now. */
  get(): Promise<Connection> {
    this.#connection ??= this.#connect(++this.#attempt)
    return this.#connection
  }

  /** Ends a connection that does not answer, or that is to a server which takes no writes now. */
  drop(): void {
    this.#open?.destroy()
    this.#open = undefined
    this.#connection = undefined
  }

  close(): void {
    this.#isClosed = true
    this.drop()
  }

  async #connect(attempt: number): Promise<Connection> {
    const isCurrent = () => attempt === this.#attempt && this.#connection !== undefined && !this.#isClosed
    try {
      const waitMs = this.#triedAt + retryMs - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      this.#triedAt = performance.now()
      const { address, name, onConnect } = this.#options
      const connection = await connect(address, name)
      if (!isCurrent()) {
        connection.destroy()
        throw new Error('the connection was made too late')
      }
      this.#open = connection
      connection.ended.then(() => this.#onEnd(connection))
      await onConnect?.(connection)
      return connection
    } catch (error) {
      if (isCurrent()) this.drop()
      throw error
    }
  }

  #onEnd(connection: Connection): void {
    if (this.#open !== connection) return
    this.drop()
    if (!this.#isClosed) this.#options.onLost?.()
  }
}
