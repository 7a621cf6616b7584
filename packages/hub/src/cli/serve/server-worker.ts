import { parentPort, workerData } from 'node:worker_threads'
import { ClientAddresses } from '../../http/access/client-address.ts'
import { openCounts } from '../../http/access/client-counts.ts'
import { openSharedStore } from '../../store/shared.ts'
import { Log } from '../log/log.ts'
import { reloadAuthorizer } from '../options/auth-flags.ts'
import { limitsOf } from '../options/limit-flags.ts'
import { openTokenAuthorizer, type RunningServer, startServer } from './start-server.ts'
import type { RequestToFirst, RequestToWorker, ThreadOptions } from './thread-messages.ts'
import { ThreadRpc } from './thread-rpc.ts'

// A thread that serves a hub. It does everything the first thread does, except for the store, which
// only the first one has.

const { thread, options, connection, certificate, port, counts } = workerData as ThreadOptions

const first = new ThreadRpc<RequestToFirst, RequestToWorker>(parentPort!, {
  async start() {
    const started = await startServer({
      options,
      store: openSharedStore(connection),
      tokens: await tokens,
      certificate,
      log,
      address: { ...options.listen, port },
      sharing: { thread, sharesPort: 'other', counts: openCounts(counts, thread - 1) },
    })
    started.metrics.readTextFrom(() => first.ask('metrics', undefined))
    started.observatory.readFrom((query) => first.ask('observe', query))
    running.resolve(started)
    return undefined
  },

  metrics: async () => (await running.promise).metrics.snapshot(),

  observe: async (query) => (await running.promise).observatory.readThread(query),

  async reload(now) {
    await reloadAuthorizer(await tokens, now)
    Object.assign((await running.promise).limits, limitsOf(now))
    log.level = now.logLevel
    return undefined
  },

  async certificate(now) {
    ;(await running.promise).server.setCertificate(now)
    return undefined
  },

  async close({ deadlineMs }) {
    const { server } = await running.promise
    let cutOff = 0
    await server.close({
      deadlineMs,
      onCutOff(connections) {
        cutOff = connections
      },
    })
    log.flush()
    return cutOff
  },
})

const log = new Log({
  format: options.logFormat,
  level: options.logLevel,
  write(line) {
    // If the first thread is gone, this one ends as well.
    first.ask('log', line).catch(() => {})
  },
})
// The first thread has already logged the warnings.
const tokens = openTokenAuthorizer(options, new ClientAddresses(options.trustedProxies), log, () => {})
// The first thread learns of a failure when it asks for the start.
tokens.catch(() => {})
const running = Promise.withResolvers<RunningServer>()
