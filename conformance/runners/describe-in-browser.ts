import { afterAll, beforeAll, describe } from 'vitest'
import { type BrowserName, launchBrowser } from './browser.ts'
import { describeInstalled } from './describe-installed.ts'
import { installed } from './runtimes.ts'
import type { TestBrowser } from './test-browser.ts'

const programOf = { Chromium: installed.chromium, Firefox: installed.firefox, WebKit: installed.webkit }

/** Tests that share one browser, which is there once they run. */
export function describeInBrowser(title: string, name: BrowserName, tests: (browser: () => TestBrowser) => void): void {
  describeInstalled(title, programOf[name], () => {
    describe(title, () => {
      let browser: TestBrowser
      beforeAll(async () => {
        browser = await launchBrowser(name)
      }, 180_000)
      afterAll(() => browser?.close())

      tests(() => browser)
    })
  })
}
