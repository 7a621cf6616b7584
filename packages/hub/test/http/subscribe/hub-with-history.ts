// A hub in a process of its own, with a history of 20 MB in the directory it is given. Says its URL, and, for each line it is sent, the
// most memory it ever had, in bytes.
import { createInterface } from 'node:readline'
import { listen } from '../../../src/http/server/server.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const store = await openSqliteStore({ directory: process.argv[2]!, durability: 'fast' })
const hub = await createHubCore({ store })
for (let n = 0; n < 20_000; n += 1000) {
  await hub.publishAll(
    Array.from({ length: 1000 }, (_, index) => ({
      topic: `https://example.com/${n + index}`,
      data: `${n + index}`.padEnd(1000, 'x'),
    })),
  )
}
const { url } = await listen(hub, { host: '127.0.0.1', port: 0 })
console.log(url)
createInterface(process.stdin).on('line', () => console.log(process.resourceUsage().maxRSS * 1024))
