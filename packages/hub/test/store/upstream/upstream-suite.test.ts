import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHub } from '../../../src/create-hub.ts'
import type { HubServer } from '../../../src/http/server/server.ts'
import { everyTopic } from '../../../src/matching/matcher.ts'
import { decorateStore } from '../../../src/store/decorate-store.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { EventStore } from '../../../src/store/store.ts'
import { openUpstreamStore } from '../../../src/store/upstream.ts'
import { describeStore, type SuiteOptions } from '../store-suite.ts'

// The contract of stores over the copy of a real hub, which keeps and trims the events.

interface Upstream {
  readonly store: EventStore
  readonly server: HubServer
  readonly directory: string
}

const upstreamOf = new Map<EventStore, Upstream>()
const running: Upstream[] = []

async function startUpstream(
  options: SuiteOptions,
  directory = mkdtempSync(join(tmpdir(), 'headwater-edge-')),
): Promise<Upstream> {
  const store = await openSqliteStore({ ...options, directory: join(directory, 'upstream') })
  const hub = await createHub({ store, authorize: () => ({ publish: [everyTopic], replicate: true }) })
  const server = await hub.listen({ host: '127.0.0.1', port: 0 })
  const upstream = { store, server, directory }
  running.push(upstream)
  return upstream
}

async function stop({ server, store }: Upstream): Promise<void> {
  await server.close({ deadlineMs: 100 })
  await store.close()
}

async function openAt(upstream: Upstream): Promise<EventStore> {
  const copy = await openUpstreamStore({ url: upstream.server.url, directory: upstream.directory })
  const store = decorateStore(copy, {
    async trim(through) {
      if (through !== undefined) return await copy.trim(through)
      await upstream.store.trim()
      await copy.trim()
    },
  })
  upstreamOf.set(store, upstream)
  return store
}

describeStore('upstream', {
  sequences: 10,
  keepsElsewhere: true,
  open: async (options) => openAt(await startUpstream(options)),
  reopen: async (closed, options) => {
    const upstream = upstreamOf.get(closed)!
    running.splice(running.indexOf(upstream), 1)
    await stop(upstream)
    return await openAt(await startUpstream(options, upstream.directory))
  },
  dispose: async () => {
    for (const upstream of running.splice(0)) {
      await stop(upstream)
      rmSync(upstream.directory, { recursive: true })
    }
  },
})
