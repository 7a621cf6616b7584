import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { type ParsedEvent, readEvents } from '@headwater/sse'
import { EventSource } from '@headwater/sse/client'
import type { SessionOptions } from '@headwater/sse/server'
import { createHub, createMemoryStore } from 'headwater'
import puppeteer from 'puppeteer-core'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type RunningHub, restartHub, runDoctor, runHub, runProbeServer } from './hub.ts'
import { certPath, type ProxyKind, RunningProxy, whyNot } from './proxy.ts'

const hubPath = '/.well-known/mercure'

/** What has to hold behind every proxy. Each has a file of its own, so that they run side by side. */
export function testHubBehind(kind: ProxyKind): void {
  const why = whyNot(kind)
  if (why) console.warn(`The tests behind ${kind.name} are skipped: ${why}`)
  const behind = test.skipIf(why)

  // A browser and a proxy each take their time to start on a busy machine.
  vi.setConfig({ testTimeout: 120_000 })
  beforeAll(() => setDefaultCACertificates([...getCACertificates('default'), readFileSync(certPath, 'utf8')]))

  async function start(...parameters: string[]): Promise<{ hub: RunningHub; proxy: RunningProxy }> {
    const hub = await runHub(...parameters)
    return { hub, proxy: await RunningProxy.start(kind, { hub: hub.address }) }
  }

  behind('has each event reach its subscribers at once, also those who would take it compressed', async () => {
    const { hub, proxy } = await start()
    const compressed = await open(proxy.url, 'match=a', { 'accept-encoding': 'gzip, br, zstd' })
    expect(compressed.response.headers.get('content-type')).toBe('text/event-stream')
    // The hub's own coding: the proxy has no compressor of its own to hold events back in.
    expect(compressed.response.headers.get('content-encoding')).toBe('gzip')
    const plain = await open(proxy.url, 'match=a', { 'accept-encoding': 'identity' })
    // Nothing follows an event that could push it out.
    for (const data of ['one', 'two', 'three']) {
      await hub.publish(data)
      expect([(await compressed.next()).data, (await plain.next()).data]).toEqual([data, data])
    }
    const page = await fetch(`${proxy.url}/app.js`, { headers: { 'accept-encoding': 'gzip' } })
    expect([page.status, page.headers.get('content-encoding')]).toEqual([200, 'gzip'])
    await page.body!.cancel()
  })

  behind('has nothing that the doctor names, over HTTP/1.1 and HTTP/2', async () => {
    const proxy = await RunningProxy.start(kind, { hub: await runProbeServer() })
    for (const version of ['1.1', '2']) {
      const complaints = await runDoctor(`${proxy.url}/`, '--http', version)
      expect(complaints.map(({ id, seen }) => `${id}: ${seen}`)).toEqual([])
    }
  })

  behind('carries 300 event streams over three HTTP/2 connections, and each gets every event', async () => {
    const { hub, proxy } = await start()
    const sessions = Array.from({ length: 3 }, () => connectHttp2(proxy.url))
    for (const session of sessions) onTestFinished(() => session.destroy())
    const received: string[] = []
    const streams = sessions.flatMap((session) =>
      Array.from({ length: 100 }, async (_, index) => {
        const stream = session.request({ ':path': `${hubPath}?match=a`, accept: 'text/event-stream' })
        stream.setEncoding('utf8').on('data', (text) => {
          received[sessions.indexOf(session) * 100 + index] += text
        })
        const [headers] = await once(stream, 'response')
        return headers[':status'] as number
      }),
    )
    received.push(...streams.map(() => ''))
    expect(new Set(await Promise.all(streams))).toEqual(new Set([200]))
    const ids = [await hub.publish('one'), await hub.publish('two')]
    const expected = ids.map((id, index) => `data: ${['one', 'two'][index]}\nid: ${id}\n\n`).join('')
    const isComplete = () => received.every((text) => text.endsWith(expected))
    while (!isComplete()) await wait(20)
    // Beside the position, which is an event for who says that it is an EventSource.
    expect(received.every((text) => text.match(/^data: (one|two)$/gm)?.length === 2)).toBe(true)
  })

  behind('keeps a quiet stream by its heartbeats, and ends one that is silent for its timeout', async () => {
    const { hub, address } = await serveHere({ heartbeatMs: 500 })
    const [proxy, proxyOfSilent] = await Promise.all(
      [address, await silentServer()].map((hub) => RunningProxy.start(kind, { hub, idleTimeout: '8s' })),
    )
    const quiet = await open(proxy!.url, 'match=a')
    // By the time that the silent one is over, the quiet one has been so for just as long.
    const other = await open(proxyOfSilent!.url, 'match=a')
    await other.ended()
    await hub.publish({ topic: 'a', data: 'still here' })
    expect((await quiet.next()).data).toBe('still here')
  })

  behind('has subscribers come back to where they were when the proxy is restarted', async () => {
    const { hub, proxy } = await start()
    const source = await listenTo(proxy.url)
    await hub.publish('before')
    await source.has('before')
    await proxy.stop('SIGTERM')
    await source.until((each) => each.readyState === EventSource.CONNECTING)
    await hub.publish('meanwhile 1')
    await hub.publish('meanwhile 2')
    await proxy.restart()
    await source.has('meanwhile 2')
    await hub.publish('after')
    await source.has('after')
    expect(source.received).toEqual(['before', 'meanwhile 1', 'meanwhile 2', 'after'])
  })

  behind('loses nothing when the proxy reads its configuration again', async () => {
    const { hub, proxy } = await start()
    const source = await listenTo(proxy.url)
    await hub.publish('before')
    await source.has('before')
    await proxy.reload()
    await hub.publish('at the time')
    await source.has('at the time')
    const fresh = await listenTo(proxy.url)
    await hub.publish('after')
    await Promise.all([source.has('after'), fresh.has('after')])
    expect(source.received).toEqual(['before', 'at the time', 'after'])
  })

  behind('has subscribers come back when the hub is killed, our EventSource and a native one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-proxies-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const store = ['--store', `file:${directory}`]
    const { hub, proxy } = await start(...store)
    const source = await listenTo(proxy.url)
    const native = await openInChromium(proxy.url)
    await hub.publish('before')
    await Promise.all([source.has('before'), native.has('before')])

    await hub.kill('SIGKILL')
    // Long enough away for each to have asked in vain.
    const attempts = source.opened
    await source.until(() => source.opened > attempts)
    await native.untilOpenedAgain()
    const refused = await fetch(proxy.url + hubPath, { method: 'POST', body: new URLSearchParams({ topic: 'a' }) })
    expect([502, 503]).toContain(refused.status)
    await refused.text()

    const again = await restartHub(hub.address, ...store)
    await again.publish('after')
    await Promise.all([source.has('after'), native.has('after')])
    expect(source.received).toEqual(['before', 'after'])
    expect(await native.received()).toEqual(['before', 'after'])
  })

  behind('passes on what the hub refuses, and limits each client by its own address', async () => {
    const hub = await runHub('--trusted-proxies', '127.0.0.1', '--max-subscribers-per-address', '2')
    const proxy = await RunningProxy.start(kind, { hub: hub.address, isSecond: true })
    const from = (address: string) =>
      open(proxy.url, 'match=a', { 'x-forwarded-for': address, accept: 'text/event-stream' })
    const streams = [await from('198.51.100.7'), await from('198.51.100.7'), await from('198.51.100.8')]
    expect(streams.map(({ response }) => response.status)).toEqual([200, 200, 200])
    const { response } = await from('198.51.100.7')
    expect([response.status, response.headers.get('content-type')]).toEqual([429, 'application/problem+json'])
    expect(await response.json()).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' })
  })

  behind('leaves the size of bodies to the hub', async () => {
    const { proxy } = await start()
    const post = (bytes: number) =>
      fetch(proxy.url + hubPath, { method: 'POST', body: new URLSearchParams({ topic: 'a', data: 'x'.repeat(bytes) }) })
    const [fits, large] = [await post(1_000_000), await post(1_100_000)]
    expect([fits.status, large.status]).toEqual([200, 413])
    await fits.text()
    expect(await large.json()).toMatchObject({ code: 'TOO_LARGE' })
  })

  behind('has each line of a published stream answered at once, over HTTP/2', async () => {
    const { proxy } = await start()
    const session = connectHttp2(proxy.url)
    onTestFinished(() => session.destroy())
    const lines = session.request({ ':method': 'POST', ':path': hubPath, 'content-type': 'application/x-ndjson' })
    let answered = ''
    lines.setEncoding('utf8').on('data', (text) => {
      answered += text
    })
    // Together more than the largest body.
    for (const line of [1, 2, 3]) {
      lines.write(`${JSON.stringify({ topic: 'a', data: 'x'.repeat(500_000) })}\n`)
      while (answered.split('\n').length <= line) await once(lines, 'data')
    }
    lines.end()
    await once(lines, 'end')
    expect(
      answered
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).line),
    ).toEqual([1, 2, 3])
  })

  behind('tells the hub who asks, and by which URL, and no client can say otherwise', async () => {
    let request = ''
    const address = await rawServer((socket) => {
      socket.on('data', (chunk) => {
        request += chunk
        if (request.includes('\r\n\r\n'))
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      })
    })
    const proxy = await RunningProxy.start(kind, { hub: address })
    const forged = { 'x-forwarded-for': '203.0.113.1', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' }
    await (await fetch(proxy.url + hubPath, { headers: { ...forged, 'last-event-id': 'x.1.y' } })).text()
    const valuesOf = (name: string) =>
      Array.from(request.matchAll(new RegExp(`^${name}: (?<value>.*)\\r$`, 'gim')), ({ groups }) => groups?.value)
    const { host } = new URL(proxy.url)
    expect([valuesOf('host'), valuesOf('x-forwarded-host'), valuesOf('x-forwarded-proto')]).toEqual([
      [host],
      [host],
      ['https'],
    ])
    // The hub goes by the last.
    expect(valuesOf('x-forwarded-for').at(-1)).toMatch(/(^|, )127\.0\.0\.1$/)
    expect(valuesOf('last-event-id')).toEqual(['x.1.y'])
  })

  behind('does not send a publish twice', async () => {
    const requests: string[] = []
    const address = await rawServer((socket) => {
      let request = ''
      socket.on('data', (chunk) => {
        request += chunk
        if (!request.includes('lost')) return
        requests.push(request)
        socket.destroy()
      })
    })
    const proxy = await RunningProxy.start(kind, { hub: address })
    const body = new URLSearchParams({ topic: 'a', data: 'lost' })
    const response = await fetch(proxy.url + hubPath, { method: 'POST', body })
    await response.text()
    expect([502, 503]).toContain(response.status)
    expect(requests.length).toBe(1)
  })

  behind('has the hub notice that a client is gone', async () => {
    // Without heartbeats, so that the hub finds out by nothing else.
    const { hub, address } = await serveHere({ heartbeatMs: Number.POSITIVE_INFINITY })
    const proxy = await RunningProxy.start(kind, { hub: address })
    const streams = await Promise.all(Array.from({ length: 5 }, () => open(proxy.url, 'match=a')))
    const session = connectHttp2(proxy.url)
    onTestFinished(() => session.destroy())
    const overHttp2 = session.request({ ':path': `${hubPath}?match=a` })
    await once(overHttp2, 'response')
    expect(hub.stats.subscribers).toBe(6)
    for (const stream of streams.slice(1)) stream.close()
    overHttp2.close()
    while (hub.stats.subscribers !== 1) await wait(20)
    await hub.publish({ topic: 'a', data: 'for the one that is left' })
    expect((await streams[0]!.next()).data).toBe('for the one that is left')
  })

  behind('shows its health and not its metrics, and sends plain HTTP to HTTPS', async () => {
    const { proxy } = await start()
    const statuses = ['/readyz', '/metrics', '/'].map(async (path) => {
      const response = await fetch(proxy.url + path)
      await response.text()
      return response.status
    })
    expect(await Promise.all(statuses)).toEqual([200, 404, 200])
    const plain = await fetch(`${proxy.httpUrl}/readyz`, { redirect: 'manual' })
    expect([301, 308]).toContain(plain.status)
    expect(plain.headers.get('location')).toMatch(/^https:\/\/localhost/)
  })
}

/** A hub in this process, to set what has no flag. */
async function serveHere(session: SessionOptions) {
  const hub = await createHub({ store: createMemoryStore(), session })
  const server = await hub.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close({ deadlineMs: 100 }))
  return { hub, address: new URL(server.url).host }
}

interface Opened {
  readonly response: Response
  /** The next event, but for those that only say where in the history it is. */
  next(): Promise<ParsedEvent>
  /** Waits for the end of the stream, however it comes. */
  ended(): Promise<void>
  close(): void
}

/** Opens an event stream with nothing but fetch. */
async function open(url: string, query: string, headers: Record<string, string> = {}): Promise<Opened> {
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  const response = await fetch(`${url}${hubPath}?${query}`, { headers, signal: controller.signal })
  const events = response.ok ? readEvents(response.body!) : undefined
  return {
    response,
    async next() {
      for (;;) {
        const { value, done } = await events!.next()
        if (done) throw new Error('the stream ended')
        if (value.type !== 'headwater-position') return value
      }
    },
    async ended() {
      try {
        while (!(await events!.next()).done);
      } catch (error) {
        // Cut off in the middle of a chunked body: it is over, too.
        if (!(error instanceof TypeError)) throw error
      }
    },
    close: () => controller.abort(),
  }
}

/** Our EventSource, as anybody would make one; resolves when it is open. */
async function listenTo(url: string) {
  const source = new EventSource(`${url}${hubPath}?match=a`)
  onTestFinished(() => source.close())
  const received: string[] = []
  const waiting = new Set<() => void>()
  let opened = 0
  const look = () => {
    for (const each of waiting) each()
  }
  const until = (isSo: (source: EventSource) => boolean) =>
    new Promise<void>((resolve, reject) => {
      const each = () => {
        if (isSo(source)) resolve()
        else if (source.readyState === EventSource.CLOSED) reject(new Error('The EventSource gave up.'))
        else return
        waiting.delete(each)
      }
      waiting.add(each)
      each()
    })
  source.onmessage = ({ data }) => {
    received.push(data)
    look()
  }
  source.onopen = () => {
    opened++
    look()
  }
  source.onerror = look
  await until(({ readyState }) => readyState === EventSource.OPEN)
  return {
    received,
    get opened() {
      return opened
    },
    until,
    has: (data: string) => until(() => received.includes(data)),
  }
}

/** A browser's own EventSource, on a page of the proxy's origin. */
async function openInChromium(url: string) {
  const browser = await puppeteer.launch({
    executablePath: '/usr/bin/chromium',
    headless: true,
    acceptInsecureCerts: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  })
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`${url}/healthz`)
  // As text: a function would arrive there as the test runner has transformed it.
  await page.evaluate(`
    globalThis.seen = { received: [], opened: 0 }
    globalThis.source = new EventSource('${hubPath}?match=a')
    source.onmessage = ({ data }) => seen.received.push(data)
    source.onopen = () => seen.opened++`)
  const until = (condition: string) => page.waitForFunction(condition, { timeout: 100_000, polling: 50 })
  await until('seen.opened === 1')
  return {
    has: (data: string) => until(`seen.received.includes(${JSON.stringify(data)})`),
    untilOpenedAgain: () => until('seen.opened > 1'),
    received: () => page.evaluate('seen.received') as Promise<string[]>,
  }
}

/** A server that begins an event stream and then says nothing more. */
async function silentServer(): Promise<string> {
  return await rawServer((socket) => {
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n:\n\r\n',
      )
    })
  })
}

async function rawServer(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => sockets.delete(socket))
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
