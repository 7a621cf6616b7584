import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'puppeteer-core'
import { expect, onTestFinished, test } from 'vitest'
import { launchBrowser } from '../conformance/runners/browser.ts'
import { click, untilConnection, waitFor } from './dashboard-page.ts'
import { publish, serve } from './running-hub.ts'

// The pictures in the docs. `npm run pictures` writes them there; else they are taken, and left in .cache.
const root = fileURLToPath(new URL('..', import.meta.url))
const directory = join(root, process.env.HEADWATER_PICTURES ?? '.cache/pictures')

test('the pictures in the docs are of a running hub', async () => {
  const hub = await serve('--store', 'memory:', '--listen', '127.0.0.1:0')
  const left = new AbortController()
  const streams = ['match=orders&match=log', 'match=*', 'match_urlpattern=https://example.com/users/:id'].map(
    async (query) => {
      const { body } = await fetch(new URL(`/.well-known/mercure?${query}`, hub.url), { signal: left.signal })
      await body!.pipeTo(new WritableStream()).catch(() => {})
    },
  )
  onTestFinished(async () => {
    left.abort()
    await Promise.all(streams)
  })
  const browser = await launchBrowser('Chromium')
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  mkdirSync(directory, { recursive: true })

  await page.setViewport({ width: 1360, height: 1130 })
  await page.evaluateOnNewDocument(() => localStorage.setItem('headwater-steps', '["dismissed"]'))
  await page.goto(hub.url.href)
  await untilConnection(page, 'live')
  await publishFor(hub.url, 20_000)
  await waitFor(page, `document.querySelectorAll('.newest .row').length === 8`)
  await take(page, 'page')

  await page.setViewport({ width: 1360, height: 900 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  await page.goto(new URL('/?topic=orders', hub.url).href)
  await page.waitForSelector('.rows .row')
  await click(page, 'Raw stream')
  await waitFor(page, `document.querySelector('.bytes')?.textContent.includes('200')`)
  await publishFor(hub.url, 4000)
  await click(page, 'Pause')
  await page.click('.rows .row')
  await page.waitForSelector('.wire')
  await take(page, 'page-event')

  await page.setViewport({ width: 390, height: 844 })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
  await page.goto(new URL('/?view=events', hub.url).href)
  await page.waitForSelector('.rows .row')
  await take(page, 'page-phone')
})

async function take(page: Page, name: string): Promise<void> {
  const picture = await page.screenshot({ path: join(directory, `${name}.png`) as `${string}.png` })
  // One with nothing on it takes a tenth of this.
  expect(picture.length).toBeGreaterThan(30_000)
}

/** Publishes as a shop would, in a steady rhythm, for a time. */
async function publishFor(hub: URL, milliseconds: number): Promise<void> {
  const topics = ['orders', 'https://example.com/books/1', 'https://example.com/users/42', 'log', 'chat/room-7']
  const end = Date.now() + milliseconds
  for (let n = 0; Date.now() < end; n++) {
    const topic = topics[[0, 1, 0, 2, 3, 0, 4][n % 7]!]!
    const order = { order: 4200 + n, customer: { id: n % 40, name: ['Ada', 'Grace', 'Edsger'][n % 3] }, items: ['tea'] }
    const data = topic === 'log' ? `GET /books/${n} 200 in ${3 + (n % 14)} ms` : JSON.stringify(order)
    await publish(hub, {
      topic,
      data,
      ...(topic === 'orders' && { type: n % 3 ? 'created' : 'paid' }),
      ...(n % 11 === 5 && { private: 'on' }),
    })
    if (n % 60 === 30) await fetch(new URL('/.well-known/mercure?nothing', hub))
    await new Promise((resolve) => setTimeout(resolve, 60 + 80 * Math.abs(Math.sin(n / 9))))
  }
}
