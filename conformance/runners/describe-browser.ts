import type { Runtime } from '../cases/harness/runtime.ts'
import { type BrowserName, runInBrowser } from './browser.ts'
import { describeCases } from './describe-cases.ts'
import { describeInBrowser } from './describe-in-browser.ts'

const scopes = ['page', 'worker', 'shared worker'] as const
const implementations = ['native', 'ours'] as const

/** The cases in all scopes of a browser, native and ours: one browser, each in a page of its own, all at a time. */
export function describeBrowser(name: BrowserName): void {
  describeInBrowser(name, name, (browser) => {
    for (const scope of scopes) {
      for (const implementation of implementations) {
        const runtime: Runtime = { engine: name, scope, implementation }
        describeCases(`${name}, ${scope}, ${implementation}`, runtime, (order) => runInBrowser(browser(), order))
      }
    }
  })
}
