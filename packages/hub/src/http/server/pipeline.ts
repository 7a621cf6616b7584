import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Fifo } from '../../base/fifo.ts'

/**
 * The most requests of one connection that wait for earlier ones, and the most bytes they may take.
 */
const maxWaiting = 4096
const maxWaitingBytes = 1024 * 1024

/**
 * The requests of one HTTP/1 connection. A client may send many without waiting for the answers.
 * Node's server parses them all and emits each at once, although the answers go out in order. Here
 * each waits for the one before it, so that a connection is only one reader, however much it asks
 * for, and the hub begins nothing for a client that has left.
 */
export class Pipeline {
  static readonly #all = new WeakMap<Socket, Pipeline>()
  readonly #socket: Socket
  readonly #waiting = new Fifo<Waiting>()
  #isBusy = false
  #hasDropped = false

  static of(socket: Socket): Pipeline {
    let pipeline = Pipeline.#all.get(socket)
    if (!pipeline) {
      pipeline = new Pipeline(socket)
      Pipeline.#all.set(socket, pipeline)
    }
    return pipeline
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.once('close', () => this.#dropWaiting())
  }

  /** Whether to answer a request, as soon as its turn comes: not if its client has left by then. */
  enter(): boolean | Promise<boolean> {
    const socket = this.#socket
    if (socket.destroyed) return false
    if (!this.#isBusy) {
      this.#isBusy = true
      return true
    }
    const oldest = this.#waiting.at(0)
    // A client may be cut off at any time, and sends again what was not answered.
    if (this.#waiting.length === maxWaiting || (oldest && socket.bytesRead - oldest.bytesRead > maxWaitingBytes)) {
      socket.destroy()
      return false
    }
    return new Promise((enter) => {
      this.#waiting.push({ enter, bytesRead: socket.bytesRead })
    })
  }

  /** Called when the current request is answered. */
  leave(): void {
    const next = this.#waiting.shift()
    if (next) next.enter(true)
    else this.#isBusy = false
  }

  /**
   * Called when the current request is answered with an event stream, which has no end that others
   * could wait for.
   */
  leaveWithStream(res: ServerResponse): void {
    this.#dropWaiting()
    res.once('close', () => {
      if (this.#hasDropped) this.#socket.destroySoon()
      this.leave()
    })
  }

  #dropWaiting(): void {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      this.#hasDropped = true
      next.enter(false)
    }
  }
}

interface Waiting {
  readonly enter: (isToBeAnswered: boolean) => void
  /** How many bytes had arrived on the connection. */
  readonly bytesRead: number
}
