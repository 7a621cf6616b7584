import type { Socket } from 'node:net'
import { setSharedAlarm } from './alarm.ts'
import type { Ending, Sink, SinkListener } from './sink.ts'

/**
 * Writes the bytes of an event stream directly to a connection that nothing else uses, in chunks
 * (RFC 9112, section 7.1). Without chunks, the end of the connection would be the end of the
 * response. The standard allows that, but when such a response ends while its reader is behind,
 * `fetch` of Node 24 throws an error that nothing can catch, which ends the process.
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
    // Usually the system has accepted all of it by now: then there is no callback, which would cost
    // as much as the rest.
    if (socket.writableLength === 0) this.#listener.onFlushed(bytes.length)
    else socket.write(nothing, this.#callback(bytes))
    return hasRoom
  }

  end({ isBroken }: Ending): void {
    this.#socket.once('finish', () => this.#listener.onOver())
    // [RFC 9112, section 8] Without its last chunk the response is incomplete.
    if (!isBroken) this.#socket.write(lastChunk)
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Internal: receives the reports of the connection. */
  get listener(): SinkListener {
    return this.#listener
  }

  #callback({ length }: Uint8Array): (error?: Error | null) => void {
    return (error) => {
      if (!error) this.#listener.onFlushed(length)
    }
  }
}

/**
 * The last framed chunk. The same bytes go to many connections, one after the other, and are framed
 * once.
 */
let framed: { readonly bytes: Uint8Array; readonly chunk: Uint8Array } | undefined

function chunkOf(bytes: Uint8Array): Uint8Array {
  if (framed?.bytes === bytes) return framed.chunk
  const size = `${bytes.length.toString(16)}\r\n`
  // A Buffer, which Node writes as it is: it would convert anything else at each write.
  const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2)
  chunk.write(size, 'latin1')
  chunk.set(bytes, size.length)
  chunk[chunk.length - 2] = 13
  chunk[chunk.length - 1] = 10
  framed = { bytes, chunk }
  return chunk
}

const lastChunk = new TextEncoder().encode('0\r\n\r\n')

const owner = Symbol('owner')
const nothing = new Uint8Array(0)
interface Owned extends Socket {
  [owner]: SocketSink
}

// Shared by all connections: a closure for each would be most of the memory of an idle one.

function onDrain(this: Owned): void {
  this[owner].listener.onDrain()
}

/** The client has ended its side: an `EventSource` does that only when it leaves. */
function onEnd(this: Owned): void {
  this.destroy()
}

function onClose(this: Owned): void {
  this[owner].listener.onOver()
}

/** Without a listener the error of a broken connection would end the process. 'close' follows it. */
function onError(): void {}

/** Another request on the connection, which gets no answer. */
function onData(): void {}
