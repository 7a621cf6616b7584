// The lower limit for a server without batching, in Node: the bytes of each event are made once,
// and written to each subscriber's socket in one write. It has no HTTP library, no queue, and no
// handling of slow readers. A peer of the benchmark.

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { heartbeatMs } from './peer.ts'

interface Topic {
  readonly frames: Buffer[]
  readonly sockets: Set<Socket>
}

const topics = new Map<string, Topic>()
const epoch = '0123456789.'

const server = createServer({ noDelay: true }, (socket) => {
  let received = ''
  socket.setEncoding('latin1')
  socket.on('error', () => socket.destroy())
  socket.on('data', (text: string) => {
    received += text
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const { method, name, length, lastEventId } = parseHead(received.slice(0, headEnd))
    if (received.length < headEnd + 4 + length) return
    const body = received.slice(headEnd + 4)
    received = ''
    const topic = topicOf(name)
    if (method === 'POST') {
      const frame = frameOf(topic.frames.length, body)
      topic.frames.push(frame)
      for (const subscriber of topic.sockets) subscriber.write(frame)
      socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n')
      return
    }
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (const frame of topic.frames.slice(lastEventId + 1)) socket.write(frame)
    topic.sockets.add(socket)
    socket.on('close', () => topic.sockets.delete(socket))
  })
})

const heartbeat = Buffer.from('3\r\n:\n\n\r\n')
setInterval(() => {
  for (const { sockets } of topics.values()) for (const socket of sockets) socket.write(heartbeat)
}, heartbeatMs)

server.listen(0, '127.0.0.1', 4096, () => console.log(`listening on ${(server.address() as AddressInfo).port}`))
process.on('SIGTERM', () => process.exit())

/** An ID as long as those of the hub. */
function frameOf(index: number, data: string): Buffer {
  const block = `id: ${epoch}${index.toString(36).padStart(4, '0')}.0000000\ndata: ${data}\n\n`
  return Buffer.from(`${block.length.toString(16)}\r\n${block}\r\n`)
}

function parseHead(head: string): { method: string; name: string; length: number; lastEventId: number } {
  const [, method = '', name = ''] = /^(\w+) \/\w+\?topic=(\S*)/.exec(head) ?? []
  const id = /^last-event-id: *\S+?\.(\w+)\./im.exec(head)?.[1]
  return {
    method,
    name,
    length: Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0),
    lastEventId: id === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(id, 36),
  }
}

function topicOf(name: string): Topic {
  let topic = topics.get(name)
  if (!topic) {
    topic = { frames: [], sockets: new Set() }
    topics.set(name, topic)
  }
  return topic
}
