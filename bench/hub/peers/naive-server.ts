// What many people write first: a list of responses, a list of events, and a loop. A peer of the
// benchmark.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { heartbeatMs } from './peer.ts'

interface Topic {
  readonly events: string[]
  readonly responses: Set<ServerResponse>
}

const topics = new Map<string, Topic>()

const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, async (req, res) => {
  const url = new URL(req.url ?? '/', 'http://localhost')
  const { events, responses } = topicOf(url.searchParams.get('topic') ?? '')
  if (req.method === 'POST') {
    req.setEncoding('utf8')
    let data = ''
    for await (const piece of req) data += piece
    const event = `id: ${events.length}\ndata: ${data}\n\n`
    events.push(event)
    for (const response of responses) response.write(event)
    res.writeHead(202).end()
    return
  }
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  res.flushHeaders()
  const lastEventId = req.headers['last-event-id']
  if (lastEventId !== undefined) for (const event of events.slice(Number(lastEventId) + 1)) res.write(event)
  responses.add(res)
  res.on('close', () => responses.delete(res))
})

setInterval(() => {
  for (const { responses } of topics.values()) for (const response of responses) response.write(':\n\n')
}, heartbeatMs)

server.listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`))
process.on('SIGTERM', () => process.exit())

function topicOf(name: string): Topic {
  let topic = topics.get(name)
  if (!topic) {
    topic = { events: [], responses: new Set() }
    topics.set(name, topic)
  }
  return topic
}
