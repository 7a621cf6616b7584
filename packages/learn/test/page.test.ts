import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser } from '../../../conformance/runners/browser.ts'
import { createHub } from '../../hub/src/create-hub.ts'
import type { HubServer } from '../../hub/src/http/server/server.ts'
import { createMemoryStore } from '../../hub/src/store/memory.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const built = new URL('../../hub/dist/learn-page/', import.meta.url)

test('the page is smaller than 60 KB, gzipped', () => {
  const files = ['index.html', 'learn.js', 'learn.css'].map((name) => readFileSync(new URL(name, built)))
  expect(files.reduce((sum, file) => sum + gzipSync(file).length, 0)).toBeLessThan(60_000)
})

describe.each(['Chromium', 'Firefox'] as const)('the page in %s', (name) => {
  let browser: Browser
  let server: HubServer
  let page: Page

  beforeAll(async () => {
    const hub = await createHub({ store: createMemoryStore(), loopbackHostsOnly: true, dashboard: true })
    server = await hub.listen({ host: '127.0.0.1', port: 0, learn: true })
    browser = await launchBrowser(name)
    page = await browser.newPage()
    await page.setViewport({ width: 1280, height: 900 })
    await page.goto(`${server.url}/learn/?lang=en`)
    await page.waitForSelector('#hub')
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close({ deadlineMs: 100 })
  })

  /** Chooses a variant, if there are several, and starts the lesson. */
  async function start(lesson: string, choice?: number): Promise<void> {
    if (choice !== undefined)
      await page.$$eval(`#${lesson} .choices input`, (inputs, index) => inputs[index]!.click(), choice)
    await page.$eval(`#${lesson} .primary`, (button) => (button as HTMLElement).click())
  }

  /** What one client of a lesson shows, line by line. */
  async function feed(lesson: string, client: 'native' | 'ours'): Promise<{ kind: string; text: string }[]> {
    return page.$$eval(`#${lesson} [data-client=${client}] .feed li`, (items) =>
      items.map((item) => ({
        kind: (item as HTMLElement).dataset.kind ?? '',
        text: item.lastElementChild?.textContent ?? '',
      })),
    )
  }

  /** Waits until both clients show lines that match, of a kind. */
  async function untilBoth(lesson: string, kind: string, pattern: RegExp, count = 1): Promise<void> {
    await page.waitForFunction(
      (lesson, kind, source, count) =>
        ['native', 'ours'].every((client) => {
          const items = document.querySelectorAll(`#${lesson} [data-client=${client}] .feed li[data-kind=${kind}]`)
          return [...items].filter(({ textContent }) => new RegExp(source).test(textContent ?? '')).length >= count
        }),
      { timeout: 60_000, polling: 100 },
      lesson,
      kind,
      pattern.source,
      count,
    )
  }

  const untilStates = (lesson: string, native: string, ours = native) =>
    page.waitForFunction(
      (lesson, states) =>
        [...document.querySelectorAll(`#${lesson} .state`)]
          .map((each) => (each as HTMLElement).dataset.state)
          .join() === states,
      { timeout: 60_000, polling: 100 },
      lesson,
      `${native},${ours}`,
    )

  test('shows the bytes of an event before the event, for both', async () => {
    await start('receive')
    await untilBoth('receive', 'event', /Message 2/)
    for (const client of ['native', 'ours'] as const) {
      const lines = await feed('receive', client)
      const bytes = lines.findIndex(({ kind, text }) => kind === 'bytes' && text.includes('data: Message 1\\n'))
      const event = lines.findIndex(({ kind, text }) => kind === 'event' && text.includes('Message 1'))
      expect(bytes).toBeGreaterThan(0)
      expect(event).toBeGreaterThan(bytes)
    }
    await page.$eval('#receive .controls button:last-child', (button) => (button as HTMLElement).click())
    await untilStates('receive', '2')
    await untilBoth('receive', 'end', /left/)
  })

  test('breaks a stream and heals it, and shows what was asked after the cut', async () => {
    await start('ids')
    await untilBoth('ids', 'request', /Last-Event-ID: 3/)
    await untilBoth('ids', 'event', /Message 4/)
    const [lost] = (await feed('ids', 'ours')).filter(({ kind }) => kind === 'error')
    expect(lost!.text).toMatch(/NETWORK_ERROR.*Asks again in 1\.0 s/)
    for (const client of ['native', 'ours'] as const) {
      const data = (await feed('ids', client)).filter(({ kind }) => kind === 'event').map(({ text }) => text)
      expect(data.map((text) => /Message (\d)/.exec(text)?.[1]).slice(0, 4)).toEqual(['1', '2', '3', '4'])
    }
  })

  test('finds a server again that was away', async () => {
    await start('away')
    await untilBoth('away', 'event', /I am back/)
    await untilBoth('away', 'end', /Nobody answered/)
    await untilBoth('away', 'open', /open/, 2)
  })

  test('stops for good at 204', async () => {
    await start('stop', 0)
    await untilBoth('stop', 'response', /204/)
    await untilStates('stop', '2')
  })

  test.each([
    [0, '500'],
    [1, '200'],
  ])('gives up at a wrong answer: %s, %s', async (choice, status) => {
    await start('answers', choice)
    await untilBoth('answers', 'response', new RegExp(status))
    await untilStates('answers', '2')
  })

  test('follows a redirect, and reconnects to where it led', async () => {
    await start('answers', 3)
    await untilBoth('answers', 'event', /at once/)
    for (const client of ['native', 'ours'] as const) {
      const asked = (await feed('answers', client)).filter(({ kind }) => kind === 'request').map(({ text }) => text)
      // Native Firefox asks the first address again.
      const isFirefoxs = name === 'Firefox' && client === 'native'
      const again = isFirefoxs ? ['answers', 'moved'] : ['moved']
      expect(asked.map((text) => /GET (\w+)/.exec(text)?.[1])).toEqual(['answers', 'moved', ...again])
    }
  })

  test('gives events of its own names to their listeners', async () => {
    await start('types')
    await untilBoth('types', 'event', /^[\d.]+leave/)
    await untilBoth('types', 'event', /^[\d.]+error “?Nothing is wrong/)
    await untilStates('types', '1')
  })

  test('is refused by another origin without CORS headers, and sends the cookie where both sides allow it', async () => {
    await start('cors', 0)
    // For a script a refusal is a lost network: ours asks again.
    await untilStates('cors', '2', '0')
    await start('cors', 3)
    await untilBoth('cors', 'event', /the cookie/, 2)
    // A script that sets Last-Event-ID has to ask first.
    const isPreflight = ({ text }: { text: string }) => text.includes('OPTIONS cors')
    expect((await feed('cors', 'ours')).filter(isPreflight)).toHaveLength(1)
    expect((await feed('cors', 'native')).filter(isPreflight)).toEqual([])
    await start('cors', 2)
    await untilStates('cors', '2', '0')
  })

  test('tries every row of the comparison with WebSocket', async () => {
    await page.$eval('#websocket .primary', (button) => (button as HTMLElement).click())
    await page.waitForFunction(
      () =>
        [...document.querySelectorAll('#websocket tbody tr')].every(
          (row) => !/^–$|trying/.test(row.lastElementChild?.textContent ?? '–'),
        ),
      { timeout: 60_000, polling: 200 },
    )
    const rows = await page.$$eval('#websocket tbody tr', (rows) =>
      rows.map((row) => [(row as HTMLElement).dataset.row, (row as HTMLElement).dataset.tried, row.textContent]),
    )
    expect(rows.filter(([, tried]) => tried !== 'true')).toEqual([])
  })

  test('explains what is typed into its parser', async () => {
    const type = (text: string) =>
      page.$eval(
        '#parser textarea',
        (area, value) => {
          ;(area as HTMLTextAreaElement).value = value
          area.dispatchEvent(new Event('input', { bubbles: true }))
        },
        text,
      )
    await type('event: join\ndata:Bob\nnonsense\n\n')
    await page.waitForFunction(() => document.querySelectorAll('#parser tbody tr').length === 4)
    expect(await page.$$eval('#parser tbody tr', (rows) => rows.map((row) => row.getAttribute('data-effect')))).toEqual(
      ['event', 'data', 'unknown', 'dispatch'],
    )
    expect(await page.$eval('#parser .events', (list) => list.textContent)).toBe(
      '{"type":"join","data":"Bob","lastEventId":""}',
    )
  })

  test('connects to any URL, and to the hub itself', async () => {
    await page.$eval('#url form button', (button) => (button as HTMLElement).click())
    await untilStates('url', '1')
    await page.$eval('#hub .primary', (button) => (button as HTMLElement).click())
    await untilStates('hub', '1')
    await page.$eval('#hub form button', (button) => (button as HTMLElement).click())
    await untilBoth('hub', 'event', /Hello/)
    const click = (selector: string) => page.$eval(selector, (button) => (button as HTMLElement).click())
    await click('#hub .controls button:last-child')
    await untilStates('hub', '2')
    // What is published meanwhile is there when they come back, and nothing else.
    const [topic] = await page.$$eval('#hub input', (inputs) => inputs.map(({ value }) => value))
    const body = new URLSearchParams({ topic: topic!, data: 'meanwhile' })
    await fetch(`${server.url}/.well-known/mercure`, { method: 'POST', body })
    await click('#hub .primary')
    await untilBoth('hub', 'event', /meanwhile/)
    const events = (await feed('hub', 'ours')).filter(({ kind }) => kind === 'event')
    expect(events).toHaveLength(1)
  })

  test('speaks Korean when it is asked to', async () => {
    await page.$eval('.languages a[lang=ko]', (link) => (link as HTMLElement).click())
    await page.waitForFunction(() => document.documentElement.lang === 'ko')
    expect(await page.title()).toBe('Server-Sent Events 배우기')
    expect(page.url()).toContain('lang=ko')
    await page.$eval('.languages a[lang=en]', (link) => (link as HTMLElement).click())
  })

  test('is started by keyboard alone', async () => {
    await page.focus('#receive .primary')
    await page.keyboard.press('Enter')
    await untilBoth('receive', 'event', /Message 1/)
  })

  /** Firefox cannot be told by its protocol that it is dark. */
  const schemes = name === 'Chromium' ? ['light', 'dark'] : ['light']

  test.each(
    schemes.flatMap((scheme) => [
      [`wide and ${scheme}`, 1280, scheme] as const,
      [`on a phone, ${scheme}`, 375, scheme] as const,
    ]),
  )('has no violation that axe finds, %s', async (_, width, scheme) => {
    if (name === 'Chromium') await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
    await page.setViewport({ width, height: 900 })
    await page.evaluate(axe)
    const found = await page.evaluate(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))',
    )
    expect(found).toEqual([])
    const [content, window] = (await page.evaluate(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    )) as [number, number]
    expect(content, 'nothing is wider than the screen').toBeLessThanOrEqual(window)
  })
})

test('the page in WebKit breaks a stream and heals it, for both objects', async () => {
  const hub = await createHub({ store: createMemoryStore() })
  const server = await hub.listen({ host: '127.0.0.1', port: 0, learn: true })
  const browser = await launchBrowser('WebKit')
  try {
    const page = await browser.newPage()
    await page.goto(`${server.url}/learn/?lang=en`)
    await page.waitForFunction(`document.querySelector('#ids .primary')`, { timeout: 60_000 })
    await page.evaluate(`document.querySelector('#ids .primary').click()`)
    await page.waitForFunction(
      `[...document.querySelectorAll('#ids .feed')].filter(({ textContent }) => /Last-Event-ID: 3.*Message 4/s.test(textContent)).length === 2`,
      { timeout: 60_000 },
    )
  } finally {
    await browser.close()
    await server.close({ deadlineMs: 100 })
  }
})
