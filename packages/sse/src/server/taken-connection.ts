import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Whether a connection can be taken from Node's HTTP/1.1 server once its response has begun. */
export function canTakeConnection(req: IncomingMessage, res: ServerResponse): boolean {
  const { socket } = req as { socket?: HttpSocket }
  const { parser } = socket ?? {}
  // Node documents none of it; what is not as expected is not touched.
  return (
    // [RFC 9112, section 6.1] Before 1.1 there were no chunks.
    req.httpVersion === '1.1' &&
    req.complete &&
    !Object.hasOwn(res, 'write') &&
    typeof (res as Detachable).detachSocket === 'function' &&
    (socket as { _httpMessage?: unknown })._httpMessage === res &&
    parserMethods.every((name) => typeof parser?.[name] === 'function')
  )
}

/**
 * Sends the head of a response and takes its connection from Node's HTTP/1.1 server. What the server keeps for the next
 * request of a connection (its parser, the request, the response) is 10 KB and more, and an event stream is followed by
 * no request.
 */
export function takeConnection(req: IncomingMessage, res: ServerResponse): Socket {
  const socket = req.socket as HttpSocket
  const { parser } = socket
  res.shouldKeepAlive = false
  res.setHeader('transfer-encoding', 'chunked')
  // Not flushHeaders(), which writes headers as UTF-8 where all else is one byte for each character.
  res.write(new Uint8Array(0))
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
  return socket as Socket
}

const serverEvents = ['data', 'drain', 'end', 'error', 'pause', 'resume', 'timeout'] as const
const parserMethods = ['unconsume', 'remove', 'close'] as const

interface HttpSocket extends Socket {
  parser?: Record<(typeof parserMethods)[number], () => void> | null
}

type Detachable = ServerResponse & { detachSocket(socket: Socket): void }
