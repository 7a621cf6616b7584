// The hub on disk that the applications copy.
import { createHub, everyTopic, openSqliteStore } from '../../../src/index.ts'
import { readArguments } from '../../streams/kill/script.ts'

const { directory, port } = readArguments<{ directory: string; port: number }>()
const hub = await createHub({
  store: await openSqliteStore({ directory, durability: 'fast' }),
  authorize: () => ({ publish: [everyTopic], subscribe: [everyTopic], replicate: true }),
  onError: () => {},
})
await hub.listen({ host: '127.0.0.1', port })
console.log('ready')
