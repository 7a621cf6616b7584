import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listen } from '../../../src/http/server/server.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { makeCertificate, whyNoCertificates } from '../../certificates.ts'
import { countReads } from '../../hub/counting-store.ts'
import { nextTurn } from '../../next-turn.ts'
import { createFetchHandler } from '../handlers.ts'
import { serve } from '../serve-hub.ts'

const path = '/.well-known/mercure'
/** Selects nothing, and each is another, so that each looks at the whole history. */
const none = (n: number) => `match_urlpattern=${encodeURIComponent(`https://none.test/${n}/:id`)}`
const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`

/** A history that is read in many pages, and what became of the requests. */
async function history() {
  const counting = countReads(createMemoryStore())
  const event = { topics: ['a'], data: '', isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
  for (let n = 0; n < 5000; n++) await counting.store.append(event)
  const answered: string[] = []
  const onAnswered = (status: number, { route }: { route: string }) => answered.push(`${route} ${status}`)
  return { counting, answered, onAnswered }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn()
}

/** What is read and answered after the only page under way was released, to which the client has left. */
async function assertNothingMore({ counting, answered }: Awaited<ReturnType<typeof history>>, release: () => void) {
  await until(() => answered.length > 0)
  release()
  for (let turn = 0; turn < 100; turn++) await nextTurn()
  expect(counting.reads).toBe(1)
}

async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

describe('when its client leaves, no more of the history is read', () => {
  test('for any of 3000 pipelined requests for the last event', async () => {
    const all = await history()
    const { counting, answered, onAnswered } = all
    const release = counting.hold()
    const { server } = await serve({ store: counting.store, onAnswered })
    const socket = await open(server.url)
    socket.write(Array.from({ length: 3000 }, (_, n) => get(`${path}/last?${none(n)}`)).join(''))
    await until(() => counting.reads > 0)
    socket.destroy()
    await assertNothingMore(all, release)
    expect(answered).toEqual(['last 400'])
  })

  test.each([
    ['by closing the connection', (socket: Socket) => void socket.destroy()],
    ['by ending it', (socket: Socket) => void socket.end()],
    [
      'by ending it after more than was asked for',
      (socket: Socket) => {
        socket.write(get(`${path}?match=a`))
        socket.end()
      },
    ],
  ])('for a subscription to the last events, %s', async (_, leave) => {
    const all = await history()
    const { counting, answered, onAnswered } = all
    const release = counting.hold()
    const { server } = await serve({ store: counting.store, onAnswered })
    const socket = await open(server.url)
    socket.write(get(`${path}?${none(1)}&last_event_id=-5`))
    await until(() => counting.reads > 0)
    leave(socket)
    await assertNothingMore(all, release)
    expect(answered[0]).toBe('subscribe 400')
  })

  test('for a request of Fetch', async () => {
    const all = await history()
    const { counting, answered, onAnswered } = all
    const release = counting.hold()
    const hub = await createHubCore({ store: counting.store })
    onTestFinished(() => hub.close())
    const handle = createFetchHandler(hub, { onAnswered })
    const controller = new AbortController()
    const url = `http://hub.test${path}/last?${none(1)}`
    const response = handle(new Request(url, { signal: controller.signal }))
    await until(() => counting.reads > 0)
    controller.abort()
    await assertNothingMore(all, release)
    expect([(await response).status, answered]).toEqual([400, ['last 400']])
    // One that has left already is not even begun for.
    expect((await handle(new Request(url, { signal: controller.signal }))).status).toBe(400)
    expect(counting.reads).toBe(1)
  })

  test.skipIf(whyNoCertificates())('for a stream of HTTP/2, while others of the connection go on', async () => {
    const all = await history()
    const { counting, answered, onAnswered } = all
    const release = counting.hold()
    const certificate = makeCertificate()
    const hub = await createHubCore({ store: counting.store })
    const server = await listen(hub, { host: '127.0.0.1', port: 0, certificate, onAnswered })
    onTestFinished(() => server.close({ deadlineMs: 100 }))
    const session: ClientHttp2Session = connectHttp2(server.url, { ca: certificate.cert })
    onTestFinished(() => session.destroy())
    const leaving = session.request({ ':path': `${path}/last?${none(1)}` })
    leaving.on('error', () => {})
    await until(() => counting.reads > 0)
    leaving.close()
    await assertNothingMore(all, release)
    expect(answered).toEqual(['last 400'])
    const staying = session.request({ ':path': `${path}/last?${none(1)}` })
    const [headers] = await once(staying, 'response')
    expect(headers[':status']).toBe(200)
  })
})

describe('pipelined requests', () => {
  test('for the last event are answered in order, one search at a time, each with its own', async () => {
    const { counting, answered, onAnswered } = await history()
    const { server, hub } = await serve({ store: counting.store, onAnswered })
    const ids: string[] = []
    for (let n = 0; n < 20; n++) ids.push(await hub.publish({ topic: `https://some.test/${n}/x` }))
    const socket = await open(server.url)
    const requests = ids.map((_, n) => get(`${path}/last?match_urlpattern=https://some.test/${n}/:id`))
    socket.write(requests.join(''))
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    await until(() => received.split('"last_event_id"').length > ids.length)
    expect([...received.matchAll(/"last_event_id":"([^"]+)"/g)].map(([, id]) => id)).toEqual(ids)
    expect([counting.mostAtOnce, answered.length]).toEqual([1, 20])
  })

  test('that are the same search but once', async () => {
    const { counting, onAnswered } = await history()
    const { server } = await serve({ store: counting.store, onAnswered })
    const scan = await fetch(`${server.url}${path}/last?${none(0)}`)
    await scan.text()
    const oneScan = counting.reads
    const socket = await open(server.url)
    socket.write(get(`${path}/last?${none(1)}`).repeat(1500))
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    await until(() => received.split('HTTP/1.1 200 OK').length > 1500)
    expect(counting.reads).toBe(2 * oneScan)
  })

  test('behind an event stream are dropped, and their connection ends with it', async () => {
    const { counting, answered, onAnswered } = await history()
    // A program that embeds the hub has no connection of its own to give to the stream.
    const session = { takesConnection: false, maxDurationMs: 50 }
    const { server } = await serve({ store: counting.store, onAnswered, session })
    const socket = await open(server.url)
    socket.write(get(`${path}?match=a`) + get(`${path}/last?${none(1)}`).repeat(10))
    socket.resume()
    await once(socket, 'close')
    expect([answered, counting.reads]).toEqual([['subscribe 200'], 0])
  })

  test('are not begun any more when the server closes', async () => {
    const { counting, answered, onAnswered } = await history()
    const release = counting.hold()
    const { server } = await serve({ store: counting.store, onAnswered })
    const socket = await open(server.url)
    socket.resume()
    socket.write(Array.from({ length: 100 }, (_, n) => get(`${path}/last?${none(n)}`)).join(''))
    await until(() => counting.reads > 0)
    const closed = server.close({ deadlineMs: 60_000 })
    release()
    await closed
    expect(answered).toEqual(['last 200'])
  })

  test('of which thousands wait cost their client its connection', async () => {
    const { counting, answered, onAnswered } = await history()
    const release = counting.hold()
    const { server } = await serve({ store: counting.store, onAnswered })
    const socket = await open(server.url)
    socket.resume()
    // With or without an error.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(get(`${path}/last?${none(1)}`).repeat(5000))
    await closed
    release()
    await until(() => answered.length > 0)
    expect([answered, counting.reads]).toEqual([['last 400'], 1])
  })
})
