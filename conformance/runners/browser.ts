import puppeteer, { type Browser } from 'puppeteer-core'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import { ConformanceServers } from '../server/conformance-servers.ts'
import { bundleOf } from './bundle.ts'
import type { CaseOrder } from './describe-cases.ts'
import { installed } from './runtimes.ts'
import type { TestBrowser } from './test-browser.ts'
import { launchWebKit } from './webkit.ts'

export const browserNames = ['Chromium', 'Firefox', 'WebKit'] as const
export type BrowserName = (typeof browserNames)[number]

export function launchBrowser(name: 'Chromium' | 'Firefox', connectionsPerServer?: number): Promise<Browser>
export function launchBrowser(name: BrowserName): Promise<TestBrowser>
export function launchBrowser(name: BrowserName, connectionsPerServer = 64): Promise<TestBrowser> {
  if (name === 'WebKit') return launchWebKit()
  if (name === 'Firefox') {
    return puppeteer.launch({
      browser: 'firefox',
      executablePath: installed.firefox.path,
      headless: true,
      protocolTimeout: 900_000,
      extraPrefsFirefox: {
        // All pages but the last opened are in the background, where timers would be held back to one a second.
        'dom.min_background_timeout_value': 4,
        'dom.timeout.enable_budget_timer_throttling': false,
        // Six connections to an origin by default. As each reconnect takes half a second, many cases must wait at a time.
        'network.http.max-persistent-connections-per-server': connectionsPerServer,
      },
    })
  }
  return puppeteer.launch({
    executablePath: installed.chromium.path,
    headless: true,
    protocolTimeout: 900_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Runs the cases in a page of its own, with servers, and so an origin, of its own. */
export async function runInBrowser(browser: TestBrowser, order: CaseOrder): Promise<CaseResult[]> {
  const servers = await ConformanceServers.start({
    '/': page,
    '/cases.js': await bundleOf('cases/targets/browser.ts'),
  })
  const tab = await browser.newPage()
  try {
    await tab.goto(`${servers.origins.same}/`)
    const results = await tab.evaluate(`run(${JSON.stringify({ ...order, origins: servers.origins })})`)
    return results as CaseResult[]
  } finally {
    await tab.close()
    await servers.close()
  }
}

const page = `<!doctype html>
<meta charset="utf-8">
<title>Conformance</title>
<script type="module">
  import { run } from '/cases.js'
  globalThis.run = run
</script>
`
