// better-sse as in its documentation: a channel for each topic, and sessions registered with it. It
// keeps no history, so this server does, for subscribers that return. A peer of the benchmark.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Channel, createChannel, createSession } from 'better-sse'
import { heartbeatMs } from './peer.ts'

interface Topic {
  readonly channel: Channel
  readonly events: string[]
}

const topics = new Map<string, Topic>()

const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, async (req, res) => {
  const url = new URL(req.url ?? '/', 'http://localhost')
  const { channel, events } = topicOf(url.searchParams.get('topic') ?? '')
  if (req.method === 'POST') {
    req.setEncoding('utf8')
    let data = ''
    for await (const piece of req) data += piece
    events.push(data)
    channel.broadcast(data, 'message', { eventId: String(events.length - 1) })
    res.writeHead(202).end()
    return
  }
  const session = await createSession(req, res, { keepAlive: heartbeatMs, serializer: String, retry: null })
  const lastEventId = req.headers['last-event-id']
  if (lastEventId !== undefined) {
    for (let index = Number(lastEventId) + 1; index < events.length; index++) {
      session.push(events[index], 'message', String(index))
    }
  }
  channel.register(session)
})

server.listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`))
process.on('SIGTERM', () => process.exit())

function topicOf(name: string): Topic {
  let topic = topics.get(name)
  if (!topic) {
    topic = { channel: createChannel(), events: [] }
    topics.set(name, topic)
  }
  return topic
}
