import { createMemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { describeStreams } from './stream-suite.ts'

describeStreams('memory', { open: async () => createMemoryStore() })

let directory: string
describeStreams('SQLite', {
  async open() {
    directory = temporaryDirectory()
    return await openSqliteStore({ directory })
  },
  reopen: () => openSqliteStore({ directory }),
})
