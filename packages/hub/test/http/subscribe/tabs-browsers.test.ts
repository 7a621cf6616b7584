import { expect, onTestFinished, test } from 'vitest'
import { bundleOf } from '../../../../../conformance/runners/bundle.ts'
import { describeInBrowser } from '../../../../../conformance/runners/describe-in-browser.ts'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import type { TestPage } from '../../../../../conformance/runners/test-browser.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { serve } from '../serve-hub.ts'

const path = '/.well-known/mercure'
/** What the tabs select, twice each. */
const selections = [
  ['match=a', ['a']],
  ['match=b&match=a', ['a', 'b']],
  [`match_urlpattern=${encodeURIComponent('https://example.com/books/:id')}`, ['book']],
  ['topic=c', ['c']],
  ['match=*', ['a', 'b', 'c', 'book']],
  ['match=nothing', []],
] as const

for (const browserName of ['Chromium', 'Firefox'] as const) {
  describeInBrowser(`tabs of ${browserName}`, browserName, (browser) => {
    test('twelve tabs with six selections share one connection of a hub, through its restart', async () => {
      const script = await bundleOf('cases/targets/tabs.ts')
      const store = createMemoryStore()
      const port = await freePort()
      const options = { store, port, session: { retryMs: 20, drainSpreadMs: 0 } }
      let { hub, server } = await serve(options)
      const pages: { page: TestPage; selected: readonly string[] }[] = []
      onTestFinished(async () => {
        for (const { page } of pages) await page.close()
      })
      for (const [query, selected] of [...selections, ...selections]) {
        const page = await browser().newPage()
        pages.push({ page, selected })
        await page.goto(`${server.url}/healthz`)
        await page.evaluate(`import(URL.createObjectURL(new Blob([${JSON.stringify(script)}], { type: 'text/javascript' })))
          .then(({ openTab }) => {
            globalThis.tab = openTab('${path}?${query}', { isShared: true, isMerging: true })
          })`)
        await until(page, 'tab.source.readyState === 1')
      }
      // Those whose selection the connection did not have may have had one of their own for a moment.
      await expect.poll(() => hub.stats.subscribers).toBe(1)

      const expected: string[] = []
      const publish = async (count: number) => {
        for (let n = 0; n < count; n++) {
          for (const [topic, name] of [
            ['a', 'a'],
            ['b', 'b'],
            ['c', 'c'],
            [`https://example.com/books/${n}`, 'book'],
          ] as const) {
            const data = `${name} ${expected.length}`
            expected.push(data)
            await hub.publish({ topic, data })
          }
        }
      }
      const untilAllSaw = async () => {
        for (const { page, selected } of pages) {
          const theirs = expected.filter((data) => selected.includes(data.split(' ')[0]!))
          const seen = async () => JSON.parse(String(await page.evaluate('JSON.stringify(tab.data)')))
          await expect.poll(async () => (await seen()).length).toBe(theirs.length)
          expect(await seen()).toEqual(theirs)
        }
      }
      await publish(3)
      await untilAllSaw()
      expect(hub.stats.subscribers).toBe(1)

      // The tab that leads closes.
      await pages.shift()!.page.close()
      await publish(2)
      await untilAllSaw()

      await server.close({ deadlineMs: 100 })
      ;({ hub, server } = await serve(options))
      await publish(3)
      await untilAllSaw()
      expect(hub.stats.subscribers).toBe(1)
    })
  })
}

async function until(page: TestPage, condition: string): Promise<void> {
  await expect.poll(() => page.evaluate(condition)).toBe(true)
}
