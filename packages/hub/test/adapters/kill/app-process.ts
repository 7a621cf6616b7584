// An application with a copy of a hub elsewhere: it writes streams through all four adapters, and
// answers their readers, whose connections it breaks now and then.
import { setTimeout as pause } from 'node:timers/promises'
import { createHub, openUpstreamStore } from '../../../src/index.ts'
import { produce } from '../../streams/kill/produce.ts'
import { readArguments, type Script } from '../../streams/kill/script.ts'
import { serveFetch } from '../serve-fetch.ts'
import { kindOf } from './kinds.ts'
import { produceAi } from './produce-ai.ts'
import { produceTanStack } from './produce-tanstack.ts'
import { appRoutes } from './routes.ts'

const { script, names, hubUrl, directory, port, cutEveryMs } = readArguments<{
  script: Script
  names: string[]
  hubUrl: string
  directory: string
  port: number
  cutEveryMs: number
}>()
const ignore = () => {}
const store = await openUpstreamStore({
  url: hubUrl,
  directory,
  waitMs: 60_000,
  onError: ignore,
  onConnection: ignore,
})
// It takes seconds to be started again, and may go on where it was killed.
const hub = await createHub({ store, authorize: () => ({}), streams: { leaseMs: 10_000 }, onError: ignore })
const server = await serveFetch(appRoutes(hub), port)
console.log('ready')
for (const name of names) void write(name)
for (;;) {
  await pause(cutEveryMs * (0.5 + Math.random()))
  server.cut()
}

async function write(name: string): Promise<void> {
  switch (kindOf(name)) {
    case 'ai':
      return await produceAi(hub, name, script)
    case 'tanstack-ai':
      return await produceTanStack(hub, name, script)
    default:
      return await produce(name, script, () => hub.stream(name))
  }
}
