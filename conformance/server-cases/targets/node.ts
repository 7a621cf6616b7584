/** Node: `createSession`, or with the argument `fetch` the handler behind the least of an adapter. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { createSession, type PipeSource } from '@headwater/sse/server'
import { handle } from '../handle.ts'
import { beginVisit, routes, visitsOf } from '../routes.ts'

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(`http://${request.headers.host}${request.url}`)
  const route = routes[url.pathname]
  if (!route) {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(visitsOf(url)))
    return
  }
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  const session = createSession(request, response, route.options)
  if (!session.isOpen) return
  const produced = route.produce(session, beginVisit(session, url, body))
  if (produced !== undefined) await session.pipe(produced as PipeSource<string>)
}

async function answerByFetch(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const left = new AbortController()
  outgoing.on('close', () => left.abort())
  const hasBody = incoming.method === 'POST'
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method ?? 'GET',
    headers: incoming.headers as Record<string, string>,
    signal: left.signal,
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' }),
  })
  const response = await handle(request)
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (!response.body) {
    outgoing.end()
    return
  }
  const body = Readable.fromWeb(response.body as NodeReadableStream, { highWaterMark: 0 })
  body.on('error', () => outgoing.destroy())
  outgoing.on('close', () => body.destroy())
  body.pipe(outgoing)
}

const listener = process.argv.at(-1) === 'fetch' ? answerByFetch : answer
const server = createServer((request, response) => {
  listener(request, response).catch((error: Error) => response.destroy(error))
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
