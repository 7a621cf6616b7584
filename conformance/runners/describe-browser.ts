import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Runtime } from '../cases/harness/runtime.ts'
import { type BrowserName, launchBrowser, runInBrowser } from './browser.ts'
import { describeCases } from './describe-cases.ts'
import { installed, reasonToSkip } from './runtimes.ts'

const scopes = ['page', 'worker', 'shared worker'] as const
const implementations = ['native', 'ours'] as const

/** The cases in all scopes of a browser, native and ours: one browser, each in a page of its own, all at a time. */
export function describeBrowser(name: BrowserName): void {
  const reason = reasonToSkip(name === 'Firefox' ? installed.firefox : installed.chromium)
  if (reason !== undefined) {
    describe(name, () => it.skip(reason))
    return
  }
  describe(name, () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await launchBrowser(name)
    })
    afterAll(() => browser?.close())

    for (const scope of scopes) {
      for (const implementation of implementations) {
        const runtime: Runtime = { engine: name, scope, implementation }
        describeCases(`${name}, ${scope}, ${implementation}`, runtime, (order) => runInBrowser(browser, order))
      }
    }
  })
}
