import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A small application with one stream: an event each 300 ms, and a reader that comes back gets what it missed. */
export async function startTickingServer(): Promise<{ address: string; stop(): void }> {
  const began = Date.now()
  const intervalMs = 300
  const server = createServer((request, response) => {
    response.on('error', () => {})
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    const newest = () => Math.floor((Date.now() - began) / intervalMs)
    let last = Number(request.headers['last-event-id'] ?? newest() - 1)
    const send = () => {
      while (last < newest()) {
        last++
        response.write(`id: ${last}\ndata: ${JSON.stringify({ tick: last, text: 'äöü €' })}\n\n`)
      }
    }
    send()
    const timer = setInterval(send, intervalMs / 10)
    response.on('close', () => clearInterval(timer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
