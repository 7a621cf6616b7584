import { fileURLToPath } from 'node:url'
import { events as connect } from '@headwater/sse/client'
import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser } from '../../conformance/runners/browser.ts'
import { installed, reasonToSkip } from '../../conformance/runners/runtimes.ts'
import { events } from '../typed/events.ts'
import { RunningExample } from './example.ts'

const reason = reasonToSkip(installed.chromium)
if (reason) console.log(`The example typed is not tested: ${reason}.`)

describe.skipIf(reason)('the example typed', () => {
  let running: RunningExample
  let browser: Browser

  beforeAll(async () => {
    const prepare = () => [fileURLToPath(new URL('../typed/server.ts', import.meta.url))]
    running = await RunningExample.start({ name: 'typed', runtime: installed.node24, prepare })
    browser = await launchBrowser('Chromium')
  })

  afterAll(async () => {
    await browser?.close()
    running?.kill()
  })

  const say = (room: string, body: object) =>
    fetch(new URL(`/said?room=${room}`, running.url), { method: 'POST', body: JSON.stringify(body) })

  test('gives a page and a program the same values, in order, of their room and of everybody', async () => {
    const page = await browser.newPage()
    await page.goto(new URL('/?room=blue&name=Ann', running.url).href)
    // The time of the clock comes as a Date, and says that the page is subscribed.
    await page.waitForFunction(() => /\d:\d/.test(document.title))
    const stream = connect(new URL('/events?room=blue&name=Bob', running.url), { events })
    const first = await stream.next()
    expect(first.value).toMatchObject({ type: 'clock', data: { at: expect.any(Date) } })
    await say('red', { by: 'Eve', words: 'in another room' })
    await say('blue', { by: 'Bob', words: 'hello' })
    await say('blue', { by: 'Ann', words: 'hello, Bob' })
    for await (const event of stream) {
      if (event.type !== 'said') continue
      // Not its own words, and none of the other room.
      expect(event.data).toEqual({ by: 'Ann', words: 'hello, Bob' })
      break
    }
    await page.waitForFunction(() => document.querySelectorAll('li').length >= 2)
    const lines = await page.$$eval('li', (items) => items.map(({ textContent }) => textContent))
    expect(lines).toEqual(['Bob: hello', 'Bob is here.'])
    await page.close()
  })

  test('refuses what is not as the map says, with the reason', async () => {
    const response = await say('blue', { by: 'Ann' })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('"said"')
  })
})
