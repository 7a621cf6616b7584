import { EventEmitter, once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { ClientAddresses } from '../../../src/http/access/client-address.ts'
import { createCounts } from '../../../src/http/access/client-counts.ts'
import { ConnectionLimiter } from '../../../src/http/access/connection-limiter.ts'
import { Metrics } from '../../../src/http/metrics.ts'
import { type HubServer, type ListenOptions, listen } from '../../../src/http/server/server.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { makeCertificate, whyNoCertificates } from '../../certificates.ts'

const why = whyNoCertificates()
const request = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'

// All connections of this test come from this machine, whose addresses are not counted. So 127.0.0.2 and 127.0.0.3 stand for others.
beforeEach(() => {
  const ofPeer = ClientAddresses.prototype.ofPeer
  vi.spyOn(ClientAddresses.prototype, 'ofPeer').mockImplementation(function (this: ClientAddresses, address) {
    return address === '127.0.0.2' || address === '127.0.0.3' ? address : ofPeer.call(this, address)
  })
  onTestFinished(() => void vi.restoreAllMocks())
})

async function start(options: Partial<ListenOptions> = {}) {
  const hub = await createHubCore({ store: createMemoryStore() })
  const metrics = new Metrics()
  metrics.observe(hub)
  const refused: string[] = []
  const server = await listen(hub, {
    host: '127.0.0.1',
    port: 0,
    metrics,
    onRefused: ({ code }, { address }) => refused.push(`${code} ${address}`),
    ...options,
  })
  onTestFinished(() => server.close({ deadlineMs: 100 }))
  return { server, refused, metrics, connect: (from = '127.0.0.1') => connectTo(server, from) }
}

/** A connection that says nothing by itself. */
async function connectTo(server: HubServer, localAddress: string) {
  const { hostname, port } = new URL(server.url)
  const socket: Socket = connect({ host: hostname, port: Number(port), localAddress })
  let received = ''
  socket.setEncoding('latin1').on('data', (text) => {
    received += text
  })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const closed = once(socket, 'close').then(() => received)
  await once(socket, 'connect')
  return {
    socket,
    /** What came by the time the server ended it. */
    closed,
    /** Sends a request, and gives the status of the answer. */
    async ask(): Promise<number> {
      const before = received.length
      socket.write(request)
      while (!/HTTP\/1\.1 \d{3}/.test(received.slice(before))) await Promise.race([once(socket, 'data'), closed])
      return Number(/HTTP\/1\.1 (\d{3})/.exec(received.slice(before))![1])
    },
  }
}

describe('the limit of connections', () => {
  test('refuses those beyond it with an answer before they have sent anything, and takes new ones when others go', async () => {
    const { connect, refused } = await start({ limits: { maxConnections: 3 } })
    const silent = await Promise.all([connect(), connect(), connect()])
    // Accepted by the system, and by the server once it answers.
    for (const each of silent.slice(0, 2)) expect(await each.ask()).toBe(200)
    expect(await silent[2]!.ask()).toBe(200)
    const beyond = await connect()
    const answer = await beyond.closed
    expect(answer).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/)
    expect(answer).toMatch(/\r\nretry-after: 30\r\n/i)
    expect(answer).toMatch(/\r\nconnection: close\r\n/i)
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ status: 503, code: 'HUB_FULL' })
    expect(refused).toEqual(['HUB_FULL 127.0.0.1'])
    silent[0]!.socket.destroy()
    await vi.waitUntil(async () => (await (await connect()).ask()) === 200, { timeout: 100_000 })
  })

  test('of an address counts those that never send a request, and others are let in', async () => {
    const { connect, refused, metrics } = await start({ limits: { maxConnectionsPerAddress: 2 } })
    const silent = [await connect('127.0.0.2'), await connect('127.0.0.2')]
    const answer = await (await connect('127.0.0.2')).closed
    expect(answer).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n/)
    expect(answer).toMatch(/\r\nretry-after: 30\r\n/i)
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ status: 429, code: 'TOO_MANY_CONNECTIONS' })
    expect(refused).toEqual(['TOO_MANY_CONNECTIONS 127.0.0.2'])
    expect(await (await connect('127.0.0.3')).ask()).toBe(200)
    // This machine's own are a proxy's, for all that is known.
    for (let n = 0; n < 4; n++) expect(await (await connect()).ask()).toBe(200)
    expect(await metrics.toText()).toContain('\nheadwater_connections 7\n')
    expect(await metrics.toText()).toContain('\nheadwater_connections_refused_total{reason="address"} 1\n')
    for (const { socket } of silent) socket.destroy()
    await vi.waitUntil(async () => (await (await connect('127.0.0.2')).ask()) === 200, { timeout: 100_000 })
  })

  test('gives a refused client that has sent its request already the same answer, and no second one', async () => {
    const { server } = await start({ limits: { maxConnections: 1 } })
    await connectTo(server, '127.0.0.1')
    const late = await connectTo(server, '127.0.0.1')
    late.socket.write(request)
    const answer = await late.closed
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(answer).toContain('503')
  })

  test('tells each of many that it refuses one after the other, as those told before them have gone', async () => {
    const { server } = await start({ limits: { maxConnections: 1 } })
    await connectTo(server, '127.0.0.1')
    for (let n = 0; n < 150; n++) expect(await (await connectTo(server, '127.0.0.1')).closed).toContain('HUB_FULL')
  })

  test('keeps no crowd of refused ones: beyond a hundred they are cut off without a word, and those after two seconds', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const guard = new ConnectionLimiter({
      counts: createCounts(),
      limits: { maxConnections: 0, maxConnectionsPerAddress: 1 },
      addresses: new ClientAddresses(),
      isEncrypted: false,
      onRefused: () => {},
    })
    const take = () => {
      // One whose client neither reads nor closes.
      const socket = Object.assign(new EventEmitter(), { remoteAddress: '192.0.2.1', end: vi.fn(), destroy: vi.fn() })
      socket.destroy.mockImplementation(() => socket.emit('close'))
      guard.take(socket as unknown as Socket)
      return socket
    }
    const crowd = Array.from({ length: 150 }, take)
    expect(crowd.filter(({ end }) => end.mock.calls.length > 0)).toHaveLength(100)
    expect(crowd.filter(({ destroy }) => destroy.mock.calls.length > 0)).toHaveLength(50)
    vi.advanceTimersByTime(2000)
    expect(crowd.filter(({ destroy }) => destroy.mock.calls.length > 0)).toHaveLength(150)
    expect(take().end).toHaveBeenCalled()
    expect([guard.open, guard.refusals]).toEqual([0, { total: 151, address: 0 }])
  })

  test.skipIf(why)('ends encrypted ones without a word, for there is no way to say it', async () => {
    const { server, refused } = await start({ certificate: makeCertificate(), limits: { maxConnections: 1 } })
    const port = Number(new URL(server.url).port)
    const first = connectTls({ port, rejectUnauthorized: false })
    onTestFinished(() => void first.destroy())
    await once(first, 'secureConnect')
    const second = connectTls({ port, rejectUnauthorized: false })
    await expect(once(second, 'secureConnect')).rejects.toThrow()
    expect(refused).toHaveLength(1)
  })

  test('can be changed while the hub runs', async () => {
    const limits = { maxConnections: 1 }
    const { connect } = await start({ limits })
    expect(await (await connect()).ask()).toBe(200)
    expect(await (await connect()).closed).toContain('503')
    limits.maxConnections = 2
    expect(await (await connect()).ask()).toBe(200)
  })
})

describe('a connection', () => {
  test('that never sends anything is told so, and ended', async () => {
    const { connect, server } = await start({ headersTimeoutMs: 50 })
    const silent = await Promise.all(Array.from({ length: 20 }, () => connect()))
    for (const each of silent) expect(await each.closed).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('that sends its headers a byte at a time is ended, however busy it looks', async () => {
    const { connect } = await start({ headersTimeoutMs: 200 })
    const slow = await connect()
    const trickle = setInterval(() => slow.socket.write('x'), 10)
    onTestFinished(() => clearInterval(trickle))
    slow.socket.write('GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    expect(await slow.closed).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
  })

  test('that is kept without another request is ended', async () => {
    const { connect } = await start({ idleTimeoutMs: 50 })
    const kept = await connect()
    expect(await kept.ask()).toBe(200)
    expect(await kept.closed).toMatch(/\r\nok\n$|ok\n/)
  })

  test('with an event stream is not ended for being silent', async () => {
    // The headers of the subscriber have to be read in time, however busy the machine is.
    const { connect } = await start({ headersTimeoutMs: 2000, idleTimeoutMs: 20 })
    const subscriber = await connect()
    subscriber.socket.write('GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    // Others that began later, and are not subscribers, come and go.
    const others = await Promise.all(Array.from({ length: 5 }, connect))
    for (const other of others) expect(await other.closed).toContain('408')
    expect(subscriber.socket.destroyed).toBe(false)
  })

  test.skipIf(why)('that does not encrypt is ended, where it should', async () => {
    const { server } = await start({ certificate: makeCertificate(), headersTimeoutMs: 50 })
    const silent = await connectTo(server, '127.0.0.1')
    expect(await silent.closed).toBe('')
  })

  test.skipIf(why)('that encrypts and then is silent is ended, in HTTP/1.1 and HTTP/2', async () => {
    const certificate = makeCertificate()
    const { server } = await start({ certificate, headersTimeoutMs: 50, idleTimeoutMs: 50 })
    const old = connectTls({
      port: Number(new URL(server.url).port),
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    })
    // On a slow machine in the middle of the handshake, which is an error.
    const closed = (connection: EventEmitter) =>
      new Promise((resolve) => connection.on('error', () => {}).once('close', resolve))
    await closed(old.resume())
    await closed(connectHttp2(server.url, { ca: certificate.cert }))
  })

  test('that is silent does not hold up a server that closes, encrypted or not', async () => {
    for (const certificate of why ? [undefined] : [undefined, makeCertificate()]) {
      const { server } = await start(certificate && { certificate })
      const silent = await Promise.all([connectTo(server, '127.0.0.1'), connectTo(server, '127.0.0.1')])
      const encrypted = certificate && connectTls({ port: Number(new URL(server.url).port), rejectUnauthorized: false })
      encrypted?.on('error', () => {})
      if (encrypted) await once(encrypted, 'secureConnect')
      // It has seen them when it answers a later one.
      const later = await connectTo(server, '127.0.0.1')
      if (!certificate) expect(await later.ask()).toBe(200)
      else later.socket.destroy()
      let cutOff = 0
      await server.close({
        deadlineMs: 2 ** 31 - 1,
        onCutOff(connections) {
          cutOff = connections
        },
      })
      await Promise.all(silent.map(({ closed }) => closed))
      expect(cutOff).toBe(0)
    }
  })
})
