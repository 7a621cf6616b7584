// A hub in a process of its own. Says its URL, and, for each line it is sent, by how many bytes its memory has risen since the first.
import { createInterface } from 'node:readline'
import { listen } from '../../src/http/server/server.ts'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../src/store/memory.ts'

const hub = await createHubCore({ store: createMemoryStore() })
const { url } = await listen(hub, { host: '127.0.0.1', port: 0 })
console.log(url)
const atFirst = process.memoryUsage.rss()
createInterface(process.stdin).on('line', () => console.log(process.resourceUsage().maxRSS * 1024 - atFirst))
