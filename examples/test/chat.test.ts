import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launchBrowser } from '../../conformance/runners/browser.ts'
import { freePort } from '../../conformance/runners/free-port.ts'
import { Network } from '../../conformance/runners/network.ts'
import { installed, reasonToSkip } from '../../conformance/runners/runtimes.ts'
import { wordsFor } from '../chat/model.ts'

const reason = reasonToSkip(installed.chromium) ?? reasonToSkip(installed.firefox)
if (reason) console.log(`The example chat is not tested: ${reason}.`)

/** The example's server, killed and started again in the same place. */
class ChatServer {
  /** The process that answers now, as the server says. */
  producer = 0
  /** How many processes it has started to answer. */
  producers = 0
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess | undefined
  log = ''

  readonly port: number

  constructor(port: number, data: string) {
    this.port = port
    this.#env = { ...process.env, PORT: String(port), DATA: data, PAUSE_MS: '80' }
  }

  async start(): Promise<void> {
    const file = fileURLToPath(new URL('../chat/server.ts', import.meta.url))
    const child = spawn(installed.node24.path, [file], { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stderr.on('data', (text) => {
      this.log += text
    })
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => {
      const [, pid] = /^Process (\d+) answers/.exec(line) ?? []
      if (pid === undefined) return
      this.producer = Number(pid)
      this.producers++
    })
    this.#child = child
    for (let line = ''; !line.startsWith('Listening'); ) [line] = (await once(lines, 'line')) as [string]
  }

  async kill(): Promise<void> {
    const closed = once(this.#child!, 'exit')
    this.#child!.kill('SIGKILL')
    await closed
  }
}

describe.skipIf(reason).each(['Chromium', 'Firefox'] as const)('the example chat in %s', (name) => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await launchBrowser(name)
    page = await browser.newPage()
  })
  afterAll(() => browser?.close())

  const answer = () => page.$eval('#answer', ({ textContent }) => textContent ?? '')
  const state = () => page.$eval('#state', (element) => (element as HTMLElement).dataset.state)
  const countWords = (text: string) => text.split(' ').length - 1

  test('shows every word once, although it is killed in every place while it answers', async () => {
    const data = mkdtempSync(join(tmpdir(), 'headwater-chat-'))
    const server = new ChatServer(await freePort(), data)
    onTestFinished(async () => {
      await server.kill()
      rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    })
    await server.start()
    const network = await Network.to(server.port)
    onTestFinished(() => network.cut())
    const question = 'does it last?'
    const whole = wordsFor(question)
      .map((word) => `${word} `)
      .join('')

    /** Waits for more words than there are, and makes sure that the answer is not over yet. */
    const moreWords = async () => {
      const had = countWords(await answer())
      await page.waitForFunction(
        (n) => document.querySelector('#answer')!.textContent!.split(' ').length - 1 >= n,
        {},
        had + 5,
      )
      expect(await state()).toBe('answering')
      expect(whole.startsWith(await answer())).toBe(true)
    }

    await page.goto(`http://localhost:${network.port}/`)
    await page.type('#input', question)
    await page.click('#ask button')
    await moreWords()
    // A refresh.
    await page.reload()
    await moreWords()
    // A lost network.
    await network.cut()
    await network.restore()
    await moreWords()
    // The producer is killed.
    const { producers } = server
    process.kill(server.producer, 'SIGKILL')
    await moreWords()
    expect(server.producers).toBeGreaterThan(producers)
    // The server is killed; its producer is left alone, until another is started.
    await server.kill()
    await server.start()
    await moreWords()
    // Server and producer are killed together, and the page is reloaded while nobody is there.
    process.kill(server.producer, 'SIGKILL')
    await server.kill()
    await server.start()
    await page.reload()
    await moreWords()

    await page.waitForFunction(() => (document.querySelector('#state') as HTMLElement).dataset.state === 'complete')
    expect(await answer()).toBe(whole)
    // Whoever comes late sees the same.
    await page.reload()
    await page.waitForFunction(() => (document.querySelector('#state') as HTMLElement).dataset.state === 'complete')
    expect(await answer()).toBe(whole)
    expect(server.log).toBe('')
  })
})
