import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { launchBrowser } from '../conformance/runners/browser.ts'
import { Network } from '../conformance/runners/network.ts'
import { publish, serve } from './running-hub.ts'

/** Of a machine that is very busy. */
const timeout = 180_000
const hubPath = '/.well-known/mercure'
const waitFor = (page: Page, condition: string) => page.waitForFunction(condition, { timeout: 120_000, polling: 50 })

describe.each(['Chromium', 'Firefox'] as const)("the browser's own EventSource in %s", { timeout }, (name) => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await launchBrowser(name)
  }, timeout)
  afterAll(() => browser?.close())
  beforeEach(async () => {
    page = await browser.newPage()
  })
  afterEach(() => page.close())

  it('keeps its place on a quiet topic by headwater-position, though its own event has long left the history', async () => {
    const { hub, network } = await serveWithNetwork()
    // A page without a connection of its own.
    await page.goto(`http://127.0.0.1:${network.port}/healthz`)
    await open(page, `${hubPath}?match=quiet`)
    await publish(hub.url, { topic: 'quiet', data: 'the first', id: 'urn:quiet:1', retry: '50' })
    await waitFor(page, 'seen.length === 1')
    await publishMany(hub.url, 'busy', 200)
    // Whoever did not hear of the position has an ID that says nothing any more.
    const forgotten = await fetch(new URL(`${hubPath}?match=quiet`, hub.url), {
      headers: { 'last-event-id': 'urn:quiet:1' },
    })
    expect(forgotten.headers.get('mercure-last-event-id')).toBe('earliest')
    await forgotten.body?.cancel()

    // Nothing shows in the page that it was told; but what has come before the end of the connection, it has read.
    const lastTold = () => network.received.match(/(?<=^id: ).*(?=\n\n)/gm)?.at(-1) ?? ''
    while (!(positionIn(lastTold()) > 100)) await pause(10)
    const told = lastTold()
    await network.cut({ afterAll: true })
    network.sent = ''
    await publish(hub.url, { topic: 'quiet', data: 'missed' })
    await network.restore()
    await waitFor(page, 'seen.length === 2')
    expect(await page.evaluate('seen')).toEqual([
      ['message', 'the first'],
      ['message', 'missed'],
    ])
    expect(/^last-event-id: (.*)\r$/im.exec(network.sent)?.[1]).toBe(told)
  })

  it('hears of headwater-gap, as an event, when what it missed has left the history', async () => {
    const { hub, network } = await serveWithNetwork()
    // A page without a connection of its own.
    await page.goto(`http://127.0.0.1:${network.port}/healthz`)
    await open(page, `${hubPath}?match=log`)
    const id = await publish(hub.url, { topic: 'log', data: 'the first', retry: '50' })
    await waitFor(page, 'seen.length === 1')
    await network.cut()
    await publishMany(hub.url, 'log', 200)
    await publish(hub.url, { topic: 'log', data: 'the last' })
    await network.restore()
    await waitFor(page, `seen.at(-1)[1] === 'the last'`)
    const seen = (await page.evaluate('seen')) as [string, string][]
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
      // As text: a function would arrive there as the test runner has transformed it.
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
})

/** A hub that keeps but the newest 50 events, or a few more, and a network before it. */
async function serveWithNetwork() {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-native-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const hub = await serve('--store', `file:${directory}`, '--max-events', '50', '--listen', ':0')
  const network = await Network.to(Number(hub.url.port))
  onTestFinished(() => network.cut())
  return { hub, network }
}

/** Opens an EventSource that keeps what it hears of, gaps included; nobody listens to positions. */
async function open(page: Page, url: string): Promise<void> {
  await page.evaluate(`
    globalThis.seen = []
    globalThis.source = new EventSource('${url}')
    for (const type of ['message', 'headwater-gap']) source.addEventListener(type, ({ data }) => seen.push([type, data]))
  `)
  await waitFor(page, 'source.readyState === 1')
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
