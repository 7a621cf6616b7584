import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { launchBrowser } from '../conformance/runners/browser.ts'
import { freePort } from '../conformance/runners/free-port.ts'
import { Network } from '../conformance/runners/network.ts'
import { publish as publishOn, serve as serveWith } from './running-hub.ts'

const serve = (listen: string) => serveWith('--store', 'memory:', '--listen', listen)
const publish = (hub: URL, data: string, type?: string) => publishOn(hub, { topic: 'log', data, ...(type && { type }) })

const waitFor = (page: Page, condition: string) => page.waitForFunction(condition, { timeout: 100_000, polling: 50 })
const untilState = (page: Page, state: string) =>
  waitFor(page, `document.getElementById('connection').dataset.state === '${state}'`)
const untilLastEventId = (page: Page, id: string) =>
  waitFor(page, `document.getElementById('last-event-id').textContent === '${id}'`)
const texts = (page: Page, selector: string) =>
  page.$$eval(selector, (elements) => elements.map((element) => element.textContent).reverse())

/** The browser's own EventSource, in the same page: the hub must serve it as well as ours. */
async function openNative(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: [string, string][] = []
    const source = new EventSource('/.well-known/mercure?match=log&last_event_id=earliest')
    source.onmessage = ({ data, lastEventId }) => seen.push([data, lastEventId])
    Object.assign(globalThis, { nativeSource: source, nativeSeen: seen })
  })
  await waitFor(page, 'nativeSource.readyState === 1')
}
const untilNativeSaw = (page: Page, data: string) => waitFor(page, `nativeSeen.at(-1)?.[0] === '${data}'`)

describe.each(['Chromium', 'Firefox'] as const)('the page in %s', (name) => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await launchBrowser(name)
  }, 60_000)
  afterAll(() => browser?.close())
  beforeEach(async () => {
    page = await browser.newPage()
  })
  afterEach(() => page.close())

  it('shows every event once and in order although its network was cut, and so does a native EventSource', async () => {
    const hub = await serve('127.0.0.1:0')
    const network = await Network.to(Number(hub.url.port))
    const ids = [await publish(hub.url, 'before the page was opened')]

    await page.goto(`http://127.0.0.1:${network.port}/`)
    await untilState(page, 'open')
    await openNative(page)
    ids.push(await publish(hub.url, 'live'))
    await untilLastEventId(page, ids[1] as string)
    await untilNativeSaw(page, 'live')

    await network.cut()
    await untilState(page, 'connecting')
    expect(await page.$eval('#ready-state', (element) => element.textContent)).toBe('0 CONNECTING')
    for (const data of ['missed 1', 'missed 2', 'missed 3']) ids.push(await publish(hub.url, data))

    await network.restore()
    await untilState(page, 'open')
    ids.push(await publish(hub.url, 'live again'))
    await untilLastEventId(page, ids.at(-1) as string)
    await untilNativeSaw(page, 'live again')

    const expected = ['before the page was opened', 'live', 'missed 1', 'missed 2', 'missed 3', 'live again']
    await waitFor(page, `document.querySelectorAll('#events .data').length === ${expected.length}`)
    expect(await texts(page, '#events .data')).toEqual(expected)
    const notes = await texts(page, '#events .note .text')
    expect(notes[0]).toMatch(/^Connection lost: /)
    expect(notes[1]).toMatch(new RegExp(`^Connected again after .* resuming after ${ids[1]}$`))
    expect(notes).toHaveLength(2)
    expect(await page.evaluate('nativeSeen')).toEqual(expected.map((data, index) => [data, ids[index]]))
    await network.cut()
  })

  it('says that there is a gap when the hub was killed and, without a store on disk, began a new history', async () => {
    const hub = await serve(`127.0.0.1:${await freePort()}`)
    await page.goto(hub.url.href)
    await untilState(page, 'open')
    const id = await publish(hub.url, 'of the first history')
    await untilLastEventId(page, id)

    await hub.kill('SIGKILL')
    await untilState(page, 'connecting')
    const again = await serve(hub.url.host)
    await untilState(page, 'open')
    await untilLastEventId(page, await publish(again.url, 'of the second history'))

    await waitFor(page, `document.querySelector('.note[data-kind=gap]')`)
    expect(await texts(page, '#events .note[data-kind=gap] .text')).toEqual([
      `Gap after ${id}: the hub began a new history. Everything still in the history follows.`,
    ])
    expect(await texts(page, '#events .data')).toEqual(['of the first history', 'of the second history'])
  })

  it('publishes with its form and shows what came of it', async () => {
    const hub = await serve('127.0.0.1:0')
    await page.goto(hub.url.href)
    await untilState(page, 'open')
    await page.type('#publish [name=type]', 'greeting')
    await page.click('#publish button')
    await waitFor(page, `document.querySelector('#publish-result').dataset.outcome === 'published'`)
    await waitFor(page, `document.querySelectorAll('#events .data').length === 1`)
    expect(await texts(page, '#events .type')).toEqual(['greeting'])
    expect(await texts(page, '#events .data')).toEqual(['Hello from the page'])
    const kept = await page.$eval('#publish-result', (element) => element.textContent)
    expect(kept).toBe(`stored as ${await page.$eval('#last-event-id', (element) => element.textContent)}`)

    await page.$eval('#publish [name=type]', (field) => ((field as HTMLInputElement).value = 'headwater-gap'))
    await page.click('#publish button')
    await waitFor(page, `document.querySelector('#publish-result').dataset.outcome === 'failed'`)
    expect(await page.$eval('#publish-result', (element) => element.textContent)).toContain('headwater-gap')
  })

  it('stops when the person closes the connection, and goes on from there when they connect again', async () => {
    const hub = await serve('127.0.0.1:0')
    await page.goto(hub.url.href)
    await untilState(page, 'open')
    const id = await publish(hub.url, 'one')
    await untilLastEventId(page, id)
    await page.click('#connection-toggle')
    await untilState(page, 'closed')
    expect(await page.$eval('#ready-state', (element) => element.textContent)).toBe('2 CLOSED')
    const missed = await publish(hub.url, 'two')
    await page.click('#connection-toggle')
    await untilState(page, 'open')
    await untilLastEventId(page, missed)
    await waitFor(page, `document.querySelectorAll('#events .data').length === 2`)
    expect(await texts(page, '#events .data')).toEqual(['one', 'two'])
    expect((await texts(page, '#events .note .text')).at(-1)).toBe(`Connected, resuming after ${id}`)
  })

  it('says "live" and nothing else once the hub is back, however many attempts failed before', async () => {
    await page.evaluateOnNewDocument(() => {
      const running = new Set<unknown>()
      const { setInterval, clearInterval } = globalThis
      Object.assign(globalThis, {
        runningIntervals: running,
        setInterval: (...parameters: Parameters<typeof setInterval>) => {
          const timer = setInterval(...parameters)
          running.add(timer)
          return timer
        },
        clearInterval: (timer: number | undefined) => {
          running.delete(timer)
          clearInterval(timer)
        },
      })
    })
    const hub = await serve(`127.0.0.1:${await freePort()}`)
    await page.goto(hub.url.href)
    await untilState(page, 'open')
    let failed = 0
    page.on('requestfailed', (request) => {
      if (request.url().includes('match=')) failed += 1
    })
    await hub.kill('SIGKILL')
    await vi.waitUntil(() => failed >= 3, { timeout: 60_000 })
    await serve(hub.url.host)
    await untilState(page, 'open')
    expect(await page.evaluate('runningIntervals.size')).toBe(0)
    expect(await page.$eval('#connection-text', (element) => element.textContent)).toBe('live')
  })

  it('hides the events of a type that is switched off', async () => {
    const hub = await serve('127.0.0.1:0')
    await page.goto(hub.url.href)
    await untilState(page, 'open')
    await publish(hub.url, 'a note', 'note')
    await publish(hub.url, 'a message')
    await waitFor(page, `document.querySelectorAll('#events .data').length === 2`)
    const visible = () =>
      page.$$eval('#events li', (rows) =>
        rows.filter((row) => row.getClientRects().length > 0).map((row) => row.querySelector('.data')?.textContent),
      )
    await page.click('#types button')
    expect(await visible()).toEqual(['a message'])
    await page.click('#types button')
    expect(await visible()).toEqual(['a message', 'a note'])
  })

  it('lists the events of a person after ten minutes of vital signs, which it draws', async () => {
    const hub = await serve('127.0.0.1:0')
    await publish(hub.url, 'mine')
    const reading = {
      ...{ at: 0, host: 'here', cpuCount: 2, cpu: 0.42, load1: 1, memoryUsedBytes: 1, memoryTotalBytes: 2 },
      ...{ eventLoopDelayP50Ms: 1, eventLoopDelayP99Ms: 1 },
    }
    const readings = Array.from({ length: 600 }, (_, second) => ({
      topic: 'vitals',
      type: 'vitals',
      data: { ...reading, at: second * 1000 },
    }))
    const response = await fetch(new URL('/.well-known/mercure', hub.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(readings),
    })
    expect(response.status).toBe(200)
    await page.goto(hub.url.href)
    await waitFor(page, `document.getElementById('received').textContent === '601'`)
    await waitFor(page, `document.querySelector('.vital .value').textContent === '42 %'`)
    expect(await texts(page, '#events .data')).toEqual(['mine'])
  })
})
