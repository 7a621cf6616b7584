import { SseError } from '../protocol/errors.ts'
import type { Connection } from './scripted-connection.ts'

/** The connections of a script so far, and who waits for the next ones. */
export class Arrivals {
  readonly all: Connection[] = []
  #isClosed = false
  readonly #waiting = new Map<number, { resolve: (connection: Connection) => void; reject: (error: Error) => void }[]>()

  /** The number of the next request: counts it at once, before its body is read. */
  #count = 0
  next(): number {
    this.#count += 1
    return this.#count
  }

  add(connection: Connection): void {
    const { number } = connection.request
    this.all[number - 1] = connection
    for (const { resolve } of this.#waiting.get(number) ?? []) resolve(connection)
    this.#waiting.delete(number)
    if (this.#isClosed) connection.stop()
  }

  /** Resolves with the connection of the nth request, when it is there. */
  at(number: number): Promise<Connection> {
    if (!Number.isInteger(number) || number < 1)
      throw new SseError('INVALID_OPTION', `There is no request ${number}: the first is 1.`)
    const connection = this.all[number - 1]
    if (connection) return Promise.resolve(connection)
    if (this.#isClosed) return Promise.reject(this.#tooLate(number))
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, [...(this.#waiting.get(number) ?? []), { resolve, reject }])
    })
  }

  /** Ends every connection, and every wait for another. */
  close(): void {
    this.#isClosed = true
    for (const connection of this.all) connection?.stop()
    for (const [number, waiting] of this.#waiting) for (const { reject } of waiting) reject(this.#tooLate(number))
    this.#waiting.clear()
  }

  #tooLate(number: number): SseError {
    const { length } = this.all
    const came = `${length} request${length === 1 ? '' : 's'} came`
    return new SseError('WAIT_ENDED', `Request ${number} cannot come any more: the script was closed after ${came}.`)
  }
}
