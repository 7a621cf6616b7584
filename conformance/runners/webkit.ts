import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { ProcessGroup } from './process-group.ts'
import { installed } from './runtimes.ts'
import type { TestBrowser, TestPage } from './test-browser.ts'
import { WebDriverSession } from './webdriver.ts'

const scriptTimeoutMs = 900_000

/** WebKitGTK on a display of its own, driven by WebDriver. */
export async function launchWebKit(): Promise<TestBrowser> {
  // It finds a number that is free, and writes it to descriptor 3.
  const display = new ProcessGroup([installed.webkit.display, '-displayfd', '3', '-nolisten', 'tcp'])
  const number = once(display.descriptor3.setEncoding('utf8'), 'data')
  const [text] = (await Promise.race([number, display.ended()])) as [string]
  return new WebKit(display, `:${text.trim()}`)
}

class WebKit implements TestBrowser {
  readonly #display: ProcessGroup
  readonly #name: string
  readonly #pages = new Set<WebKitPage>()

  constructor(display: ProcessGroup, name: string) {
    this.#display = display
    this.#name = name
  }

  /**
   * Starts a browser, since a driver carries out one command at a time, and an evaluation is a command until its promise has resolved. Its
   * window is visible, so that its timers are not held back.
   */
  async newPage(): Promise<TestPage> {
    const page = await WebKitPage.open(this.#name)
    this.#pages.add(page)
    return page
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pages].map((page) => page.close()))
    await this.#display.end()
  }
}

class WebKitPage implements TestPage {
  readonly #driver: ProcessGroup
  readonly #session: WebDriverSession

  static async open(display: string): Promise<WebKitPage> {
    const { driver, url } = await startDriver(display)
    try {
      return new WebKitPage(driver, await WebDriverSession.open(url, scriptTimeoutMs))
    } catch (error) {
      await driver.end()
      throw error
    }
  }

  private constructor(driver: ProcessGroup, session: WebDriverSession) {
    this.#driver = driver
    this.#session = session
  }

  async goto(url: string): Promise<void> {
    await this.#session.navigate(url)
  }

  async evaluate(expression: string): Promise<unknown> {
    // JSON has no undefined.
    return (await this.#session.execute(`return (${expression})`)) ?? undefined
  }

  async waitForFunction(condition: string, { timeout = 30_000, polling = 50 } = {}): Promise<void> {
    const deadline = performance.now() + timeout
    while (!(await this.evaluate(condition))) {
      if (performance.now() > deadline) throw new Error(`Waited ${timeout} ms in vain for ${condition}`)
      await pause(polling)
    }
  }

  /** Ends the driver and the browser, which is a child of it. */
  async close(): Promise<void> {
    await this.#driver.end()
  }
}

async function startDriver(display: string): Promise<{ driver: ProcessGroup; url: string }> {
  for (let attempt = 1; ; attempt++) {
    // On port 0 the driver would not say which one it got.
    const port = await freePort()
    const driver = new ProcessGroup([installed.webkit.path, `--port=${port}`], {
      DISPLAY: display,
      // There is no desktop to share settings or assistive technology with.
      GSETTINGS_BACKEND: 'memory',
      NO_AT_BRIDGE: '1',
    })
    const url = `http://127.0.0.1:${port}`
    while (!driver.hasEnded) {
      // Refused until the driver listens.
      const response = await fetch(`${url}/status`).catch(() => undefined)
      if (response?.ok) return { driver, url }
      await pause(20)
    }
    // Another program may have taken the port in the meantime.
    if (attempt === 5) await driver.ended()
  }
}
