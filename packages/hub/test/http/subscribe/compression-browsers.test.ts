import type { Page } from 'puppeteer-core'
import { expect, test } from 'vitest'
import type { BrowserName } from '../../../../../conformance/runners/browser.ts'
import { describeInBrowser } from '../../../../../conformance/runners/describe-in-browser.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { serve } from '../serve-hub.ts'

const large = JSON.stringify({ text: 'as it may be compressed '.repeat(200) })

for (const browserName of ['Chromium', 'Firefox'] satisfies BrowserName[]) {
  describeInBrowser(`the EventSource of ${browserName}`, browserName, (browser) => {
    test('shows each event of a compressed stream as soon as it is published, and resumes where it was cut off', async () => {
      const codings: (string | undefined)[] = []
      const session = { retryMs: 10, drainSpreadMs: 0 }
      const { hub, server, store, url } = await serve({ session })
      const port = Number(new URL(url).port)
      const page: Page = await browser().newPage()
      page.on('response', (response) => {
        if (response.url().includes('match=')) codings.push(response.headers()['content-encoding'])
      })
      await page.goto(`${server.url}/healthz`)
      await page.evaluate((streamUrl) => {
        const events: string[] = []
        const source = new EventSource(streamUrl)
        source.onmessage = ({ data }) => events.push(data)
        Object.assign(globalThis, {
          events,
          source,
          opened: new Promise((resolve) => {
            source.onopen = resolve
          }),
        })
      }, `${url}?match=a`)
      await page.evaluate(() => (globalThis as unknown as { opened: Promise<unknown> }).opened.then(() => {}))
      const received = async (count: number): Promise<string[]> => {
        await page.waitForFunction(
          (expected) => (globalThis as unknown as { events: string[] }).events.length >= expected,
          { timeout: 60_000 },
          count,
        )
        return await page.evaluate(() => (globalThis as unknown as { events: string[] }).events)
      }
      // Each is waited for: what came together with the next would wait for ever.
      const expected: string[] = []
      for (const data of ['small', large, 'small', large]) {
        await hub.publish({ topic: 'a', data })
        expected.push(data)
        expect(await received(expected.length)).toEqual(expected)
      }

      await server.close({ deadlineMs: 100 })
      const next = await createHubCore({ store })
      await next.publish({ topic: 'a', data: large })
      await next.close()
      const second = await serve({ store, port, session })
      expected.push(large)
      expect(await received(expected.length)).toEqual(expected)
      await second.hub.publish({ topic: 'a', data: 'last' })
      expect(await received(expected.length + 1)).toEqual([...expected, 'last'])
      await expect.poll(() => codings).toEqual(['gzip', 'gzip'])
    })
  })
}
