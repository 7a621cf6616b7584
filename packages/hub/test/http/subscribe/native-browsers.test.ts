import { expect, onTestFinished, test } from 'vitest'
import { browserNames } from '../../../../../conformance/runners/browser.ts'
import { describeInBrowser } from '../../../../../conformance/runners/describe-in-browser.ts'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { NativeSource } from '../../../../../conformance/runners/native-source.ts'
import type { TestBrowser } from '../../../../../conformance/runners/test-browser.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { type Serving, serve } from '../serve-hub.ts'

for (const browserName of browserNames) {
  describeInBrowser(`the EventSource of ${browserName}`, browserName, (browser) => {
    test('resumes after an ordered stop of the hub', async () => {
      const { source, hub, stop, start } = await open(browser())
      await hub.publish({ topic: 'a', data: '1' })
      await source.until('seen.length === 1')
      const core = await stop()
      await core.publish({ topic: 'a', data: '2' })
      await core.publish({ topic: 'a', data: '3' })
      const second = await start(core)
      await second.publish({ topic: 'a', data: '4' })
      await source.until('seen.length >= 4')
      expect(await source.seen()).toEqual(['1', '2', '3', '4'].map((data) => ['message', data]))
    })

    test('keeps its place on a topic that brought nothing, over an ordered stop and a late start', async () => {
      const { source, stop, start } = await open(browser())
      await source.until("position !== ''")
      const core = await stop()
      // More than the history keeps, so that the place of the client is no longer in it.
      for (let n = 0; n < 200; n++) await core.publish({ topic: 'busy', data: `${n}` })
      await core.publish({ topic: 'a', data: 'missed' })
      const second = await start(core)
      await source.until('seen.length >= 1')
      await second.publish({ topic: 'a', data: 'live' })
      await source.until('seen.length >= 2')
      expect(await source.seen()).toEqual([
        ['message', 'missed'],
        ['message', 'live'],
      ])
    })
  })
}

/** A hub that keeps the newest 50 events, or a few more, and a page that subscribes to topic `a`. */
async function open(browser: TestBrowser) {
  const store = createMemoryStore({ maxEvents: 50 })
  // Nobody else is found there while the hub is away.
  const port = await freePort()
  const session = { retryMs: 20, drainSpreadMs: 0 }
  let serving: Serving = await serve({ store, port, session })
  const page = await browser.newPage()
  onTestFinished(() => page.close())
  await page.goto(`${serving.server.url}/healthz`)
  return {
    source: await NativeSource.open(page, '/.well-known/mercure?match=a'),
    hub: serving.hub,
    /** Ends the streams in order, and gives a hub on the same history that nobody can connect to. */
    async stop() {
      await serving.server.close({ deadlineMs: 100 })
      return createHubCore({ store })
    },
    async start(core: Awaited<ReturnType<typeof createHubCore>>) {
      await core.close()
      serving = await serve({ store, port, session })
      return serving.hub
    },
  }
}
