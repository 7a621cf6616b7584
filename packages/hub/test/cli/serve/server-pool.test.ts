import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { get as httpsGet, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { events } from '@headwater/sse/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Log } from '../../../src/cli/log/log.ts'
import { serveCommand } from '../../../src/cli/serve/serve.ts'
import type { ServeOptions } from '../../../src/cli/serve/serve-options.ts'
import { ServerPool } from '../../../src/cli/serve/server-pool.ts'
import { openTokenAuthorizer, startServer } from '../../../src/cli/serve/start-server.ts'
import { ClientAddresses } from '../../../src/http/access/client-address.ts'
import { createCountMemory, openCounts } from '../../../src/http/access/client-counts.ts'
import { encodeStoredEvent } from '../../../src/hub/event-frame.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { shareStore } from '../../../src/store/shared/share-store.ts'
import { certificateFiles, makeCertificate, whyNoCertificates } from '../../certificates.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, startHub } from '../running.ts'

// As long as it takes: how fast the machine is says nothing of the hub.
const patience = { timeout: 300_000 }
const hubPath = '/.well-known/mercure'

describe('headwater serve --threads', patience, () => {
  test('brings what is published to any thread to the subscribers of all, once and in order; ends all at SIGTERM, and exits 0', async () => {
    const hub = await startHub('--threads', '3')
    const clients = await subscribeOnAll(hub.url, 3)
    const sent = Array.from({ length: 300 }, (_, n) => `${n} ${'x'.repeat(n % 50 === 0 ? 100_000 : n)}`)
    for (let n = 0; n < sent.length; n += 20) {
      // Each over a connection of its own, so that all threads have some.
      await Promise.all(sent.slice(n, n + 20).map((data) => publish(hub.url, data)))
    }
    await publish(hub.url, 'last')
    for (const client of clients) await client.until('last')
    const [first] = clients
    expect([...first!.datas].sort()).toEqual([...sent, 'last'].sort())
    for (const { datas } of clients) expect(datas).toEqual(first!.datas)

    const metrics = await metricsOf(hub.url, 3)
    expect(metrics.get('headwater_publishes_total{outcome="stored"}')).toBe(301)
    expect(metrics.get('headwater_deliveries_total')).toBe(301 * clients.length)
    expect(metrics.get('headwater_subscribers')).toBe(clients.length)
    expect(metrics.get('headwater_head_position')).toBe(301)
    expect([...metrics.keys()].filter((name) => name.startsWith('process_start_time'))).toHaveLength(1)

    // Whichever thread is asked, it answers for all.
    for (let asked = 0; asked < 6; asked++) {
      const stats = await fetch(`${hub.url}${hubPath}/headwater/v1/stats`, { headers: { connection: 'close' } })
      expect(await stats.json()).toMatchObject({
        threads: 3,
        totals: { published: 301, delivered: 301 * clients.length, subscribers: clients.length },
        topics: { counted: 1, busiest: [{ events: 301 }] },
      })
    }

    hub.child.kill('SIGTERM')
    await hub.said(new RegExp(`SIGTERM: stopping: finishing publishes and ending ${clients.length} streams`), 'stderr')
    expect(await hub.ended()).toBe(0)
    expect(hub.stderr).toMatch(/ info {2}stopped in [\d.]+ s\.\n$/)
  })

  test('goes by the configuration that is read again at SIGHUP in each thread, and by its limits in all together', async () => {
    const directory = temporaryDirectory()
    const file = join(directory, 'headwater.config.json')
    writeFileSync(file, JSON.stringify({ threads: 3, maxTopics: 1 }))
    const hub = await startHub('--config', file)
    const clients = await subscribeOnAll(hub.url, 3)
    writeFileSync(file, JSON.stringify({ threads: 3, maxTopics: 2, maxSubscribers: clients.length + 1 }))
    hub.child.kill('SIGHUP')
    await hub.said(/reloaded limits, keys and the log level/, 'stderr')
    const statuses = await Promise.all(
      Array.from({ length: 24 }, () => post(hub.url, 'topic=a&topic=b&data=x').then(({ status }) => status)),
    )
    expect(statuses).toEqual(statuses.map(() => 200))
    const [one] = await subscribe(hub.url, 1)
    await one!.until('')
    for (let n = 0; n < 12; n++) {
      const [refused] = await once(get(`${hub.url}${hubPath}?match=a`, { agent: false }), 'response')
      expect(refused.statusCode).toBe(503)
      refused.destroy()
    }
  })

  test.skipIf(whyNoCertificates())(
    'serves HTTPS and HTTP/2 in each thread, and has all use the certificate that is read again',
    async () => {
      const { certPath, keyPath, write } = certificateFiles(temporaryDirectory())
      const [first, second] = [makeCertificate(), makeCertificate()]
      write(first)
      const hub = await startHub('--tls-cert', certPath, '--tls-key', keyPath, '--threads', '2')
      const { url } = hub
      const streams = Array.from({ length: 12 }, () => {
        const session = connectHttp2(url, { ca: first.cert })
        onTestFinished(() => session.destroy())
        const stream = session.request({ ':path': `${hubPath}?match=a` }).setEncoding('utf8')
        stream.on('data', (text: string) => {
          texts.set(stream, (texts.get(stream) ?? '') + text)
        })
        return stream
      })
      const texts = new Map<unknown, string>()
      await Promise.all(streams.map((stream) => once(stream, 'response')))
      const data = 'é'.repeat(100_000)
      for (const each of ['begin', data, 'end']) {
        const posting = httpsRequest(url + hubPath, {
          method: 'POST',
          agent: false,
          ca: first.cert,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
        posting.end(String(new URLSearchParams({ topic: 'a', data: each })))
        const [answer] = await once(posting, 'response')
        expect(answer.statusCode).toBe(200)
        answer.resume()
      }
      for (const stream of streams) {
        await expect.poll(() => texts.get(stream)).toContain('data: end\n')
        expect(texts.get(stream)!.match(/data: .+/g)).toEqual(['data: begin', `data: ${data}`, 'data: end'])
      }
      write(second)
      hub.child.kill('SIGHUP')
      await hub.said(/reloaded the certificate; new connections get it/, 'stderr')
      for (let n = 0; n < 12; n++) {
        const [healthy] = await once(httpsGet(`${url}/healthz`, { ca: second.cert, agent: false }), 'response')
        expect(healthy.statusCode).toBe(200)
        healthy.resume()
      }
    },
  )

  test('and --subscriptions do not go together, which is said at once', async () => {
    const hub = headwater('serve', '--dev', '--store', 'memory:', '--threads', '2', '--subscriptions')
    expect(await hub.ended()).toBe(2)
    expect(hub.stderr).toMatch(/--subscriptions .* cannot be combined with --threads 2/)
  })

  test('does not let a second hub on its port, of which nobody would know which connections it gets', async () => {
    const hub = await startHub('--threads', '2')
    const address = new URL(hub.url).host
    const second = headwater('serve', '--dev', '--store', 'memory:', '--threads', '2', '--listen', address)
    expect(await second.ended()).toBe(1)
    expect(second.stderr).toContain(`Cannot listen on ${address}: something else already does.`)
  })
})

test(
  'when a thread crashes its clients come back and miss nothing, nobody else notices, and it is started again',
  patience,
  async () => {
    const { url, threads, lines } = await serveInThreads(3)
    const clients = await subscribeOnAll(url, 3)
    const before = await threadSubscribers(url, 3)
    let n = 0
    let isOver = false
    const acknowledged: string[] = []
    const publishing = (async () => {
      while (!isOver) {
        const data = `${n++}`
        // One whose connection breaks may or may not be stored; the key makes it safe to try again.
        for (;;) {
          const answer = await post(url, new URLSearchParams({ topic: 'a', data }), data).catch(() => undefined)
          if (answer?.status === 200) break
        }
        acknowledged.push(data)
      }
    })()
    const isPast = (count: number) => expect.poll(() => acknowledged.length).toBeGreaterThan(count)
    await isPast(20)
    await threads.crash(2)
    await threads.crash(3)
    await expect.poll(() => lines.join('')).toMatch(/thread 2 failed .* and its \d+ event streams ended/)
    await expect.poll(() => lines.filter((line) => line.includes('thread 2 is serving')).length).toBe(2)
    await expect.poll(() => lines.filter((line) => line.includes('thread 3 is serving')).length).toBe(2)
    await isPast(acknowledged.length + 20)
    isOver = true
    await publishing
    await publish(url, 'last')
    for (const client of clients) {
      await client.until('last')
      expect(client.datas).toEqual([...acknowledged, 'last'])
    }
    const ended = lines.join('').match(/its (\d+) event streams ended/g)!
    expect(ended).toEqual([2, 3].map((thread) => `its ${before.get(thread)} event streams ended`))
    // Those of a thread that is gone are not counted any more.
    await expect.poll(async () => (await metricsOf(url, 3)).get('headwater_subscribers')).toBe(clients.length)
  },
)

test('a thread that cannot go by a new configuration is named, and may go by another', patience, async () => {
  const { threads, options } = await serveInThreads(3)
  const publisherKey = [`file:${join(temporaryDirectory(), 'none')}`]
  await expect(threads.reload({ ...options, publisherKey })).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.stringMatching(/^thread 2: --publisher-key: the file .* cannot be read/),
  })
  await threads.reload(options)
})

/** A hub as `headwater serve --threads` makes it, in this process, so that a thread can be made to end. */
async function serveInThreads(count: number) {
  const options = { ...serveCommand().opts<ServeOptions>(), dev: true as const, listen: { host: '127.0.0.1', port: 0 } }
  const lines: string[] = []
  const log = new Log({ format: 'text', level: 'info', write: (line) => lines.push(line) })
  const store = createMemoryStore()
  const shared = await shareStore(store, {
    frameOf: (epoch, event) => Buffer.from(encodeStoredEvent(epoch, event)),
  })
  const counts = createCountMemory(count)
  const { server, metrics, observatory } = await startServer({
    options,
    store: shared.store,
    tokens: await openTokenAuthorizer(options, new ClientAddresses([]), log, () => {}),
    certificate: undefined,
    log,
    address: options.listen,
    sharing: { thread: 1, sharesPort: 'first', counts: openCounts(counts, 0) },
  })
  const threads = await ServerPool.start({
    count,
    options,
    certificate: undefined,
    port: server.port,
    shared,
    counts,
    log,
    write: (line) => lines.push(line),
    textOfMetrics: () => metrics.toText(),
    observe: (query) => observatory.read(query),
  })
  metrics.addOthers(() => threads.metrics())
  observatory.addOthers((query) => threads.observe(query))
  onTestFinished(async () => {
    await Promise.all([server.close({ deadlineMs: 2000 }), threads.close(2000)])
    await store.close()
  })
  return { url: server.url, threads, options, lines }
}

/** Subscribers, some of them on each thread: which one gets a connection is the system's to say. */
async function subscribeOnAll(url: string, threads: number): Promise<Client[]> {
  const clients: Client[] = []
  do {
    const more = await subscribe(url, 6)
    clients.push(...more)
    // Each is counted once it is there.
    for (const client of more) await client.until('')
  } while ([...(await threadSubscribers(url, threads)).values()].filter((count) => count > 1).length < threads)
  return clients
}

interface Client {
  /** Of all events so far. */
  readonly datas: readonly string[]
  /** Resolves when it has had an event with this data; with `''`, when it is connected. */
  until(data: string): Promise<void>
}

async function subscribe(url: string, count: number): Promise<Client[]> {
  return Array.from({ length: count }, () => {
    const stopping = new AbortController()
    onTestFinished(() => stopping.abort())
    const datas: string[] = []
    const connected = Promise.withResolvers<void>()
    let wake = () => {}
    const reading = (async () => {
      const stream = events(`${url}${hubPath}?match=a&last_event_id=earliest`, {
        signal: stopping.signal,
        onState: ({ name }) => name === 'open' && connected.resolve(),
      })
      for await (const { data, type } of stream) {
        if (type === 'headwater-gap') throw new Error(`a gap: ${data}`)
        if (type !== 'message') continue
        datas.push(data)
        wake()
      }
    })()
    reading.catch((error: unknown) => {
      if (!stopping.signal.aborted) connected.reject(error)
    })
    return {
      datas,
      async until(data) {
        if (data === '') return await connected.promise
        while (!datas.includes(data)) {
          const next = new Promise<void>((resolve) => {
            wake = resolve
          })
          await Promise.race([next, reading])
        }
      },
    }
  })
}

async function publish(url: string, data: string): Promise<void> {
  expect((await post(url, new URLSearchParams({ topic: 'a', data }))).status).toBe(200)
}

/** Over a connection of its own. */
function post(
  url: string,
  body: string | URLSearchParams,
  idempotencyKey?: string,
): Promise<{ status: number | undefined }> {
  return new Promise((resolve, reject) => {
    const posting = request(url + hubPath, {
      method: 'POST',
      agent: false,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
    })
    posting.on('error', reject).on('response', (response) => {
      response.resume().on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode }))
    })
    posting.end(String(body))
  })
}

/** A thread that does not answer in time is left out. So it is asked until all of them did. */
async function metricsOf(url: string, threads: number): Promise<Map<string, number>> {
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text()
    const lines = [...text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)]
    const metrics = new Map(lines.map(([, name, value]) => [name!, Number(value)]))
    if (subscribersOfThreads(metrics).size === threads) return metrics
  }
}

async function threadSubscribers(url: string, threads: number): Promise<Map<number, number>> {
  return subscribersOfThreads(await metricsOf(url, threads))
}

function subscribersOfThreads(metrics: Map<string, number>): Map<number, number> {
  const found = [...metrics].flatMap(([name, value]) => {
    const thread = /^headwater_thread_subscribers\{thread="(\d+)"\}$/.exec(name)?.[1]
    return thread === undefined ? [] : [[Number(thread), value] as const]
  })
  return new Map(found)
}
