import { availableParallelism } from 'node:os'
import { frameBytes } from '@headwater/sse/internal'
import { Command } from 'commander'
import { HubError } from '../../base/errors.ts'
import { version } from '../../base/version.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import { ClientAddresses, isLoopbackAddress } from '../../http/access/client-address.ts'
import { createCountMemory, openCounts } from '../../http/access/client-counts.ts'
import { canSharePort } from '../../http/server/server.ts'
import { encodeStoredEvent } from '../../hub/event-frame.ts'
import { directoryOf } from '../../store/open.ts'
import { withoutPassword } from '../../store/postgres/address.ts'
import { shareStore } from '../../store/shared/share-store.ts'
import { exposureOf } from '../../store/sqlite/examine.ts'
import { describeEnd, type HistoryEnd } from '../../store/sqlite/history-end.ts'
import type { EventStore, StoredEvent } from '../../store/store.ts'
import { exitCodeOf } from '../exit-code.ts'
import type { Log } from '../log/log.ts'
import { openLog } from '../log/log-flags.ts'
import { describeAuth } from '../options/auth-flags.ts'
import { describeLimits } from '../options/limit-flags.ts'
import { describeRetention, describeStore, openStore } from '../options/store-flags.ts'
import { describeUpstream, openUpstream, warningOf } from '../options/upstream-flags.ts'
import { CertificateFiles } from './certificate-files.ts'
import { Reloading } from './reloading.ts'
import { addServeFlags, type ServeOptions } from './serve-options.ts'
import { ServerPool } from './server-pool.ts'
import { logFailure, logUpstream, openTokenAuthorizer, startServer } from './start-server.ts'
import { keepYoungGenerationSmall } from './young-generation.ts'

export function serveCommand(): Command {
  const command = new Command('serve').summary('run a hub').description(
    `Runs a hub. Publishers POST to /.well-known/mercure, subscribers GET /.well-known/mercure?match=TOPIC as an event stream, and a page at / shows the events. Prints one line to standard output when it is ready:

  headwater listening on http://127.0.0.1:3000

SIGTERM or SIGINT stops the hub: it finishes publishes in progress, tells subscribers to reconnect, each at a different moment, and exits with 0 within --shutdown-deadline. A second signal ends it at once. SIGHUP reloads limits, keys, the certificate and the log level, and drops no connection. The hub logs what an operator should know to standard error, one line each.`,
  )
  addServeFlags(command)
  return command
    .addHelpText(
      'after',
      `
Examples:
  For everyone on this machine; then the same without keeping events after it exits:
    headwater serve --dev
    headwater serve --dev --listen :0 --store memory:
  For a page from another origin, such as a development server:
    headwater serve --dev --cors-origins http://localhost:5173
  Behind a proxy on this machine that terminates TLS, with your own secrets, and public events for everyone:
    headwater serve --public-urls https://hub.example.com --trusted-proxies 127.0.0.1 --store file:/var/lib/headwater --max-age 30d \\
      --publisher-key file:publisher.secret --subscriber-key file:subscriber.secret --key-alg HS256 --issuer https://example.com --anonymous
  Directly on the network, with the keys of an authorization server:
    headwater serve --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem --public-urls https://hub.example.com \\
      --publisher-key https://login.example.com/jwks.json --subscriber-key https://login.example.com/jwks.json --issuer https://login.example.com

headwater token makes tokens to try it with. Everyone on the machine can read a key on the command line: put it into a file.

Exit codes:
  0  stopped by a signal, or after --help and --print-config
  1  could not start, or did not stop in order: another process uses the port or the data directory, the disk fails, a second signal
  2  called or configured incorrectly; the message names the option`,
    )
    .action(serve)
}

/**
 * Reports what keeps the hub from starting as the log reports everything else: with
 * `--log-format json` as JSON.
 */
async function serve(options: ServeOptions, command: Command): Promise<void> {
  const log = openLog(options)
  try {
    await run(options, command, log)
  } catch (error) {
    if (!(error instanceof HubError) || options.logFormat !== 'json') throw error
    log.write('start-failed', error.message, { code: error.code })
    process.exit(exitCodeOf(error))
  }
}

async function run(options: ServeOptions, command: Command, log: Log): Promise<void> {
  keepYoungGenerationSmall()
  const { listen: address, dev = false, tlsCert, tlsKey, shutdownDeadline } = options
  if (dev && address.host !== 'localhost' && !isLoopbackAddress(address.host)) {
    throw new HubError(
      'INVALID_OPTION',
      `--dev lets anyone publish and subscribe, so the hub does not listen on ${address.host}. Use 127.0.0.1, [::1] or localhost.`,
    )
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new HubError('INVALID_OPTION', '--tls-cert and --tls-key go together: set both, or neither for plain HTTP.')
  }

  // Registered before there is anything to reload: without a listener the signal would end the
  // process.
  const reloading = new Reloading(command, log)
  process.on('SIGHUP', () => reloading.reload())

  const threadCount = threadCountOf(options, log)
  const addresses = new ClientAddresses(options.trustedProxies)
  const certificates = tlsCert !== undefined && tlsKey !== undefined ? new CertificateFiles(tlsCert, tlsKey) : undefined
  const certificate = await certificates?.read()
  const tokens = await openTokenAuthorizer(options, addresses, log, (warning) => {
    // describeAuth says what --dev means.
    if (!dev || !warning.startsWith('anonymousPublishers')) log.writeThrottled('caution', warning)
  })

  let uncleanHolder: string | undefined
  let end: HistoryEnd | undefined
  const onError = (error: HubError) => logFailure(log, error)
  const caution = warningOf(options)
  if (caution !== undefined) log.write('caution', caution)
  const copy = await openUpstream(options, {
    onError,
    onConnection: (connection) => logUpstream(log, connection),
  })
  const store =
    copy ??
    (await openStore(options, {
      onError,
      onCaution: (caution) => log.write('caution', caution),
      onUncleanStop: (holder, found) => {
        uncleanHolder = holder
        end = found
      },
      onLoss: (found) => {
        end = found
      },
    }))
  const { head } = await store.bounds()
  const sharing = threadCount > 1 ? await shareAmong(threadCount, store) : undefined
  const { hub, server, limits, metrics, observatory } = await startServer({
    options,
    tokens,
    certificate,
    log,
    address,
    store: sharing?.shared.store ?? store,
    sharing: sharing && { thread: 1, sharesPort: 'first', counts: sharing.counts },
  })
  if (certificates) certificates.inUse = certificate
  log.write('starting', `Headwater ${version} starts, on Node.js ${process.version}, as process ${process.pid}.`, {
    version,
    node: process.version,
    pid: process.pid,
  })
  log.write(
    'store-opened',
    `${copy ? describeUpstream(options) : `${describeStore(options)} ${describeRetention(options)}`} The newest position is ${head.position}.`,
    {
      store: withoutPassword(options.store),
      upstream: options.upstream,
      durability: options.durability,
      maxAgeSeconds: options.maxAge,
      maxEvents: options.maxEvents,
      maxBytes: options.maxBytes,
      headPosition: head.position,
    },
  )
  const directory = directoryOf(options.store)
  const exposure = directory === undefined ? undefined : exposureOf(directory)
  if (exposure !== undefined) log.write('caution', `${exposure}.`)
  if (uncleanHolder !== undefined) {
    log.write(
      'unclean-stop',
      `the hub did not stop in order the last time (${uncleanHolder}). ${end ? describeEnd(end) : ''}`,
      { holder: uncleanHolder, history: end?.name },
    )
  }
  if (end?.name === 'lost' || end?.name === 'replaced') log.write('events-missing', describeEnd(end), { ...end })
  log.write('authorization', describeAuth(options), {
    dev,
    anonymous: options.anonymous ?? dev,
    publisherKeys: options.publisherKey.length,
    subscriberKeys: options.subscriberKey.length,
    issuer: options.issuer,
    audience: options.audience,
    compat: options.compat ?? dev,
  })
  log.write('limits', describeLimits(limits), { ...limits })
  const threads =
    sharing &&
    (await ServerPool.start({
      count: threadCount,
      options,
      certificate,
      port: server.port,
      shared: sharing.shared,
      counts: sharing.countMemory,
      log,
      write: (line) => process.stderr.write(line),
      textOfMetrics: () => metrics.toText(),
      observe: (query) => observatory.read(query),
    }))
  if (threads) {
    metrics.addOthers(() => threads.metrics())
    observatory.addOthers((query) => threads.observe(query))
  }
  reloading.begin({
    tokens,
    limits,
    certificates,
    async setCertificate(now) {
      server.setCertificate(now)
      await threads?.setCertificate(now)
    },
    threads,
  })
  // Before the hub reports that it is ready: whoever waits for that may stop it at once.
  const signalled = untilSignalled(log)
  log.write('ready', `listening on ${server.url}.`, { url: server.url })
  console.log(`headwater listening on ${server.url}`)

  const signal = await signalled
  const startedAt = performance.now()
  const deadlineMs = shutdownDeadline * 1000
  const streams = sharing?.counts.subscribers.total ?? hub.subscriberCount
  log.write(
    'stopping',
    `${signal}: stopping: finishing publishes and ending ${streams} streams, within ${shutdownDeadline} s. Signal again to stop at once.`,
    { signal, streams, deadlineSeconds: shutdownDeadline },
  )
  let cutOff = 0
  const [cutOffElsewhere = 0] = await Promise.all([
    threads?.close(deadlineMs),
    server.close({
      deadlineMs,
      onCutOff(connections) {
        cutOff = connections
      },
    }),
  ])
  cutOff += cutOffElsewhere
  // Gives a store that still has to write a moment in any case.
  const closingMs = Math.max(1000, startedAt + deadlineMs - performance.now())
  const isClosed = await withTimeout(
    closingMs,
    store.close().then(() => true),
    false,
  )
  log.flush()
  if (!isClosed) {
    log.write('stop-forced', 'the store did not close in time. Publishers of events in progress got no answer.')
    process.exit(1)
  }
  const took = Math.round(performance.now() - startedAt) / 1000
  const how =
    cutOff === 0 ? '' : ` ${cutOff} connection${cutOff === 1 ? '' : 's'} did not end in time and had to be cut off.`
  log.write('stopped', `stopped in ${took} s.${how}`, { seconds: took, connectionsCutOff: cutOff })
  process.exit(0)
}

/**
 * The number of threads that serve: the given number, or all cores but one, which is left for the
 * store and the system.
 */
function threadCountOf({ threads, dev, subscriptions }: ServeOptions, log: Log): number {
  if (threads === undefined) return dev || subscriptions || !canSharePort ? 1 : Math.max(1, availableParallelism() - 1)
  if (threads > 1 && subscriptions) {
    throw new HubError(
      'INVALID_OPTION',
      `--subscriptions keeps the list of subscriptions in one thread, so it cannot be combined with --threads ${threads}. Remove one of them.`,
    )
  }
  if (threads === 1 || canSharePort) return threads
  log.write(
    'caution',
    `--threads ${threads}: on ${process.platform} threads cannot share a port, so one thread serves all connections.`,
  )
  return 1
}

/** What several threads share: the store, and the memory in which they count clients together. */
async function shareAmong(threads: number, store: EventStore) {
  const countMemory = createCountMemory(threads)
  return { shared: await shareStore(store, { frameOf }), countMemory, counts: openCounts(countMemory, 0) }
}

function frameOf(epoch: string, event: StoredEvent): Uint8Array {
  return frameBytes(encodeStoredEvent(epoch, event))
}

/** Resolves at the first SIGTERM or SIGINT with its name. The second ends the process. */
function untilSignalled(log: Log): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let count = 0
    const onSignal = (signal: NodeJS.Signals) => {
      count++
      if (count === 1) {
        resolve(signal)
        return
      }
      log.flush()
      log.write('stop-forced', `${signal} again: stopped at once.`, { signal })
      process.exit(1)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
