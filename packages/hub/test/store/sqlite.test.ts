import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { EventStore } from '../../src/store/store.ts'
import { describeStore } from './store-suite.ts'

const directories = new Map<EventStore, string>()
const made: string[] = []
describeStore('SQLite', {
  sequences: 15,
  open: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-store-'))
    made.push(directory)
    const store = await openSqliteStore({ directory, ...options })
    directories.set(store, directory)
    return store
  },
  reopen: async (closed, options) => {
    const directory = directories.get(closed)!
    const store = await openSqliteStore({ directory, ...options })
    directories.set(store, directory)
    return store
  },
  dispose: async () => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true })
  },
})
