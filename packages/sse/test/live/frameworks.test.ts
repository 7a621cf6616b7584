import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { describeInBrowser } from '../../../../conformance/runners/describe-in-browser.ts'
import type { TestPage as Tab } from '../../../../conformance/runners/test-browser.ts'
import { createTestServer, cut, gap, replay, type Script } from '../../src/testing/index.ts'
import { bundlePage, frameworks } from './pages/bundle-page.ts'
import type { Props, Shown } from './pages/page.ts'

/** Real components, in a real browser, over real sockets: one contract for the bindings of all frameworks. */
for (const framework of frameworks) {
  describeInBrowser(`useEvents of ${framework}`, 'Chromium', (browser) => {
    let pages: Server
    let origin: string

    beforeAll(async () => {
      const script = await bundlePage(framework)
      pages = createServer(({ url }, response) => {
        const isScript = url === '/page.js'
        response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
        response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>')
      })
      await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
      origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`
    })
    afterAll(() => {
      pages?.closeAllConnections()
      pages?.close()
    })

    /** A page, and a server for its streams. */
    async function open(script: Script) {
      const server = await createTestServer(script)
      const tab = await browser().newPage()
      onTestFinished(async () => {
        await tab.close()
        await server.close()
      })
      await tab.goto(origin)
      await tab.waitForFunction('globalThis.page')
      return { server, page: new Components(tab) }
    }

    test('shows events, with one connection for two components, which closes after both have left', async () => {
      const { server, page } = await open(() => [{ data: 'a' }])
      await page.mount('one', { url: server.url, closeDelayMs: 0 })
      await page.mount('other', { url: server.url, closeDelayMs: 0 })
      await page.until('one', { state: 'open', data: ['a'], value: 1, last: 'a' })
      await page.until('other', { state: 'open', data: ['a'], value: 1, last: 'a' })
      const connection = await server.connection(1)
      await page.unmount('one')
      await connection.send({ data: 'b' })
      await page.until('other', { data: ['a', 'b'] })
      await page.unmount('other')
      await connection.closed
      expect(server.requests).toHaveLength(1)
    })

    test('keeps the connection, and what it brought, over a quick unmount and mount', async () => {
      const { server, page } = await open(() => [{ data: 'a' }])
      const props = { url: server.url, closeDelayMs: 60_000 }
      await page.mount('one', props)
      await page.until('one', { data: ['a'] })
      await page.unmount('one')
      await page.mount('again', props)
      await (await server.connection(1)).send({ data: 'b' })
      await page.until('again', { state: 'open', data: ['a', 'b'] })
      expect(server.requests).toHaveLength(1)
    })

    test('resumes a stream that is cut, without losing or doubling an event, until it is complete', async () => {
      const rows = Array.from({ length: 30 }, (_, n) => ({ data: `${n + 1}`, id: `${n + 1}` }))
      let upTo = 0
      const { server, page } = await open(() => {
        upTo += 10
        return upTo > 30 ? { status: 204 } : ['retry: 0\n\n', replay(rows.slice(0, upTo)), cut()]
      })
      await page.mount('one', { url: server.url })
      await page.until('one', { state: 'closed', data: rows.map(({ data }) => data), value: 30 })
      expect((await page.shown('one')).code).toBeUndefined()
    })

    test('shows why a lost connection is not there, and reconnects when told to', async () => {
      let isUp = false
      const { server, page } = await open(() => (isUp ? [{ data: 'a' }] : { status: 503 }))
      await page.mount('one', { url: server.url, retry: { reconnectionTimeMs: 3_000_000 } })
      await page.until('one', { state: 'connecting', code: 'UNEXPECTED_RESPONSE' })
      isUp = true
      await page.reconnect('one')
      await page.until('one', { state: 'open', data: ['a'] })
      expect((await page.shown('one')).code).toBeUndefined()
    })

    test('shows why a refused stream is closed, and a gap', async () => {
      const { server, page } = await open([
        { status: 401 },
        ['retry: 0\n\n', { data: 'a', id: '1' }, cut()],
        [gap(), { data: 'b' }],
      ])
      await page.mount('one', { url: server.url })
      await page.until('one', { state: 'closed', code: 'UNEXPECTED_RESPONSE', data: [] })
      await page.reconnect('one')
      await page.until('one', { state: 'open', data: ['a', 'b'], gap: 'trimmed' })
    })

    test('shows the stream of another URL, and leaves that of before', async () => {
      const { server, page } = await open(({ url }) => [{ data: new URL(url).pathname }])
      await page.mount('one', { url: `${server.url}a`, closeDelayMs: 0 })
      await page.until('one', { data: ['/a'] })
      await page.update('one', { url: `${server.url}b`, closeDelayMs: 0 })
      await page.until('one', { state: 'open', data: ['/b'], value: 1 })
      await (await server.connection(1)).closed
      expect((await server.connection(2)).isOpen).toBe(true)
    })

    test('closes while it is not enabled, keeps what it shows, and resumes', async () => {
      const rows = [1, 2, 3].map((n) => ({ data: `${n}`, id: `${n}` }))
      let upTo = 1
      const { server, page } = await open(() => [replay(rows.slice(0, upTo++))])
      await page.mount('one', { url: server.url, enabled: false })
      await page.until('one', { state: 'closed', data: [] })
      expect(server.requests).toHaveLength(0)
      await page.update('one', { url: server.url, enabled: true })
      await page.until('one', { state: 'open', data: ['1'] })
      await page.update('one', { url: server.url, enabled: false })
      await (await server.connection(1)).closed
      await page.until('one', { state: 'closed', data: ['1'] })
      await page.update('one', { url: server.url, enabled: true })
      await page.until('one', { state: 'open', data: ['1', '2'] })
      expect(server.requests.map(({ lastEventId }) => lastEventId)).toEqual(['', '1'])
    })

    test('calls the newest function of a component that is rendered again, without a new connection', async () => {
      const { server, page } = await open(() => ['retry: 0\n\n', { data: 'a' }])
      await page.mount('one', { url: server.url, token: 'old' })
      await page.until('one', { data: ['a'] })
      await page.update('one', { url: server.url, token: 'new' })
      await (await server.connection(1)).send({ data: 'b' })
      await page.until('one', { data: ['a', 'b'] })
      expect(server.requests).toHaveLength(1)
      await (await server.connection(1)).send(cut())
      expect((await server.request(2)).headers.authorization).toBe('new')
      expect(server.requests[0]?.headers.authorization).toBe('old')
    })

    test('renders much less often than events come', async () => {
      const { server, page } = await open(() => [])
      await page.mount('one', { url: server.url, keep: 5, batchMs: 250 })
      await page.until('one', { state: 'open' })
      const connection = await server.connection(1)
      for (let n = 1; n <= 100; n++) await connection.send(...Array.from({ length: 10 }, () => ({ data: `${n}` })))
      await page.until('one', { value: 1000, data: ['100', '100', '100', '100', '100'] })
      // In a quarter of a second each; StrictMode renders twice.
      expect(await page.renders('one')).toBeLessThan(500)
    })
  })
}

/** The components of a page, by their names. */
class Components {
  readonly #tab: Tab

  constructor(tab: Tab) {
    this.#tab = tab
  }

  async mount(name: string, props: Props): Promise<void> {
    await this.#tab.evaluate(`page.mount('${name}', ${JSON.stringify(props)})`)
  }

  async update(name: string, props: Props): Promise<void> {
    await this.#tab.evaluate(`page.update('${name}', ${JSON.stringify(props)})`)
  }

  async unmount(name: string): Promise<void> {
    await this.#tab.evaluate(`page.unmount('${name}')`)
  }

  async reconnect(name: string): Promise<void> {
    await this.#tab.evaluate(`page.reconnect.${name}()`)
  }

  async renders(name: string): Promise<number> {
    return (await this.#tab.evaluate(`page.renders.${name}`)) as number
  }

  async shown(name: string): Promise<Shown> {
    return (await this.#tab.evaluate(`page.shown('${name}')`)) as Shown
  }

  /** Resolves once the component shows this, whatever else it shows. */
  async until(name: string, expected: Partial<Shown>): Promise<void> {
    await expect.poll(() => this.shown(name)).toMatchObject(expected)
  }
}
