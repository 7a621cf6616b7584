// node hub-with-heartbeats.mjs PORT DIRECTORY HEARTBEAT-MS: a hub whose heartbeats come soon, which the command has no flag for.
import { createHub, everyTopic, Metrics, openStore } from 'headwater'

const [port, directory, heartbeatMs] = process.argv.slice(2)
const store = await openStore(`file:${directory}`)
const hub = await createHub({
  store,
  authorize: () => ({ publish: [everyTopic] }),
  session: { heartbeatMs: Number(heartbeatMs) },
  metrics: new Metrics(),
})
const server = await hub.listen({ host: '127.0.0.1', port: Number(port) })
process.on('SIGTERM', async () => {
  await server.close()
  await store.close()
})
console.log(`headwater listening on ${server.url}`)
