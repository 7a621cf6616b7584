import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, describe } from 'vitest'
import { type BrowserName, launchBrowser } from './browser.ts'
import { describeInstalled } from './describe-installed.ts'
import { installed } from './runtimes.ts'

/** Tests that share one browser, which is there once they run. */
export function describeInBrowser(title: string, name: BrowserName, tests: (browser: () => Browser) => void): void {
  describeInstalled(title, name === 'Firefox' ? installed.firefox : installed.chromium, () => {
    describe(title, () => {
      let browser: Browser
      beforeAll(async () => {
        browser = await launchBrowser(name)
      }, 180_000)
      afterAll(() => browser?.close())

      tests(() => browser)
    })
  })
}
