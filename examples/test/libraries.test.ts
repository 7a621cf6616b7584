import { fileURLToPath } from 'node:url'
import { createTestServer, cut } from '@headwater/sse/testing'
import type { Browser, Page } from 'puppeteer-core'
import { retry, take, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launchBrowser } from '../../conformance/runners/browser.ts'
import { installed, reasonToSkip } from '../../conformance/runners/runtimes.ts'
import { events } from '../rxjs/events.ts'
import { fromEvents } from '../rxjs/from-events.ts'
import { RunningExample } from './example.ts'
import { Relay } from './relay.ts'

const reason = reasonToSkip(installed.chromium)
if (reason) console.log(`The examples of libraries are not tested: ${reason}.`)

describe.skipIf(reason)('the example', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchBrowser('Chromium')
  })
  afterAll(() => browser?.close())

  /** An example that is running, and a page of it behind a network that can fail. */
  async function start(name: string) {
    const prepare = () => [fileURLToPath(new URL(`../${name}/server.ts`, import.meta.url))]
    const running = await RunningExample.start({ name, runtime: installed.node24, prepare })
    const relay = await Relay.to(Number(running.url.port))
    const page = await browser.newPage()
    onTestFinished(async () => {
      await page.close()
      relay.close()
      running.kill()
    })
    const post = async (path: string, body: object) => {
      const response = await fetch(new URL(path, running.url), { method: 'POST', body: JSON.stringify(body) })
      expect(response.status).toBe(201)
    }
    const open = () => page.goto(`http://localhost:${relay.port}`)
    return { running, relay, page, post, open }
  }

  test('rxjs shows what its operators make of each quote, once, over a lost connection', async () => {
    const { running, relay, page, post, open } = await start('rxjs')
    await open()
    // The server's own quotes come each second, and say that the page is subscribed.
    await page.waitForSelector('#ACME')
    await post('/quotes', { symbol: 'TEST', price: 10 })
    await post('/quotes', { symbol: 'TEST', price: 20 })
    await until(page, '#TEST', 'TEST 20 (average 15.0)')
    relay.cut()
    await post('/quotes', { symbol: 'TEST', price: 30 })
    await post('/quotes', { symbol: 'TEST', price: 140 })
    await until(page, '#TEST', 'TEST 140 (average 50.0)')
    expect(running.complaints).toEqual([])
  })

  test('tanstack-query loads a list once, and follows it over a lost connection', async () => {
    const { running, relay, page, post, open } = await start('tanstack-query')
    const loads: string[] = []
    // StrictMode begins to load twice, and leaves the first.
    page.on('requestfinished', (request) => request.url().endsWith('/tasks') && loads.push(request.url()))
    await post('/tasks', { title: 'old' })
    await open()
    await until(page, 'ul', 'old')
    await post('/tasks', { title: 'new' })
    await until(page, 'ul', 'oldnew')
    relay.cut()
    await post('/tasks', { id: 0, isDone: true })
    await post('/tasks', { title: 'missed' })
    await until(page, 'ul', 'oldnewmissed')
    expect(await page.$$eval('s', (done) => done.map(({ textContent }) => textContent))).toEqual(['old'])
    expect(loads).toHaveLength(1)
    expect(running.complaints).toEqual([])
  })
})

describe('an Observable of a stream', () => {
  test('closes the connection when it is unsubscribed from', async () => {
    await using server = await createTestServer(() => [])
    const subscription = fromEvents(server.url, { events }).subscribe()
    const connection = await server.connection(1)
    subscription.unsubscribe()
    await connection.closed
  })

  test('goes on after the last event when somebody subscribes again, as retry does', async () => {
    const quote = (price: number) => ({ type: 'quote', data: { symbol: 'A', price }, id: `${price}` })
    await using server = await createTestServer([
      ['retry: 0\n\n', quote(1), cut()],
      { status: 401 },
      [quote(2), quote(3)],
    ])
    const stream = fromEvents(server.url, { events }).pipe(retry(1), take(3), toArray())
    const received = await new Promise<{ lastEventId: string }[]>((resolve) => stream.subscribe(resolve))
    expect(received.map(({ lastEventId }) => lastEventId)).toEqual(['1', '2', '3'])
    expect(server.requests.map(({ lastEventId }) => lastEventId)).toEqual(['', '1', '1'])
  })
})

async function until(page: Page, selector: string, text: string): Promise<void> {
  await expect.poll(() => page.$eval(selector, ({ textContent }) => textContent)).toBe(text)
}
