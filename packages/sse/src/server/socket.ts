import type { Socket } from 'node:net'
import { eventStreamHeaders, noContentHeaders } from './response-headers.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'
import { readSessionOptions, type SessionOptions } from './session-options.ts'
import { SocketSink } from './socket-sink.ts'
import { readStreamRequest } from './stream-request.ts'

/** The parts of a request that an event stream depends on. */
export interface SocketRequest {
  /** Path and query. */
  readonly url: string
  /** Returns a header by its lower-case name. */
  header(name: string): string | undefined
}

/**
 * Answers a GET request that the caller itself read from an HTTP/1.1 connection: writes the head of
 * the response and the event stream. The connection must have no listeners, and belongs to the
 * session from now on; it ends with the response.
 *
 * The session may be over from the start, as with {@link createSession}.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function createSocketSession(socket: Socket, request: SocketRequest, options: SessionOptions = {}): Session {
  const settings = readSessionOptions(options)
  const headers = eventStreamHeaders(settings)
  const streamRequest = readStreamRequest('GET', request.url, (name) => request.header(name))
  if (socket.destroyed) return new ServerSession(streamRequest, settings, 'client-left')
  if (streamRequest.isAfterEnd) {
    socket.on('error', () => {})
    socket.end(headOf('204 No Content', noContentHeaders(settings.headers)), 'latin1')
    socket.destroySoon()
    return new ServerSession(streamRequest, settings, 'already-closed')
  }
  // Sent together with the first bytes of the session.
  socket.cork()
  process.nextTick(() => socket.uncork())
  socket.write(headOf('200 OK', [...headers, ['Transfer-Encoding', 'chunked']]), 'latin1')
  return new ServerSession(streamRequest, settings, new SocketSink(socket))
}

function headOf(status: string, headers: [name: string, value: string][]): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status}\r\n${lines.join('')}Date: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n`
}
