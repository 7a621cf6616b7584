import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest'
import { browserNames } from '../conformance/runners/browser.ts'
import { describeInBrowser } from '../conformance/runners/describe-in-browser.ts'
import { freePort } from '../conformance/runners/free-port.ts'
import { NativeSource } from '../conformance/runners/native-source.ts'
import { Network } from '../conformance/runners/network.ts'
import type { TestPage } from '../conformance/runners/test-browser.ts'
import { publish, serve } from './running-hub.ts'

/** Of a machine that is very busy. */
const timeout = 180_000
const hubPath = '/.well-known/mercure'

for (const name of browserNames) {
  describeInBrowser(`the browser's own EventSource in ${name}`, name, (browser) => resumes(() => browser().newPage()))
}

function resumes(newPage: () => Promise<TestPage>): void {
  let page: TestPage
  beforeEach(async () => {
    page = await newPage()
  }, timeout)
  afterEach(() => page.close())

  it('keeps its place on a quiet topic by headwater-position, though its own event has long left the history', async () => {
    const { hub, network } = await serveWithNetwork()
    // A page without a connection of its own.
    await page.goto(`http://127.0.0.1:${network.port}/healthz`)
    const source = await NativeSource.open(page, `${hubPath}?match=quiet`)
    await publish(hub.url, { topic: 'quiet', data: 'the first', id: 'urn:quiet:1', retry: '50' })
    await source.until('seen.length === 1')
    await publishMany(hub.url, 'busy', 200)
    // Whoever did not hear of the position has an ID that says nothing any more.
    const forgotten = await fetch(new URL(`${hubPath}?match=quiet`, hub.url), {
      headers: { 'last-event-id': 'urn:quiet:1' },
    })
    expect(forgotten.headers.get('mercure-last-event-id')).toBe('earliest')
    await forgotten.body?.cancel()

    await source.until(`Number.parseInt(position.split('.')[1], 36) > 100`)
    await network.cut()
    network.sent = ''
    await publish(hub.url, { topic: 'quiet', data: 'missed' })
    await network.restore()
    await source.until('seen.length === 2')
    expect(await source.seen()).toEqual([
      ['message', 'the first'],
      ['message', 'missed'],
    ])
    const [, resumedFrom = ''] = /^last-event-id: (.*)\r$/im.exec(network.sent) ?? []
    expect(positionIn(resumedFrom)).toBeGreaterThan(100)
  })

  it('hears of headwater-gap, as an event, when what it missed has left the history', async () => {
    const { hub, network } = await serveWithNetwork()
    // A page without a connection of its own.
    await page.goto(`http://127.0.0.1:${network.port}/healthz`)
    const source = await NativeSource.open(page, `${hubPath}?match=log`)
    const id = await publish(hub.url, { topic: 'log', data: 'the first', retry: '50' })
    await source.until('seen.length === 1')
    await network.cut()
    await publishMany(hub.url, 'log', 200)
    await publish(hub.url, { topic: 'log', data: 'the last' })
    await network.restore()
    await source.until(`seen.at(-1)[1] === 'the last'`)
    const seen = await source.seen()
    expect(seen.slice(0, 2)).toEqual([
      ['message', 'the first'],
      ['headwater-gap', expect.any(String)],
    ])
    expect(JSON.parse(seen[1]![1])).toEqual({ reason: 'trimmed', requested: id, earliest: expect.any(String) })
    // All that is kept, in order, once.
    const kept = seen.slice(2, -1).map(([, data]) => Number(data))
    expect(kept.length).toBeGreaterThanOrEqual(49)
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => 200 - kept.length + n))
  })

  it('misses nothing, and hears of no gap, on a quiet topic whose hub is killed and comes back late', async () => {
    const store = ['--store', `file:${temporaryDirectory()}`, '--max-events', '50']
    const hub = await serve(...store, '--listen', `127.0.0.1:${await freePort()}`)
    await page.goto(new URL('/healthz', hub.url).href)
    const source = await NativeSource.open(page, `${hubPath}?match=quiet`)
    await publish(hub.url, { topic: 'quiet', data: 'the first', retry: '50' })
    await source.until('seen.length === 1')
    await hub.kill('SIGKILL')

    // Elsewhere, so that the page does not find it.
    const meanwhile = await serve(...store, '--listen', ':0')
    await publishMany(meanwhile.url, 'busy', 200)
    await publish(meanwhile.url, { topic: 'quiet', data: 'missed' })
    await meanwhile.kill('SIGTERM')
    await serve(...store, '--listen', hub.url.host)
    await source.until('seen.length >= 2')
    await publish(hub.url, { topic: 'quiet', data: 'live' })
    await source.until('seen.length >= 3')
    expect(await source.seen()).toEqual([
      ['message', 'the first'],
      ['message', 'missed'],
      ['message', 'live'],
    ])
  })

  it('is on another origin than the hub: then a page may read where its stream begins, of either dialect', async () => {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>another origin</title>')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const hub = await serve('--store', 'memory:', '--listen', ':0', '--cors-origins', origin)
    const id = await publish(hub.url, { topic: 'log', data: 'the first' })
    await page.goto(origin)
    const headersOf = async (query: string, lastEventId?: string) => {
      const url = new URL(`${hubPath}?${query}`, hub.url).href
      const init = lastEventId === undefined ? {} : { headers: { 'last-event-id': lastEventId } }
      return await page.evaluate(`(async () => {
        const controller = new AbortController()
        const { status, headers } = await fetch('${url}', { ...${JSON.stringify(init)}, signal: controller.signal })
        controller.abort()
        return [status, headers.get('mercure-last-event-id'), headers.get('last-event-id')]
      })()`)
    }
    expect(await headersOf(`match=log&last_event_id=${id}`)).toEqual([200, id, null])
    // A header that a script sets is asked for by a preflight first.
    expect(await headersOf('match=log', id)).toEqual([200, id, null])
    expect(await headersOf('match=log&last_event_id=unknown')).toEqual([200, 'earliest', null])
    expect(await headersOf('match=log')).toEqual([200, null, null])
    expect(await headersOf(`topic=log&last_event_id=${id}`)).toEqual([200, id, id])
    expect(await headersOf('topic=log&lastEventID=unknown')).toEqual([200, 'earliest', 'earliest'])
    expect(await headersOf('topic=log', id)).toEqual([200, id, id])
  })
}

/** A hub that keeps but the newest 50 events, or a few more, and a network before it. */
async function serveWithNetwork() {
  const hub = await serve('--store', `file:${temporaryDirectory()}`, '--max-events', '50', '--listen', ':0')
  const network = await Network.to(Number(hub.url.port))
  onTestFinished(() => network.cut())
  return { hub, network }
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-native-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Publishes events 0, 1, 2 and so on. */
async function publishMany(hub: URL, topic: string, count: number): Promise<void> {
  for (let start = 0; start < count; start += 10) {
    const body = JSON.stringify(Array.from({ length: 10 }, (_, n) => ({ topic, data: String(start + n) })))
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(new URL(hubPath, hub), { method: 'POST', headers, body })
    if (response.status !== 200) throw new Error(`Publishing was refused: ${await response.text()}`)
  }
}

function positionIn(id: string): number {
  return Number.parseInt(id.split('.')[1] ?? '', 36)
}
