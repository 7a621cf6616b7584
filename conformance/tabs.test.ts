import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchBrowser } from './runners/browser.ts'
import { describeInstalled } from './runners/describe-installed.ts'
import { installed } from './runners/runtimes.ts'
import { NumbersServer } from './tabs/numbers-server.ts'
import { knowsProcesses, processOfPage } from './tabs/page-process.ts'

/** Firefox's own default; Chromium's is no setting. */
const CONNECTIONS = 6
const TABS = 12

for (const name of ['Chromium', 'Firefox'] as const) {
  describeInstalled(`tabs in ${name}`, name === 'Chromium' ? installed.chromium : installed.firefox, () => {
    describe(`tabs in ${name}, on HTTP/1.1`, () => describeTabs(name))
  })
}

function describeTabs(name: 'Chromium' | 'Firefox'): void {
  let browser: Browser
  let server: NumbersServer
  let pages: Page[]

  beforeAll(async () => {
    browser = await launchBrowser(name, CONNECTIONS)
  }, 180_000)
  afterAll(() => browser?.close())
  beforeEach(async () => {
    server = await NumbersServer.start()
    pages = []
  })
  afterEach(async () => {
    await Promise.all(pages.map((page) => page.close().catch(() => {})))
    await server.stop()
  })

  it('seven plain connections hang: the seventh stays CONNECTING until another one closes', async () => {
    // The pages first: the seventh page would not load either.
    for (let count = 0; count <= CONNECTIONS; count++) await load()
    for (const page of pages) await run(page, `globalThis.tab = openTab('/events', { isShared: false })`)
    await expect.poll(() => server.streams).toBe(CONNECTIONS)
    server.publish()
    const states = async () => await Promise.all(pages.map((page) => run(page, 'tab.source.readyState')))
    await expect.poll(async () => (await states()).filter((state) => state === 1)).toHaveLength(CONNECTIONS)
    // Not a word: no event, no error.
    const hanging = pages[(await states()).indexOf(0)]!
    expect(await run(hanging, 'tab.seen')).toEqual([])

    await run(pages.find((page) => page !== hanging)!, 'tab.source.close()')
    await until(hanging, 'tab.source.readyState === 1')
  })

  it('twelve shared tabs get every event once and in order, whatever happens to the one that leads', async () => {
    await openTabs()
    server.publish(3)
    await untilAllSaw(pages)
    expect(server.streams).toBe(1)
    expect(server.mostStreams).toBe(1)

    // The leader's page is closed.
    const first = await leader()
    pages.splice(pages.indexOf(first), 1)
    await first.close()
    server.publish(3)
    await untilAllSaw(pages)
    expect(await leader()).not.toBe(first)
    expect(server.streams).toBe(1)

    // The leader closes its source, and stays.
    const second = await leader()
    await run(second, 'tab.source.close()')
    const before = await run(second, 'tab.seen')
    const others = pages.filter((page) => page !== second)
    server.publish(3)
    await untilAllSaw(others)
    expect(await run(second, 'tab.seen')).toEqual(before)

    // The server restarts, and events are published meanwhile.
    await server.stop()
    server.publish(5)
    await Promise.all(others.map((page) => until(page, `tab.source.readyState === 0`)))
    await server.listen()
    server.publish(2)
    await untilAllSaw(others)
    expect(server.streams).toBe(1)

    // Late, and with an ID of its own: what came after it, then the same as all.
    const late = await load()
    await run(late, `globalThis.tab = openTab('/events', { isShared: true, lastEventId: '4' })`)
    await until(late, `tab.events.at(-1) === ${server.last}`)
    expect(await run(late, 'tab.events')).toEqual(numbers(5, server.last))

    // A worker is one more tab.
    const workerSaw = `new Promise((resolve) => {
      const script = "import { openTab } from '${server.origin}/tabs.js';"
        + "const tab = openTab('${server.origin}/events', { isShared: true, lastEventId: '1' });"
        + "tab.source.addEventListener('message', ({ data }) => data === '${server.last}' && postMessage(tab.events))"
      const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })), { type: 'module' })
      worker.onmessage = ({ data }) => resolve(data)
    })`
    expect(await run(late, workerSaw)).toEqual(numbers(2, server.last))
    await expect.poll(() => server.streams).toBe(1)

    // The end is final for all.
    server.finish()
    await Promise.all([...others, late].map((page) => until(page, 'tab.source.readyState === 2')))
    expect(server.streams).toBe(0)
  })

  it('another tab takes over from one that goes to another page, and comes back with nothing missing', async () => {
    await openTabs(3)
    server.publish(3)
    await untilAllSaw(pages)
    const leaving = await leader()
    await leaving.goto(`${server.origin}/elsewhere`)
    const others = pages.filter((page) => page !== leaving)
    server.publish(3)
    await untilAllSaw(others)
    expect(server.streams).toBe(1)
    await leaving.goBack()
    // Kept as it was, or loaded anew.
    if (await run(leaving, 'globalThis.tab !== undefined')) {
      server.publish()
      await untilAllSaw(pages)
    }
    await expect.poll(() => server.streams).toBe(1)
  })

  it('every tab closes itself only, and the connection goes with the last one', async () => {
    await openTabs(3)
    for (const page of [...pages]) {
      expect(server.streams).toBe(1)
      await run(page, 'tab.source.close()')
      pages.splice(pages.indexOf(page), 1)
      server.publish()
      await untilAllSaw(pages)
      await page.close()
    }
    await expect.poll(() => server.streams).toBe(0)
  })

  if (name === 'Firefox') {
    const title = 'another tab takes over from one whose process is killed'
    if (!knowsProcesses) console.log(`skipped: ${title}, because there is no /proc to find it by`)
    it.skipIf(!knowsProcesses)(title, async () => {
      await openTabs()
      server.publish(3)
      await untilAllSaw(pages)
      process.kill(await processOfPage(browser, await leader()), 'SIGKILL')
      server.publish(3)
      // Pages of one site may share a process.
      const isAlive = (page: Page) => run(page, 'true').catch(() => false)
      let living: Page[] = []
      await expect
        .poll(async () => {
          const alive = await Promise.all(pages.map(isAlive))
          living = pages.filter((_, index) => alive[index])
          return living.length
        })
        .toBeLessThan(TABS)
      expect(living.length).toBeGreaterThan(0)
      await untilAllSaw(living)
      // Firefox keeps the socket of the process that is gone.
      expect(server.opened).toBe(2)
    })
  }

  if (name === 'Chromium') {
    it('another tab takes over from one that crashes', async () => {
      await openTabs()
      server.publish(3)
      await untilAllSaw(pages)
      const dead = new Set<Page>()
      // Pages of one site may share a process.
      for (const page of pages) page.on('error', () => dead.add(page))
      const crashing = await leader()
      const session = await crashing.createCDPSession()
      void session.send('Page.crash').catch(() => {})
      await expect.poll(() => dead.has(crashing)).toBe(true)
      server.publish(3)
      const living = pages.filter((page) => !dead.has(page))
      expect(living.length).toBeGreaterThan(0)
      await untilAllSaw(living)
      expect(server.streams).toBe(1)
    })

    it('another tab takes over from one that is frozen, which misses nothing when it is thawed', async () => {
      await openTabs()
      server.publish(3)
      await untilAllSaw(pages)
      const frozen = await leader()
      const session = await frozen.createCDPSession()
      await session.send('Page.setWebLifecycleState', { state: 'frozen' })
      const others = pages.filter((page) => page !== frozen)
      server.publish(3)
      await untilAllSaw(others)
      expect(await leader(others)).not.toBe(frozen)
      expect(server.streams).toBe(1)
      server.publish(3)
      await untilAllSaw(others)
      await session.send('Page.setWebLifecycleState', { state: 'active' })
      await untilAllSaw(pages)
      server.publish(3)
      await untilAllSaw(pages)
      await expect.poll(() => server.streams).toBe(1)
    })

    it('another tab takes over from one whose script hangs, and that one misses nothing', async () => {
      await openTabs(3)
      server.publish(3)
      await untilAllSaw(pages)
      const hanging = await leader()
      const others = pages.filter((page) => page !== hanging)
      // Nothing tells it before: its lock has to be taken away. It goes on when another one leads.
      const hung = run(
        hanging,
        `(() => {
          const request = () => {
            const http = new XMLHttpRequest()
            http.open('GET', '/streams', false)
            http.send()
            return Number(http.responseText)
          }
          const before = request()
          while (request() === before);
        })()`,
      )
      await expect.poll(() => server.opened).toBe(2)
      server.publish(3)
      await hung
      await untilAllSaw(others)
      await untilAllSaw(pages)
      server.publish(3)
      await untilAllSaw(pages)
      await expect.poll(() => server.streams).toBe(1)
    })
  }

  it('another tab takes the lock from one that no longer answers, and that one goes on as a follower', async () => {
    await openTabs(3)
    server.publish(3)
    await untilAllSaw(pages)
    const mute = await leader()
    await run(mute, 'globalThis.post = BroadcastChannel.prototype.postMessage')
    await run(mute, 'void (BroadcastChannel.prototype.postMessage = () => {})')
    await expect.poll(() => server.opened).toBe(2)
    await expect.poll(() => server.streams).toBe(1)
    server.publish(3)
    await run(mute, 'void (BroadcastChannel.prototype.postMessage = globalThis.post)')
    await untilAllSaw(pages)
    await expect.poll(() => run(mute, 'tab.roles.at(-1)')).toBe('follower')
    expect(server.streams).toBe(1)
  })

  async function load(): Promise<Page> {
    const page = await browser.newPage()
    pages.push(page)
    await page.goto(server.origin)
    await until(page, 'globalThis.openTab !== undefined')
    return page
  }

  async function openTabs(count = TABS): Promise<void> {
    for (let index = 0; index < count; index++) {
      const page = await load()
      await run(page, `globalThis.tab = openTab('/events', { isShared: true })`)
      await until(page, 'tab.source.readyState === 1')
    }
  }

  /** The page that has the connection. */
  async function leader(among = pages): Promise<Page> {
    let found: Page | undefined
    await expect
      .poll(async () => {
        const roles = await Promise.all(among.map((page) => run(page, 'tab.roles.at(-1)')))
        found = among[roles.indexOf('leader')]
        return found !== undefined
      })
      .toBe(true)
    return found!
  }

  /** Waits until pages saw the last event, and checks that they saw each one before it once. */
  async function untilAllSaw(among: Page[]): Promise<void> {
    for (const page of among) {
      await expect.poll(() => run(page, 'tab.events.at(-1)')).toBe(server.last)
      expect(await run(page, 'tab.events')).toEqual(numbers(1, server.last))
    }
  }
}

function run(page: Page, expression: string): Promise<unknown> {
  return page.evaluate(expression)
}

/** Not as a browser's own wait, which stands still in a page in the background. */
async function until(page: Page, condition: string): Promise<void> {
  await expect.poll(() => run(page, condition)).toBe(true)
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
