import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'

export type FetchHandler = (request: Request) => Response | Promise<Response>

/** A server on a socket of its own, for handlers that answer a `Request`. */
export interface FetchServer {
  /** What answers; `undefined` while the application is down. Set another to restart it on the same port. */
  handler: FetchHandler | undefined
  readonly url: string
  /** Requests so far, the oldest first. */
  readonly requests: readonly { readonly method: string; readonly url: string; readonly lastEventId: string | null }[]
  /** The bytes of the response to each request, as far as they were sent. */
  readonly sent: readonly string[]
  /** Breaks every connection, as a network does. Resolves to how many there were. */
  cut(): number
  close(): Promise<void>
}

/** Serves on a port, by default one of its own. A response whose body fails is broken off. */
export async function serveFetch(handler: FetchHandler, port = 0): Promise<FetchServer> {
  const requests: { method: string; url: string; lastEventId: string | null }[] = []
  const sent: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((req, res) => {
    const index = requests.length
    requests.push({ method: req.method!, url: req.url!, lastEventId: (req.headers['last-event-id'] as string) ?? null })
    sent.push('')
    answer(req, res, served.handler, (text) => {
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
  const served: FetchServer = {
    handler,
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
  return served
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  handler: FetchHandler | undefined,
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
  if (!handler) {
    res.destroy()
    return
  }
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
