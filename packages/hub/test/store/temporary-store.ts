import { execFileSync } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { openSqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite.ts'
import type { EventRecord, EventStore } from '../../src/store/store.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

/** A small disk of its own, gone after the test; `undefined`, with the reason printed, where one may not be mounted. */
export function temporaryDisk(megabytes: number): { path: string; makeReadOnly(): void } | undefined {
  const path = temporaryDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    console.log(`skipped: a disk for the test cannot be mounted: ${String(error)}`)
    return undefined
  }
  onTestFinished(() => {
    execFileSync('umount', [path])
  })
  return { path, makeReadOnly: () => execFileSync('mount', ['-o', 'remount,ro', path]) }
}

/** A store that is closed after the test. Its troubles fail the test, unless it listens to them. */
export async function openStore(directory: string, options: Partial<SqliteStoreOptions> = {}): Promise<EventStore> {
  const store = await openSqliteStore({
    directory,
    onError: (error) => {
      throw error
    },
    ...options,
  })
  onTestFinished(() => store.close())
  return store
}

export function event(data: string, rest: Partial<EventRecord> = {}): EventRecord {
  return { topics: ['a'], data, isPrivate: false, id: undefined, type: undefined, retryMs: undefined, ...rest }
}

/** The data of everything kept, up to the head. */
export async function readDatas(store: EventStore, topics?: readonly string[]): Promise<readonly string[]> {
  const { head } = await store.bounds()
  const page = await store.read({
    after: 0,
    through: head.position,
    topics: topics && new Set(topics),
    maxEvents: 1e6,
    maxBytes: Infinity,
  })
  return page.events.map(({ data }) => data)
}
