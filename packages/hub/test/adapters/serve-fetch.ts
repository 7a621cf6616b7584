import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'

/** A server on a socket of its own, for handlers that answer a `Request`. */
export interface FetchServer {
  readonly url: string
  /** Requests so far, the oldest first. */
  readonly requests: readonly { readonly method: string; readonly url: string; readonly lastEventId: string | null }[]
  /** The bytes of the response to each request, as far as they were sent. */
  readonly sent: readonly string[]
  /** Breaks every connection, as a network does. Resolves to how many there were. */
  cut(): number
  close(): Promise<void>
}

/** Serves on a port, 0 for any. A response whose body fails is broken off. */
export async function serveFetch(
  handler: (request: Request) => Response | Promise<Response>,
  port = 0,
): Promise<FetchServer> {
  const requests: { method: string; url: string; lastEventId: string | null }[] = []
  const sent: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((req, res) => {
    const index = requests.length
    requests.push({ method: req.method!, url: req.url!, lastEventId: (req.headers['last-event-id'] as string) ?? null })
    sent.push('')
    answer(req, res, handler, (text) => {
      sent[index] += text
    }).catch(() => res.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    const { size } = sockets
    for (const socket of sockets) socket.destroy()
    return size
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sent,
    cut,
    async close() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  handler: (request: Request) => Response | Promise<Response>,
  onSent: (text: string) => void,
): Promise<void> {
  const left = new AbortController()
  res.on('close', () => left.abort())
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD'
  const request = new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method!,
    headers: req.headers as Record<string, string>,
    signal: left.signal,
    ...(hasBody && { body: Readable.toWeb(req) as ReadableStream<Uint8Array>, duplex: 'half' }),
  })
  const response = await handler(request)
  res.writeHead(response.status, [...response.headers].flat())
  res.flushHeaders()
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  res.on('close', () => void reader?.cancel().catch(() => {}))
  while (reader) {
    const { value, done } = await reader.read()
    if (done || req.socket.destroyed) break
    if (!res.write(value)) await Promise.race([once(res, 'drain'), once(res, 'close')])
    onSent(decoder.decode(value, { stream: true }))
  }
  res.end()
}
