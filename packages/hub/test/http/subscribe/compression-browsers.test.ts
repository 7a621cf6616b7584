import { expect, onTestFinished, test } from 'vitest'
import { browserNames } from '../../../../../conformance/runners/browser.ts'
import { describeInBrowser } from '../../../../../conformance/runners/describe-in-browser.ts'
import { Network } from '../../../../../conformance/runners/network.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { serve } from '../serve-hub.ts'

const large = JSON.stringify({ text: 'as it may be compressed '.repeat(200) })

for (const browserName of browserNames) {
  describeInBrowser(`the EventSource of ${browserName}`, browserName, (browser) => {
    test('shows each event of a compressed stream as soon as it is published, and resumes where it was cut off', async () => {
      const session = { retryMs: 10, drainSpreadMs: 0 }
      const { hub, server, store, url } = await serve({ session })
      const port = Number(new URL(url).port)
      const network = await Network.to(port)
      onTestFinished(() => network.cut())
      const page = await browser().newPage()
      await page.goto(`http://127.0.0.1:${network.port}/healthz`)
      await page.evaluate(`(() => {
        globalThis.events = []
        globalThis.source = new EventSource('/.well-known/mercure?match=a')
        source.onmessage = ({ data }) => events.push(data)
      })()`)
      await page.waitForFunction('source.readyState === EventSource.OPEN', { timeout: 60_000 })
      const received = async (count: number) => {
        await page.waitForFunction(`events.length >= ${count}`, { timeout: 60_000 })
        return page.evaluate('events')
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
      const codings = network.received.match(/(?<=^content-encoding: ).*(?=\r\n)/gim)
      expect(codings).toEqual(['gzip', 'gzip'])
    })
  })
}
