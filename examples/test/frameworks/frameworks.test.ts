import { events } from '@headwater/sse/client'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { launchBrowser } from '../../../conformance/runners/browser.ts'
import { installed, reasonToSkip } from '../../../conformance/runners/runtimes.ts'
import { Relay } from '../relay.ts'
import { frameworks } from './frameworks.ts'
import { type BuiltExample, buildExample, NotInstallable } from './install.ts'
import { freePort, RunningExample } from './running.ts'

// `npm run test:frameworks` names those to run; `npm test` runs those that build in seconds.
const chosen = process.env.HEADWATER_FRAMEWORKS?.split(',') ?? ['h3', 'elysia', 'nest', 'sveltekit']

let browser: Browser
const noBrowser = reasonToSkip(installed.chromium)
beforeAll(async () => {
  if (!noBrowser) browser = await launchBrowser('Chromium')
})
afterAll(() => browser?.close())

describe.each(frameworks.filter(({ name }) => chosen.includes(name)))('the example for $name', (framework) => {
  const { name } = framework
  let reason = noBrowser ?? (framework.bun && reasonToSkip(framework.bun))
  let built: BuiltExample
  let port: number
  let running: RunningExample
  let relay: Relay
  let page: Page
  let listener: Listener
  const printed: string[] = []
  const pageErrors: string[] = []

  beforeAll(async () => {
    if (!reason) {
      try {
        built = await buildExample(framework)
      } catch (error) {
        if (!(error instanceof NotInstallable)) throw error
        reason = error.message
      }
    }
    if (reason) return console.log(`The example for ${name} is not tested: ${reason}.`)
    port = await freePort()
    running = await RunningExample.start(built, port)
    relay = await Relay.to(port)
    page = await browser.newPage()
    page.on('pageerror', (error) => pageErrors.push(String(error)))
  }, 900_000)

  beforeEach(({ skip }) => {
    if (reason) skip(reason)
  })

  afterAll(async () => {
    listener?.close()
    await page?.close()
    relay?.close()
    running?.kill()
    if (built) console.log(`${name}: installed in ${built.installSeconds} s, built in ${built.buildSeconds} s`)
  })

  /** Asks the server to stop, while streams are open, and waits until it has. */
  async function stop(): Promise<void> {
    const { how, seconds } = await running.stop()
    console.log(`${name}: ended with ${how} after ${seconds.toFixed(1)} s`)
    printed.push(...running.output)
    expect(how).toBe(framework.exitCode ?? 0)
  }

  /** Writes a note past the relay, so that it works while the readers are cut off. */
  async function write(text: string, path = '/api/notes'): Promise<string> {
    const response = await fetch(new URL(path, running.origin), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
    })
    expect(response.status).toBe(201)
    return ((await response.json()) as { id: string }).id
  }

  /** What the page shows, from top to bottom, as soon as it shows so much. */
  async function shown(count: number): Promise<(string | null)[]> {
    await page.waitForFunction((n) => document.querySelectorAll('#lines li').length >= n, {}, count)
    return page.$$eval('#lines li', (items) => items.map(({ textContent }) => textContent))
  }

  const showsState = (state: string) =>
    page.waitForFunction((s) => document.querySelector('#state')?.textContent === s, {}, state)
  const showsReaders = (count: number) =>
    page.waitForFunction((n) => document.querySelector('#readers')?.textContent === String(n), {}, count)

  test('shows a page whose events come through our client', async () => {
    await page.goto(`http://localhost:${relay.port}`)
    await showsState('open')
    await showsReaders(1)
    await page.type('input[name=text]', 'héllo from the page')
    await page.click('button')
    expect(await shown(1)).toEqual(['héllo from the page'])
  })

  test('notices a reader that comes, and one that leaves', async () => {
    listener = new Listener(`http://localhost:${relay.port}/api/events`)
    await showsReaders(2)
    const other = new Listener(`http://localhost:${relay.port}/api/events`)
    await showsReaders(3)
    other.close()
    await showsReaders(2)
  })

  test('brings each reader, when the network comes back, exactly what it missed', async () => {
    relay.cut()
    const ids = [await write('missed 1'), await write('missed 2')]
    await shown(3)
    await listener.has(2)
    ids.push(await write('live'))
    expect(await shown(4)).toEqual(['live', 'missed 2', 'missed 1', 'héllo from the page'])
    await listener.has(3)
    expect(listener.notes).toEqual(['missed 1', 'missed 2', 'live'].map((text, i) => ({ text, id: ids[i] })))
  })

  test.runIf(framework.observable)('pipes an Observable', async () => {
    const stream = events<{ clock: Date }>(`${running.origin}${framework.observable}`, {
      parse: { clock: (data) => new Date(JSON.parse(data)) },
    })
    const { value } = await stream.next()
    expect(value).toEqual({ type: 'clock', data: expect.any(Date), lastEventId: '' })
    stream.close()
  })

  test('stops when asked to, while its readers wait to come back to the next', async () => {
    await stop()
    await showsState('waiting')
    running = await RunningExample.start(built, port)
    await showsState('open')
    // The history is in memory: the page says that part of it is gone.
    expect((await shown(5))[0]).toBe('Some notes from before are gone.')
    await write('to the next process')
    expect((await shown(6))[0]).toBe('to the next process')
  })

  test.runIf(framework.hasHub)(
    'replays from the disk, after a restart, exactly what a reader of the hub missed',
    async () => {
      await page.goto(`http://localhost:${relay.port}/hub`)
      await showsState('open')
      listener.close()
      listener = new Listener(`http://localhost:${relay.port}/api/hub?match=notes`)
      await listener.isOpen
      const ids = [await write('before', '/api/hub-notes')]
      await listener.has(1)
      await shown(1)
      relay.cut()
      ids.push(await write('while nobody reads', '/api/hub-notes'))
      await stop()
      running = await RunningExample.start(built, port)
      ids.push(await write('after', '/api/hub-notes'))
      await listener.has(3)
      const texts = ['before', 'while nobody reads', 'after']
      expect(listener.notes).toEqual(texts.map((text, i) => ({ text, id: ids[i] })))
      expect(await shown(3)).toEqual(texts.toReversed())
    },
  )

  test('had nothing to complain of', () => {
    expect([...printed, ...running.output].filter((line) => /error|warn|fail/i.test(line))).toEqual([])
    expect(pageErrors).toEqual([])
  })

  test('works in development, where Ctrl-C ends it', async ({ skip }) => {
    if (!built.develop) skip('its development server is its server')
    listener.close()
    await running.interrupt()
    running = await RunningExample.develop(built, built.develop!, port)
    await page.goto(`http://localhost:${relay.port}`)
    await showsState('open')
    await showsReaders(1)
    await page.type('input[name=text]', 'in development')
    await page.click('button')
    expect(await shown(1)).toEqual(['in development'])
    await running.interrupt()
  })
})

/** A reader in this process. */
class Listener {
  readonly notes: { text: string; id: string }[] = []
  readonly isOpen: Promise<void>
  readonly #stream
  #heard = () => {}

  constructor(url: string) {
    let opened = () => {}
    this.isOpen = new Promise((resolve) => {
      opened = resolve
    })
    this.#stream = events<{ note: { text: string } }>(url, {
      parse: { note: JSON.parse },
      retry: {},
      onOpen: () => opened(),
    })
    this.#listen()
  }

  async has(count: number): Promise<void> {
    while (this.notes.length < count) await new Promise<void>((resolve) => (this.#heard = resolve))
  }

  close(): void {
    this.#stream.close()
  }

  async #listen(): Promise<void> {
    for await (const { type, data, lastEventId } of this.#stream) {
      if (type !== 'note') continue
      this.notes.push({ text: data.text, id: lastEventId })
      this.#heard()
    }
  }
}
