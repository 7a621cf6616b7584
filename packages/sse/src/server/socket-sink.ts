import type { Socket } from 'node:net'
import type { Sink, SinkListener } from './session.ts'

/**
 * The bytes of an event stream straight to a connection which nobody else uses any more. The response's end is the end of the
 * connection.
 *
 * [RFC 9112, 6.3] "the message body length is determined by the number of octets received prior to the server closing the
 * connection": so there are no chunks to be framed.
 */
export class SocketSink implements Sink {
  readonly #socket: Owned
  #listener!: SinkListener

  constructor(socket: Socket) {
    this.#socket = socket as Owned
    this.#socket[owner] = this
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.on('drain', onDrain)
    socket.on('end', onEnd)
    socket.on('close', onClose)
    socket.on('error', onError)
    socket.on('data', onData)
    socket.resume()
  }

  start(listener: SinkListener): boolean {
    this.#listener = listener
    return !this.#socket.writableNeedDrain
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket
    const isBehindOthers = socket.writableLength > 0
    const hasRoom = isBehindOthers ? socket.write(bytes, this.#callback(bytes)) : socket.write(bytes)
    if (isBehindOthers) return hasRoom
    // As a rule the system has taken all of it by now: no callback then, which costs as much as the rest.
    if (socket.writableLength === 0) this.#listener.onFlushed(bytes.length)
    else socket.write(nothing, this.#callback(bytes))
    return hasRoom
  }

  end(): void {
    this.#socket.once('finish', () => this.#listener.onOver())
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Internal: what the connection tells. */
  get listener(): SinkListener {
    return this.#listener
  }

  #callback({ length }: Uint8Array): (error?: Error | null) => void {
    return (error) => {
      if (!error) this.#listener.onFlushed(length)
    }
  }
}

const owner = Symbol('owner')
const nothing = new Uint8Array(0)
interface Owned extends Socket {
  [owner]: SocketSink
}

// Of all connections: a closure for each would be most of what an idle one takes.

function onDrain(this: Owned): void {
  this[owner].listener.onDrain()
}

/** The client sends no more: `EventSource` never does that without leaving. */
function onEnd(this: Owned): void {
  this.destroy()
}

function onClose(this: Owned): void {
  this[owner].listener.onOver()
}

/** Without a listener an error of a connection that broke would end the process. 'close' follows it. */
function onError(): void {}

/** A further request, which will not be answered. */
function onData(): void {}
