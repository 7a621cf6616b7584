import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Sink, SinkListener } from './session.ts'

/**
 * The bytes of an event stream straight to the connection, which is taken from Node's HTTP/1.1 server. What the server keeps
 * for the next request of a connection (its parser, the request, the response) is 10 KB and more, and an event stream
 * is followed by no request: its end is the end of the connection.
 *
 * [RFC 9112, 6.3] "the message body length is determined by the number of octets received prior to the server closing the
 * connection": so there are no chunks to be framed either.
 */
export class SocketSink implements Sink {
  readonly #socket: Owned
  #listener!: SinkListener

  /** Whether a connection can be taken over once its response has begun. */
  static canTake(req: IncomingMessage, res: ServerResponse): boolean {
    const { socket } = req as { socket?: HttpSocket }
    // Node documents neither; what is not as expected is not touched.
    const { parser } = socket ?? {}
    return (
      req.httpVersionMajor === 1 &&
      req.complete &&
      !Object.hasOwn(res, 'write') &&
      typeof (res as Detachable).detachSocket === 'function' &&
      (socket as { _httpMessage?: unknown })._httpMessage === res &&
      parserMethods.every((name) => typeof parser?.[name] === 'function')
    )
  }

  /** The headers of the response must not have been sent; this sends them. */
  constructor(req: IncomingMessage, res: ServerResponse) {
    const socket = req.socket as HttpSocket
    const { parser } = socket
    res.shouldKeepAlive = false
    res.removeHeader('transfer-encoding')
    // Not flushHeaders(), which writes headers as UTF-8 where all else is one byte for each character.
    res.write(nothing)
    ;(res as Detachable).detachSocket(socket)
    for (const name of serverEvents) socket.removeAllListeners(name)
    for (const listener of socket.listeners('close')) {
      // Others may want to know too, but the server's would keep all it has of the request until then.
      if (listener.name === 'bound socketOnClose') socket.off('close', listener as () => void)
    }
    // As the server itself does when a connection is upgraded to another protocol.
    parser?.unconsume()
    parser?.remove()
    socket.parser = null
    // Not now: the request may have come out of it on this very stack.
    setImmediate(() => parser?.close())

    this.#socket = socket as unknown as Owned
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
const serverEvents = ['data', 'drain', 'end', 'error', 'pause', 'resume', 'timeout'] as const
const parserMethods = ['unconsume', 'remove', 'close'] as const

interface HttpSocket extends Socket {
  parser?: Record<(typeof parserMethods)[number], () => void> | null
}

interface Owned extends Socket {
  [owner]: SocketSink
}

type Detachable = ServerResponse & { detachSocket(socket: Socket): void }

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
