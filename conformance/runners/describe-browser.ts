import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Runtime } from '../cases/harness/conformance-case.ts'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import { type BrowserName, launchBrowser, runInBrowser } from './browser.ts'
import { describeCases, orderFor } from './describe-cases.ts'
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
    const targets = scopes.flatMap((scope) =>
      implementations.map((implementation): Runtime => ({ engine: name, scope, implementation })),
    )
    let browser: Browser
    let runs: Promise<CaseResult[]>[] = []

    beforeAll(async () => {
      browser = await launchBrowser(name)
      runs = targets.map((runtime) => runInBrowser(browser, orderFor(runtime)))
      // Each is waited for, and reported, by its own tests.
      await Promise.allSettled(runs)
    }, 240_000)
    afterAll(() => browser?.close())

    for (const [i, runtime] of targets.entries()) {
      describeCases(`${name}, ${runtime.scope}, ${runtime.implementation}`, runtime, () => runs[i]!)
    }
  })
}
