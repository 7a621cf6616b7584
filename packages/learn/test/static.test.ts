import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser } from '../../../conformance/runners/browser.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/**
 * The page without a hub, as a site of documentation would have it: below a path, from plain files.
 */
describe('the static page', () => {
  let outDir: string
  let site: Server

  beforeAll(async () => {
    outDir = await mkdtemp(join(tmpdir(), 'headwater-learn-'))
    for (const mode of ['static', 'service-worker'])
      await build({ root, mode, logLevel: 'warn', build: { outDir, emptyOutDir: false } })
    site = createServer(({ url = '' }, res) => {
      const path = url.split('?')[0]!.replace('/docs/learn/', '') || 'index.html'
      const file = join(outDir, path)
      if (!existsSync(file)) res.writeHead(404).end()
      else res.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(readFileSync(file))
    })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  })

  afterAll(async () => {
    site?.closeAllConnections()
    site?.close()
    await rm(outDir, { recursive: true, force: true })
  })

  test.each(['Chromium', 'Firefox'] as const)('plays its lessons for both objects in %s', async (name) => {
    const browser = await launchBrowser(name)
    try {
      const page = await browser.newPage()
      const { port } = site.address() as AddressInfo
      await page.goto(`http://127.0.0.1:${port}/docs/learn/?lang=en`)
      await page.waitForSelector('.warning')
      const untilFeeds = (lesson: string, pattern: RegExp) =>
        page.waitForFunction(
          (lesson, source) =>
            [...document.querySelectorAll(`#${lesson} .feed`)].filter(({ textContent }) =>
              new RegExp(source, 's').test(textContent ?? ''),
            ).length === 2,
          { timeout: 60_000, polling: 100 },
          lesson,
          pattern.source,
        )
      await page.$eval('#ids .primary', (button) => (button as HTMLElement).click())
      // Chromium keeps the header of its native object from service workers: the lesson begins
      // again.
      const resumed = /Last-Event-ID: 3.*Message 4/
      const again = /Message 3.*GET ids after.*Message 1/
      await untilFeeds('ids', name === 'Chromium' ? new RegExp(`${resumed.source}|${again.source}`) : resumed)
      await page.$eval('#stop .primary', (button) => (button as HTMLElement).click())
      await untilFeeds('stop', /← 204.*readyState 2/)
      await page.$$eval('#answers .choices input', (inputs) => (inputs[2] as HTMLElement).click())
      await page.$eval('#answers .primary', (button) => (button as HTMLElement).click())
      await untilFeeds('answers', /GET moved.*From the new address/)
      const needHub = await page.$$eval(
        '.hint',
        (hints) => hints.filter(({ textContent }) => textContent?.includes('npm start')).length,
      )
      expect(needHub).toBe(3)
    } finally {
      await browser.close()
    }
  })
})
