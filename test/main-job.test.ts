import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchBrowser } from '../conformance/runners/browser.ts'
import { freePort } from '../conformance/runners/free-port.ts'
import { Network } from '../conformance/runners/network.ts'
import { listed, texts, untilConnection, untilListed, waitFor } from './dashboard-page.ts'
import { publish as publishOn, serve as serveWith } from './running-hub.ts'

const serve = (listen: string) => serveWith('--store', 'memory:', '--listen', listen)
const publish = (hub: URL, data: string) => publishOn(hub, { topic: 'log', data })

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

    await page.goto(`http://127.0.0.1:${network.port}/?view=events`)
    await untilConnection(page, 'live')
    await openNative(page)
    ids.push(await publish(hub.url, 'live'))
    await untilListed(page, 2)
    await untilNativeSaw(page, 'live')

    await network.cut()
    await waitFor(page, `document.querySelector('.rows .lost') !== null`)
    for (const data of ['missed 1', 'missed 2', 'missed 3']) ids.push(await publish(hub.url, data))

    await network.restore()
    await untilConnection(page, 'live')
    ids.push(await publish(hub.url, 'live again'))
    await untilListed(page, 6)
    await untilNativeSaw(page, 'live again')

    const expected = ['before the page was opened', 'live', 'missed 1', 'missed 2', 'missed 3', 'live again']
    expect(await listed(page)).toEqual(expected)
    const notes = (await texts(page, '.rows .note')).reverse()
    expect(notes[0]).toMatch(/ Connection lost: /)
    expect(notes[1]).toMatch(/ Connected again after [\d.]+ s, resuming after position 2\./)
    expect(notes).toHaveLength(2)
    expect(await page.evaluate('nativeSeen')).toEqual(expected.map((data, index) => [data, ids[index]]))
    await network.cut()
  })

  it('says that there is a gap when the hub was killed and, without a store on disk, began a new history', async () => {
    const hub = await serve(`127.0.0.1:${await freePort()}`)
    await page.goto(new URL('/?view=events', hub.url).href)
    await untilConnection(page, 'live')
    await openNative(page)
    await publish(hub.url, 'of the first history')
    await untilListed(page, 1)

    await hub.kill('SIGKILL')
    await waitFor(page, `document.querySelector('.rows .lost') !== null`)
    const again = await serve(hub.url.host)
    await untilConnection(page, 'live')
    await publish(again.url, 'of the second history')
    await untilListed(page, 2)
    await untilNativeSaw(page, 'of the second history')

    expect((await texts(page, '.rows .skip'))[0]).toContain('Gap: the hub began a new history.')
    expect(await listed(page)).toEqual(['of the first history', 'of the second history'])
  })
})
