import type { TestPage } from './test-browser.ts'

/** The `EventSource` of a browser itself, in a page of the same origin. */
export class NativeSource {
  readonly #page: TestPage

  /** Opens it; resolves when it is open. */
  static async open(page: TestPage, url: string): Promise<NativeSource> {
    await page.evaluate(`(() => {
      globalThis.seen = []
      globalThis.source = new EventSource(${JSON.stringify(url)})
      source.onopen = () => { globalThis.hasOpened = true }
      globalThis.position = ''
      source.addEventListener('headwater-position', ({ lastEventId }) => { position = lastEventId })
      for (const type of ['message', 'headwater-gap']) source.addEventListener(type, ({ data }) => seen.push([type, data]))
    })()`)
    const source = new NativeSource(page)
    await source.until('globalThis.hasOpened')
    return source
  }

  private constructor(page: TestPage) {
    this.#page = page
  }

  /** Waits until an expression is true: about `source`, what it has `seen`, and the `position` that it was told last. */
  async until(condition: string): Promise<void> {
    await this.#page.waitForFunction(condition, { timeout: 120_000, polling: 20 })
  }

  /** The messages and gaps so far: type and data. */
  async seen(): Promise<[type: string, data: string][]> {
    return (await this.#page.evaluate('seen')) as [string, string][]
  }
}
