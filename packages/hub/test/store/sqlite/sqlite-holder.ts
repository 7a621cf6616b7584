// Opens the store of a directory, with the durability given, appends an event or several, says so, and keeps the store open until it
// is killed.
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const [directory, durability, count = '1'] = process.argv.slice(2) as [string, 'full' | 'fast' | undefined, string?]
const store = await openSqliteStore({ directory, durability })
for (let n = 0; n < Number(count); n++) {
  await store.append({
    topics: ['a', `b${n % 3}`],
    data: 'from the other process',
    isPrivate: false,
    id: undefined,
    type: undefined,
    retryMs: undefined,
  })
}
console.log('holding')
setInterval(() => {}, 2 ** 31 - 1)
