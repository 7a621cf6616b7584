// Opens the store of a directory, with the durability given, appends an event, says so, and keeps the store open until it is killed.
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const [directory, durability] = process.argv.slice(2) as [string, 'full' | 'fast' | undefined]
const store = await openSqliteStore({ directory, durability })
await store.append({
  topics: ['a'],
  data: 'from the other process',
  isPrivate: false,
  id: undefined,
  type: undefined,
  retryMs: undefined,
})
console.log('holding')
setInterval(() => {}, 2 ** 31 - 1)
