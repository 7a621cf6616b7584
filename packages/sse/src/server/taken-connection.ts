import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Whether a connection can be taken from Node's HTTP/1.1 server once its response has begun. */
export function canTakeConnection(req: IncomingMessage, res: ServerResponse): boolean {
  const { socket } = req as { socket?: HttpSocket }
  const { parser } = socket ?? {}
  // Node documents none of this, so the code leaves anything unexpected alone.
  return (
    // [RFC 9112, section 6.1] HTTP before 1.1 has no chunks.
    req.httpVersion === '1.1' &&
    req.complete &&
    !Object.hasOwn(res, 'write') &&
    typeof (res as Detachable).detachSocket === 'function' &&
    (socket as { _httpMessage?: unknown })._httpMessage === res &&
    parserMethods.every((name) => typeof parser?.[name] === 'function')
  )
}

/**
 * Sends the head of a response and takes its connection from Node's HTTP/1.1 server. The server
 * keeps 10 KB and more for the next request of a connection (its parser, the request, the
 * response), but no request follows an event stream.
 */
export function takeConnection(req: IncomingMessage, res: ServerResponse): Socket {
  const socket = req.socket as HttpSocket
  const { parser } = socket
  res.shouldKeepAlive = false
  res.setHeader('transfer-encoding', 'chunked')
  // Not flushHeaders(), which writes headers as UTF-8, while everything else writes one byte per
  // character.
  res.write(new Uint8Array(0))
  ;(res as Detachable).detachSocket(socket)
  for (const name of serverEvents) socket.removeAllListeners(name)
  for (const listener of socket.listeners('close')) {
    // Other listeners stay, but the server's own would keep the whole request in memory until then.
    if (listener.name === 'bound socketOnClose') socket.off('close', listener as () => void)
  }
  // The server does the same when a connection is upgraded to another protocol.
  parser?.unconsume()
  parser?.remove()
  socket.parser = null
  // Later, because the parser may have emitted the request on this very stack.
  setImmediate(() => parser?.close())
  return socket as Socket
}

const serverEvents = ['data', 'drain', 'end', 'error', 'pause', 'resume', 'timeout'] as const
const parserMethods = ['unconsume', 'remove', 'close'] as const

interface HttpSocket extends Socket {
  parser?: Record<(typeof parserMethods)[number], () => void> | null
}

type Detachable = ServerResponse & { detachSocket(socket: Socket): void }
