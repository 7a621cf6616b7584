import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Crowd, type GroupSpec } from '../hub/crowd/crowd.ts'
import { blocks, chunk } from './streams.ts'

const servers: Server[] = []
const crowds: Crowd[] = []

afterEach(async () => {
  for (const crowd of crowds.splice(0)) crowd.close()
  for (const server of servers.splice(0)) {
    server.close()
    await once(server, 'close')
  }
})

const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
const events = blocks(10).map(chunk)
const published = Int32Array.of(10)

/** Subscribers of a server that sends the one with this number what `answer` returns. */
async function crowdOf(count: number, answer: (socket: Socket, index: number) => void, group: Partial<GroupSpec> = {}) {
  let index = 0
  const server = createServer((socket) => {
    const own = index++
    socket.on('error', () => socket.destroy())
    socket.once('data', () => answer(socket, own))
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const crowd = new Crowd((server.address() as AddressInfo).port, {
    times: new Float64Array(10).fill(1),
    perStream: 10,
  })
  crowds.push(crowd)
  const request = 'GET / HTTP/1.1\r\n\r\n'
  await crowd.open([{ label: 'all', request, streams: [0], count, ...group }])
  return crowd
}

test('everybody got everything', async () => {
  const crowd = await crowdOf(30, (socket, index) => {
    socket.write(head + events.slice(0, index % 10).join(''))
    socket.write(events.slice(index % 10).join(''))
  })
  const [report] = await crowd.settle({ published, quietMs: 20_000 })
  expect(report).toMatchObject({ subscribers: 30, delivered: 300, lost: 0, extra: 0, closed: 0, broken: 0 })
})

test('the last event ID of a subscriber that is alone is known', async () => {
  const crowd = await crowdOf(1, (socket) => socket.write(head + events.join('')))
  const [report] = await crowd.settle({ published, quietMs: 20_000 })
  expect(report!.lastEventId).toBe('e.0-9')
})

test('an event that one of them never gets is lost, and is not waited for longer than agreed', async () => {
  const crowd = await crowdOf(5, (socket, index) => socket.write(head + events.slice(0, index === 3 ? 9 : 10).join('')))
  const [report] = await crowd.settle({ published, quietMs: 200 })
  expect(report).toMatchObject({ delivered: 49, lost: 1 })
})

test('a subscriber whose stream hangs in the middle of an event has lost the rest', async () => {
  const crowd = await crowdOf(3, (socket, index) => {
    const whole = head + events.join('')
    socket.write(index === 1 ? whole.slice(0, -100) : whole)
  })
  const [report] = await crowd.settle({ published, quietMs: 200 })
  expect(report!.lost).toBeGreaterThanOrEqual(1)
  expect(report!.delivered + report!.lost).toBe(30)
})

test('an event that nobody published is extra', async () => {
  const crowd = await crowdOf(2, (socket) => socket.write(head + events.join('')))
  await expect.poll(async () => (await crowd.settle({ published: Int32Array.of(9), quietMs: 50 }))[0]!.extra).toBe(2)
})

test('a connection that ends is told, though it had everything', async () => {
  const crowd = await crowdOf(4, (socket, index) => {
    socket.write(head + events.join(''))
    if (index === 2) socket.end()
  })
  await expect.poll(() => crowd.report(published)[0]!.closed).toBe(1)
})

test('a stream that breaks the framing is told', async () => {
  const crowd = await crowdOf(4, (socket, index) =>
    socket.write(`${head}${index === 0 ? 'no chunk' : events.join('')}`),
  )
  await expect.poll(() => crowd.report(published)[0]!.broken).toBe(1)
})

test('refuses to begin with a subscriber that is not answered an event stream', async () => {
  const refusals = ['HTTP/1.1 429 Too Many Requests\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n']
  for (const refusal of refusals) {
    await expect(crowdOf(3, (socket, index) => socket.write(index === 1 ? refusal : head))).rejects.toThrow(
      'no event stream',
    )
  }
  await expect(crowdOf(1, (socket) => socket.end())).rejects.toThrow('closed')
})

test('subscribers that never read leave all but what fits into buffers unread, and nothing is asked of them', async () => {
  let unread = 0
  const filler = chunk(`:${'x'.repeat(64 * 1024)}\n\n`)
  const crowd = await crowdOf(
    1,
    (socket) => {
      socket.write(head)
      const fill = () => {
        if (socket.write(filler)) setImmediate(fill)
        else unread = socket.writableLength
      }
      fill()
    },
    { pace: 'never' },
  )
  await expect.poll(() => unread).toBeGreaterThan(0)
  const [report] = await crowd.settle({ published, quietMs: 1000 })
  expect(report).toMatchObject({ lost: 0, subscribers: 1 })
})
