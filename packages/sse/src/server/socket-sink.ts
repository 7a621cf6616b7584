import type { Socket } from 'node:net'
import { setSharedAlarm } from './alarm.ts'
import type { Sink, SinkListener } from './sink.ts'

/**
 * The bytes of an event stream straight to a connection which nobody else uses any more, in chunks (RFC 9112, section 7.1). Without them
 * the end of the connection would be that of the response, which is as good by the standard, but `fetch` of Node 24 throws what nobody
 * can catch, and so ends its process, when such a response ends while its reader is behind.
 */
export class SocketSink implements Sink {
  readonly setAlarm = setSharedAlarm
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
    const chunk = chunkOf(bytes)
    const isBehindOthers = socket.writableLength > 0
    const hasRoom = isBehindOthers ? socket.write(chunk, this.#callback(bytes)) : socket.write(chunk)
    if (isBehindOthers) return hasRoom
    // As a rule the system has taken all of it by now: no callback then, which costs as much as the rest.
    if (socket.writableLength === 0) this.#listener.onFlushed(bytes.length)
    else socket.write(nothing, this.#callback(bytes))
    return hasRoom
  }

  end(): void {
    this.#socket.once('finish', () => this.#listener.onOver())
    this.#socket.write(lastChunk)
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

/** What was framed last. The same bytes go to many connections, one after the other, and are framed once. */
let framed: { readonly bytes: Uint8Array; readonly chunk: Uint8Array } | undefined

function chunkOf(bytes: Uint8Array): Uint8Array {
  if (framed?.bytes === bytes) return framed.chunk
  const size = `${bytes.length.toString(16)}\r\n`
  // A Buffer, which Node writes as it is: of anything else it would make one at each write.
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2)
  chunk.write(size, 'latin1')
  chunk.set(bytes, size.length)
  chunk[chunk.length - 2] = 13
  chunk[chunk.length - 1] = 10
  framed = { bytes, chunk }
  return chunk
}

const encoder = new TextEncoder()
const lastChunk = encoder.encode('0\r\n\r\n')

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
