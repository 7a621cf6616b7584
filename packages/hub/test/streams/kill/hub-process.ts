// A hub on disk that also produces streams itself.
import { createHub, everyTopic, openSqliteStore } from '../../../src/index.ts'
import { produce } from './produce.ts'
import { readArguments, type Script } from './script.ts'

const { script, names, directory, port } = readArguments<{
  script: Script
  names: string[]
  directory: string
  port: number
}>()
const hub = await createHub({
  store: await openSqliteStore({ directory, durability: 'fast' }),
  authorize: () => ({ publish: [everyTopic] }),
  limits: { maxSubscribersPerAddress: 5000 },
})
const producing = names.map((name) => produce(name, script, () => hub.stream(name)))
await hub.listen({ host: '127.0.0.1', port })
console.log('ready')
await Promise.all(producing)
