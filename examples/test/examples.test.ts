import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { EventSource } from '@headwater/sse/client'
import { build } from 'esbuild'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser } from '../../conformance/runners/browser.ts'
import { installed, reasonToSkip } from '../../conformance/runners/runtimes.ts'
import { examples, RunningExample } from './example.ts'
import { Relay } from './relay.ts'

const reasonNotToBrowse = reasonToSkip(installed.chromium)
let browser: Browser
let clientScript: string

beforeAll(async () => {
  const certificate = readFileSync(new URL('../http2/localhost-certificate.pem', import.meta.url), 'utf8')
  setDefaultCACertificates([...getCACertificates(), certificate])
  const { outputFiles } = await build({
    stdin: { contents: `export { EventSource } from '@headwater/sse/client'`, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'iife',
    globalName: 'Headwater',
    write: false,
  })
  clientScript = outputFiles[0]?.text as string
  browser = await launchBrowser('Chromium')
})

afterAll(() => browser?.close())

for (const example of examples) {
  const reason = reasonToSkip(example.runtime) ?? reasonNotToBrowse
  if (reason) console.log(`The example ${example.name} is not tested: ${reason}.`)

  describe.skipIf(reason)(`the example ${example.name}`, () => {
    const { events = '/events' } = example
    let running: RunningExample
    let relay: Relay
    let origin: string
    let page: Page
    let inNode: Received[]
    let source: EventSource
    const ids: string[] = []

    beforeAll(async () => {
      running = await RunningExample.start(example)
      relay = await Relay.to(Number(running.url.port))
      origin = `${running.url.protocol}//localhost:${relay.port}`
      page = await newPage(browser)
    })

    afterAll(async () => {
      source?.close()
      await page?.close()
      relay?.close()
      running?.kill()
    })

    /** Publishes past the relay, so that it works while the listeners are cut off. */
    async function post(text: string): Promise<void> {
      const response = await fetch(new URL('/messages', running.url), { method: 'POST', body: text })
      expect(response.status).toBe(201)
      ids.push(((await response.json()) as { id: string }).id)
    }

    /** What the native object and ours in the page, and ours here, have received. */
    async function everyoneHas(count: number): Promise<Received[][]> {
      await page.waitForFunction((n) => received.native.length >= n && received.ours.length >= n, {}, count)
      while (inNode.length < count)
        await new Promise((resolve) => source.addEventListener('message', resolve, { once: true }))
      const { native, ours } = await page.evaluate(() => received)
      return [native, ours, inNode]
    }

    test('serves a page that shows the clock, by the native EventSource', async () => {
      await page.goto(origin)
      await page.waitForSelector('#state[data-state="open"]')
      await page.waitForFunction(() => /\d/.test(document.querySelector('#clock')?.textContent ?? ''))
    })

    test('brings what the page sends to the native EventSource, to ours, and to ours in Node', async () => {
      await page.addScriptTag({ content: clientScript })
      await page.evaluate(listenInPage, events)
      inNode = []
      source = new EventSource(`${origin}${events}`)
      source.onmessage = ({ data, lastEventId }) => inNode.push({ data, lastEventId })
      await new Promise((resolve) => source.addEventListener('clock', resolve, { once: true }))

      await page.type('input[name=text]', 'héllo from the page')
      await page.click('button')
      const [native, ours, node] = await everyoneHas(1)
      expect(native).toMatchObject([
        { data: 'héllo from the page', lastEventId: expect.stringMatching(/^[0-9a-z]+(\.[0-9a-z]+){1,2}$/) },
      ])
      expect(ours).toEqual(native)
      expect(node).toEqual(native)
    })

    test('brings each of them, when the network comes back, exactly what it missed', async () => {
      relay.cut()
      await post('missed 1')
      await post('missed 2')
      const all = await everyoneHas(3)
      await post('live')
      for (const received of [...all, ...(await everyoneHas(4))]) {
        expect(received.slice(1, 4)).toEqual(
          ['missed 1', 'missed 2', 'live']
            .slice(0, received.length - 1)
            .map((data, i) => ({ data, lastEventId: ids[i] })),
        )
      }
      const shown = await page.$$eval('#messages li', (items) => items.map(({ textContent }) => textContent).reverse())
      expect(shown).toEqual(['héllo from the page', 'missed 1', 'missed 2', 'live'])
    })

    if (example.name === 'http2') {
      test('reaches the browser over HTTP/2', async () => {
        const protocols = await page.evaluate(() => [
          performance.getEntriesByType('navigation')[0]?.toJSON().nextHopProtocol,
          ...performance.getEntriesByType('resource').map((entry) => entry.toJSON().nextHopProtocol),
        ])
        expect(new Set(protocols)).toEqual(new Set(['h2']))
      })
    }

    // A Worker is not told when it stops.
    if (example.name !== 'workerd') {
      test('stops when asked to, while its clients wait to come back', async () => {
        expect(await running.stop()).toBe(0)
        await page.waitForSelector('#state[data-state="reconnecting"]')
        expect(source.readyState).toBe(EventSource.CONNECTING)
      })
    }

    test('had nothing to complain of', () => {
      expect(running.complaints).toEqual([])
    })
  })
}

interface Received {
  data: string
  lastEventId: string
}

declare global {
  /** In the page. */
  var received: { native: Received[]; ours: Received[] }
  var Headwater: { EventSource: typeof globalThis.EventSource }
}

async function newPage(browser: Browser): Promise<Page> {
  // The certificate of the http2 example is nobody's.
  const page = await browser.newPage()
  const session = await page.createCDPSession()
  await session.send('Security.setIgnoreCertificateErrors', { ignore: true })
  return page
}

/** Runs in the page: listens with the native object and with ours, until both are open. */
function listenInPage(events: string): Promise<unknown> {
  globalThis.received = { native: [], ours: [] }
  const listen = (Source: typeof EventSource, into: Received[]) => {
    const source = new Source(events)
    source.onmessage = ({ data, lastEventId }) => into.push({ data, lastEventId })
    return new Promise((resolve) => source.addEventListener('clock', resolve, { once: true }))
  }
  return Promise.all([
    listen(globalThis.EventSource as unknown as typeof EventSource, globalThis.received.native),
    listen(globalThis.Headwater.EventSource as unknown as typeof EventSource, globalThis.received.ours),
  ])
}
