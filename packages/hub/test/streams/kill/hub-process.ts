// A hub on disk, or over PostgreSQL, that also produces streams itself.
import { createHub, everyTopic, openPostgresStore, openSqliteStore } from '../../../src/index.ts'
import { produce } from './produce.ts'
import { readArguments, type Script } from './script.ts'

const { script, names, directory, port, postgres } = readArguments<{
  script: Script
  names: string[]
  directory: string
  port: number
  postgres?: string
}>()
const hub = await createHub({
  store: postgres
    ? await openPostgresStore({ url: postgres })
    : await openSqliteStore({ directory, durability: 'fast' }),
  authorize: () => ({ publish: [everyTopic] }),
  limits: { maxSubscribersPerAddress: 5000 },
})
const producing = names.map((name) => produce(name, script, () => hub.stream(name)))
await hub.listen({ host: '127.0.0.1', port })
console.log('ready')
await Promise.all(producing)
