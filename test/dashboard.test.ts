import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, test } from 'vitest'
import { launchBrowser } from '../conformance/runners/browser.ts'
import { freePort } from '../conformance/runners/free-port.ts'
import { click, listed, texts, untilConnection, untilListed, violations, waitFor } from './dashboard-page.ts'
import { publish as publishOn, type RunningHub, serveGuarded, serve as serveWith, tokenFrom } from './running-hub.ts'

const serve = (listen = '127.0.0.1:0') => serveWith('--store', 'memory:', '--listen', listen)
const publish = (hub: URL, data: string, more: Record<string, string> = {}) =>
  publishOn(hub, { topic: 'log', data, ...more })

async function publishMany(hub: URL, events: readonly object[]): Promise<void> {
  const response = await fetch(new URL('/.well-known/mercure', hub), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  })
  if (!response.ok) throw new Error(await response.text())
}

/** Subscribes for the length of the test. */
async function subscribe(hub: URL, path: string): Promise<void> {
  const left = new AbortController()
  const { body } = await fetch(new URL(path, hub), { signal: left.signal })
  // Who does not read it is cut off when the response is collected as garbage.
  const reading = body!.pipeTo(new WritableStream()).catch(() => {})
  onTestFinished(async () => {
    left.abort()
    await reading
  })
}

const reading = {
  ...{ at: 0, host: 'here', cpuCount: 2, cpu: 0.42, load1: 1, memoryUsedBytes: 1, memoryTotalBytes: 2 },
  ...{ eventLoopDelayP50Ms: 1, eventLoopDelayP99Ms: 1 },
}
const vitals = (count: number) =>
  Array.from({ length: count }, (_, second) => ({
    topic: 'vitals',
    type: 'vitals',
    data: { ...reading, at: Date.now() - (count - second) * 1000 },
  }))

test('the page takes less than 60 KB, compressed, and asks nothing of any other host', () => {
  const directory = fileURLToPath(new URL('../packages/hub/dist/dashboard', import.meta.url))
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(js|css|html|svg)$/.test(name),
  )
  expect(files.sort()).toEqual(['app.js', 'favicon.svg', 'index.css', 'index.html'])
  const sizes = files.map((name) => gzipSync(readFileSync(join(directory, name))).length)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(60_000)
  const html = readFileSync(join(directory, 'index.html'), 'utf8')
  expect(html).not.toMatch(/<style|style=|<script(?![^>]* src="\.\/)/)
  expect(html).toContain('<meta name="hub" content=".well-known/mercure">')
})

describe.each(['Chromium', 'Firefox'] as const)('the dashboard in %s', (name) => {
  let browser: Browser
  let page: Page
  let problems: string[]
  beforeAll(async () => {
    browser = await launchBrowser(name)
  }, 60_000)
  afterAll(() => browser?.close())
  beforeEach(async () => {
    page = await browser.newPage()
    problems = []
    page.on('pageerror', (error) => problems.push(error instanceof Error ? error.message : String(error)))
    page.on('console', (message) => {
      // Of the requests that tests let fail, browsers say so themselves.
      if (/Content.Security.Policy/i.test(message.text())) problems.push(message.text())
    })
  })
  afterEach(async () => {
    await page.close()
    expect(problems).toEqual([])
  })

  async function open(hub: RunningHub, path = ''): Promise<void> {
    await page.goto(new URL(path, hub.url).href)
    await untilConnection(page, 'live')
  }

  it('shows who has never heard of streams one that breaks and heals, the history, a publish and the bytes', async () => {
    const hub = await serve()
    await publishMany(hub.url, vitals(30))
    await open(hub)
    await waitFor(page, `document.querySelector('.verdict').textContent === 'All is well'`)
    await click(page, 'Vital signs')
    await waitFor(page, `document.querySelector('.vital .value')?.textContent === '42 %'`)

    await click(page, 'Publish')
    await page.waitForSelector('[name=type]')
    await page.type('[name=type]', 'greeting')
    await click(page, 'Publish')
    // The first one is the link; the button is in the form.
    await page.click('form.publish button[type=submit]')
    await waitFor(page, `document.querySelector('#publish-result').dataset.outcome === 'published'`)
    await click(page, 'Show it')
    await untilListed(page, 1)
    expect(await texts(page, '.rows .topic')).toEqual(['log'])
    expect(await texts(page, '.rows .badge')).toEqual(['greeting'])
    expect(await listed(page)).toEqual(['Hello from the page'])

    await page.click('.rows .row')
    await waitFor(page, `document.querySelector('.wire')?.textContent.includes('event: greeting')`)
    const wire = (await texts(page, '.wire'))[0]!.replaceAll('↵', '')
    expect(wire).toMatch(/^event: greeting\ndata: Hello from the page\nid: \S+\n\n$/)

    await click(page, 'Unplug for 5 s')
    await untilConnection(page, 'unplugged')
    await waitFor(page, `document.querySelector('.rows .lost') !== null`)
    for (const data of ['missed 1', 'missed 2']) await publish(hub.url, data)
    await untilConnection(page, 'live')
    await untilListed(page, 3)
    expect(await listed(page)).toEqual(['Hello from the page', 'missed 1', 'missed 2'])
    const notes = (await texts(page, '.rows .note')).reverse()
    expect(notes[0]).toMatch(/Connection lost: unplugged by you$/)
    expect(notes[1]).toMatch(/Connected again after [\d.]+ s, resuming after position 31\./)

    await click(page, 'Overview')
    await page.waitForSelector('.first')
    expect(await page.$$eval('.first li', (steps) => steps.map((step) => (step as HTMLElement).dataset.done))).toEqual([
      'true',
      'true',
      'true',
      'false',
      'true',
    ])
  })

  it('reaches every event of a long history: by the slider, page by page, by time and by URL', async () => {
    const hub = await serve()
    for (let batch = 0; batch < 2; batch++) {
      const events = Array.from({ length: 800 }, (_, n) => ({ topic: 'log', data: `${batch * 800 + n + 1}` }))
      await publishMany(hub.url, events)
    }
    await open(hub, '/?view=events')
    await untilListed(page, 100)
    expect((await listed(page)).at(-1)).toBe('1600')

    await page.$eval('.scrubber [type=range]', (slider) => {
      ;(slider as HTMLInputElement).value = '250'
      slider.dispatchEvent(new Event('input', { bubbles: true }))
    })
    await waitFor(page, `document.querySelector('.rows .preview')?.textContent === '250'`)
    expect(await listed(page)).toEqual(Array.from({ length: 100 }, (_, n) => `${n + 151}`))
    expect(page.url()).toContain('from=250')
    await click(page, 'Older')
    await waitFor(page, `document.querySelector('.rows .preview')?.textContent === '150'`)
    await click(page, 'Newer')
    await waitFor(page, `document.querySelector('.rows .preview')?.textContent === '250'`)
    await page.goBack()
    await waitFor(page, `document.querySelector('.rows .preview')?.textContent === '150'`)
    await click(page, 'Back to live')
    await waitFor(page, `document.querySelector('.rows .preview')?.textContent === '1600'`)

    await open(hub, '/?from=earliest')
    await waitFor(page, `document.querySelector('.rows .preview')?.textContent === '100'`)
    expect((await listed(page))[0]).toBe('1')
    await open(hub, '/?from=1990-01-01')
    await waitFor(page, `document.querySelector('.rows .preview')?.textContent === '100'`)
  })

  it('shows one topic by its field and its URL, and says when each event was stored', async () => {
    const hub = await serve()
    const before = Date.now()
    await publish(hub.url, 'of log')
    await publish(hub.url, 'of others', { topic: 'https://example.com/books/1' })
    await open(hub, '/?topic=log')
    await untilListed(page, 1)
    expect(await listed(page)).toEqual(['of log'])
    const stored = Date.parse(await page.$eval('.rows time', (time) => (time as HTMLTimeElement).dateTime))
    expect(stored).toBeGreaterThanOrEqual(before)
    expect(stored).toBeLessThanOrEqual(Date.now())

    await page.click('#topic', { count: 3 })
    await page.type('#topic', 'https://example.com/books/*')
    await page.keyboard.press('Enter')
    await waitFor(page, `document.querySelector('.rows .topic')?.textContent === 'https://example.com/books/1'`)
    expect(new URL(page.url()).searchParams.get('topic')).toBe('https://example.com/books/*')
    await publish(hub.url, 'more of log')
    await publish(hub.url, 'live', { topic: 'https://example.com/books/2' })
    await untilListed(page, 2)
    expect(await listed(page)).toEqual(['of others', 'live'])
  })

  it('lists the events of a person after ten minutes of vital signs, and vital signs if asked', async () => {
    const hub = await serve()
    await publish(hub.url, 'mine')
    await publishMany(hub.url, vitals(700))
    await open(hub, '/?view=events')
    await untilListed(page, 1)
    expect(await listed(page)).toEqual(['mine'])
    await page.click('.selection [type=checkbox]')
    await untilListed(page, 100)
  })

  it('pauses without losing an event, and filters what is shown', async () => {
    const hub = await serve()
    await open(hub, '/?view=events')
    await publish(hub.url, 'one')
    await untilListed(page, 1)
    await click(page, 'Pause')
    await publish(hub.url, 'two')
    await waitFor(page, `document.querySelector('#pause').textContent === 'Resume (1 new)'`)
    expect(await listed(page)).toEqual(['one'])
    await page.click('#pause')
    await untilListed(page, 2)
    await page.type('.selection [type=search]', 'tw')
    await untilListed(page, 1)
    expect(await listed(page)).toEqual(['two'])
  })

  it('shows the bytes of the stream beside it, and what is asked for after it broke', async () => {
    const hub = await serve()
    await open(hub, '/?topic=log')
    await click(page, 'Raw stream')
    await waitFor(page, `document.querySelector('.bytes')?.textContent.includes('200')`)
    const id = await publish(hub.url, 'raw')
    await waitFor(page, `document.querySelector('.bytes').textContent.includes('data: raw\\nid: ${id}')`)
    await click(page, 'Unplug for 5 s')
    await waitFor(page, `document.querySelector('.bytes').textContent.includes('last-event-id: ${id}')`)
  })

  it('says "live" and nothing else once the hub is back, and that its history is another one', async () => {
    const hub = await serve(`127.0.0.1:${await freePort()}`)
    await open(hub, '/?view=events')
    await publish(hub.url, 'of the first history')
    await untilListed(page, 1)
    await hub.kill('SIGKILL')
    await waitFor(page, `document.querySelector('.rows .lost') !== null`)
    const again = await serve(hub.url.host)
    await untilConnection(page, 'live')
    await waitFor(page, `document.querySelector('.rows .skip') !== null`)
    await publish(again.url, 'of the second history')
    await untilListed(page, 2)
    expect(await listed(page)).toEqual(['of the first history', 'of the second history'])
    expect((await texts(page, '.rows .skip'))[0]).toContain('the hub began a new history')
    expect(await page.$eval('#connection-text', (element) => element.textContent)).toBe('live')
  })

  it('says why an event was refused, and that what was written is still there', async () => {
    const hub = await serve()
    await open(hub, '/?view=publish')
    await page.type('[name=type]', 'headwater-gap')
    await page.click('form.publish button[type=submit]')
    await waitFor(page, `document.querySelector('#publish-result').dataset.outcome === 'failed'`)
    expect(await page.$eval('#publish-result', (element) => element.textContent)).toContain('headwater-gap')
    await page.click('[name=private]')
    await page.$eval('[name=type]', (field) => ((field as HTMLInputElement).value = ''))
    expect((await texts(page, '.snippet'))[0]).toContain(`--data-urlencode 'private=on'`)
  })

  it('says who is subscribed and what is published, as it changes', async () => {
    const hub = await serve()
    await publish(hub.url, 'x', { topic: 'https://example.com/books/1' })
    await subscribe(hub.url, '/.well-known/mercure?match=orders&last_event_id=earliest')
    await open(hub, '/?view=subscribers')
    await waitFor(page, `document.querySelector('tbody tr')?.textContent.includes('orders')`)
    expect((await texts(page, 'tbody td'))[1]).toBe('127.0.0.1came with earliest')
    await click(page, 'Topics1')
    await waitFor(page, `document.querySelector('tbody .link')?.textContent === 'https://example.com/books/1'`)
    await page.type('[type=search]', 'films')
    await waitFor(page, `document.querySelector('.empty')?.textContent === 'No topic contains this.'`)
    await click(page, 'Overview')
    await publish(hub.url, 'y')
    await waitFor(page, `document.querySelector('[data-figure=published] .note').textContent === '2 in all'`)
    expect((await fetch(new URL('/.well-known/mercure?nothing', hub.url))).status).toBe(400)
    await waitFor(page, `document.querySelector('.notices')?.textContent.includes('selects no topic')`)
  })

  it('shows itself only to those who may look, by a token that stays in the tab', async () => {
    const file = join(tmpdir(), `headwater-dashboard-${process.pid}-${name}.secret`)
    writeFileSync(file, 'a secret of at least 32 characters')
    onTestFinished(() => rmSync(file))
    const hub = await serveGuarded(file)
    const { origin, host } = hub.url
    const audience = `http://${host}/.well-known/mercure`
    const signing = ['--key', `file:${file}`, '--issuer', 'https://example.com', '--audience', audience]
    await page.goto(hub.url.href)
    await untilConnection(page, 'needs a token')
    await waitFor(page, `document.querySelector('.notice h2').textContent.includes('only to those who may look')`)
    // Neither topics nor times of publishing, but what any subscriber gets.
    const publisher = tokenFrom(...signing, '--publish', '*')
    const publishing = await fetch(new URL('/.well-known/mercure', hub.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${publisher}` },
      body: new URLSearchParams({ topic: 'log', data: 'public' }),
    })
    expect(publishing.status).toBe(200)
    await click(page, 'Events')
    await untilListed(page, 1)
    expect(await listed(page)).toEqual(['public'])
    await click(page, 'Overview')
    const token = tokenFrom(...signing, '--observe', '--publish', '*')
    await click(page, 'Enter a token')
    await page.type('dialog textarea', token)
    await click(page, 'Use it')
    await untilConnection(page, 'live')
    await waitFor(page, `document.querySelector('.verdict') !== null`)
    expect(page.url()).toBe(`${origin}/`)
    await page.reload()
    await untilConnection(page, 'live')
    await page.click('#token-button')
    await click(page, 'Forget it')
    await untilConnection(page, 'needs a token')
  })

  it('holds no connection while its tab is hidden, and goes on where it was', async () => {
    const hub = await serve()
    await open(hub, '/?view=events')
    await publish(hub.url, 'one')
    await untilListed(page, 1)
    const setHidden = (isHidden: boolean) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
        document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
      }, isHidden)
    await setHidden(true)
    await untilConnection(page, 'resting while hidden')
    await publish(hub.url, 'two')
    await setHidden(false)
    await untilListed(page, 2)
    expect(await listed(page)).toEqual(['one', 'two'])
  })

  it('is used by keyboard alone', async () => {
    const hub = await serve()
    await publish(hub.url, 'first')
    await open(hub)
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
    const tabTo = async (text: string) => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press('Tab')
        if ((await focused()).startsWith(text)) return
      }
      throw new Error(`Nobody reaches ${text} by the keyboard.`)
    }
    await tabTo('Skip to the content')
    await tabTo('Events')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.scrubber [type=range]')
    await untilListed(page, 1)
    await page.focus('#pause')
    const time = await page.$eval('.rows time', (element) => element.textContent!.trim())
    await tabTo(time)
    await page.keyboard.press('Enter')
    await waitFor(page, `document.querySelector('.wire') !== null`)
    await page.focus('.scrubber [type=range]')
    await page.keyboard.press('Home')
    await waitFor(page, `document.activeElement.type === 'range'`)
    await page.focus('#topic')
    await page.keyboard.type('log')
    await page.keyboard.press('Enter')
    await waitFor(page, `location.search.includes('topic=log')`)
  })

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)('has nothing that axe finds wrong, %s, %i pixels wide', async (colours, width) => {
    const hub = await serve()
    await publishMany(hub.url, vitals(20))
    await publish(hub.url, '{"order":7,"items":["tea",true,null]}', { type: 'created' })
    await publish(hub.url, 'secret', { private: 'on' })
    await fetch(new URL('/.well-known/mercure?nothing', hub.url))
    await subscribe(hub.url, '/.well-known/mercure?match_urlpattern=/log/:id')
    await page.setViewport({ width, height: 800 })
    for (const view of ['overview', 'events', 'topics', 'subscribers', 'publish', 'vitals']) {
      await page.goto(new URL(`/?view=${view}`, hub.url).href)
      await untilConnection(page, 'live')
      await page.select('.theme select', colours)
      if (view === 'overview') await page.waitForSelector('.notices li')
      if (view === 'events') {
        await untilListed(page, 2)
        await page.click('.rows li:last-child .row')
        await page.waitForSelector('.wire')
        await click(page, 'Raw stream')
      }
      if (view === 'topics' || view === 'subscribers') await page.waitForSelector('tbody tr')
      if (view === 'vitals') await page.waitForSelector('.vital')
      expect([view, await violations(page)]).toEqual([view, []])
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect([view, Math.max(0, overflow)]).toEqual([view, 0])
    }
    await page.click('#token-button')
    await page.waitForSelector('dialog[open]')
    expect(await violations(page)).toEqual([])
  })
})
