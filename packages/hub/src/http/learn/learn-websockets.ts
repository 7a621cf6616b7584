import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { isLoopbackHost } from '../access/client-address.ts'
import { readFrame, type WebSocketFrame, writeFrame } from './websocket-frame.ts'

/** Connections open at a time, and the longest that one lasts, in milliseconds. */
const maxOpen = 16
const maxAgeMs = 60_000
/** The largest frame that comes back. Lessons send a few bytes. */
const maxFrameBytes = 4096

/**
 * The WebSocket at `/learn/websocket`, to compare with: it sends back what it is sent, and breaks
 * off when it is sent `break`. Speaks [RFC 6455] as far as a browser does that sends small
 * messages.
 */
export class LearnWebSockets {
  readonly #closing: AbortSignal
  #open = 0

  constructor(closing: AbortSignal) {
    this.#closing = closing
  }

  /** Takes over a connection if its first bytes are a request to open the WebSocket. */
  take(socket: Socket, bytes: Buffer): boolean {
    const head = bytes.toString('latin1')
    if (!/^GET \/learn\/websocket(\?\S*)? HTTP\/1\.1\r\n/.test(head)) return false
    const key = headerOf(head, 'sec-websocket-key')
    // [RFC 6455, 10.2] A page of any origin may open a WebSocket: the server has to look.
    const isAllowed =
      isLoopbackHost(headerOf(head, 'host') ?? '') && isLoopbackOrigin(headerOf(head, 'origin')) && this.#open < maxOpen
    if (!head.endsWith('\r\n\r\n') || !key || !isAllowed) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return true
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
    )
    this.#serve(socket)
    return true
  }

  #serve(socket: Socket): void {
    this.#open++
    const end = () => socket.destroy()
    const timer = setTimeout(end, maxAgeMs)
    this.#closing.addEventListener('abort', end)
    socket.setTimeout(0)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#open--
      clearTimeout(timer)
      this.#closing.removeEventListener('abort', end)
    })
    let unread: Buffer = Buffer.alloc(0)
    socket.on('data', (bytes: Buffer) => {
      unread = Buffer.concat([unread, bytes])
      for (let read = readFrame(unread, maxFrameBytes); read; read = readFrame(unread, maxFrameBytes)) {
        if (read === 'refused') return end()
        unread = unread.subarray(read.bytes)
        if (!answer(socket, read.frame)) return
      }
    })
  }
}

/** Returns whether the connection goes on. */
function answer(socket: Socket, { opcode, payload }: WebSocketFrame): boolean {
  const [text, binary, close, ping, pong] = [1, 2, 8, 9, 10]
  if (opcode === close || (opcode === text && payload.toString() === 'break')) {
    if (opcode === close) socket.end(writeFrame({ opcode, payload: payload.subarray(0, 2) }))
    else socket.destroy()
    return false
  }
  if (opcode === text || opcode === binary) socket.write(writeFrame({ opcode, payload }))
  else if (opcode === ping) socket.write(writeFrame({ opcode: pong!, payload }))
  return true
}

/** [RFC 6455, 4.2.2] */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

function headerOf(head: string, name: string): string | undefined {
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0 && line.slice(0, colon).toLowerCase() === name) return line.slice(colon + 1).trim()
  }
  return undefined
}

function isLoopbackOrigin(origin: string | undefined): boolean {
  return origin === undefined || (URL.canParse(origin) && isLoopbackHost(new URL(origin).host))
}
