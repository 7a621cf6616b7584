import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { HubError } from '../errors.ts'
import { Dashboard } from '../http/dashboard.ts'
import type { Limits } from '../http/limits.ts'
import { isLoopbackAddress } from '../http/loopback.ts'
import { Metrics } from '../http/metrics.ts'
import { type HubServer, listen } from '../http/server.ts'
import type { Certificate } from '../http/tls.ts'
import type { TokenGate } from '../http/token-gate.ts'
import { createHub } from '../hub.ts'
import { type AuthFlags, addAuthFlags, openGate, reloadGate } from './auth-flags.ts'
import { CertificateFiles } from './certificate-files.ts'
import { configurable, readConfiguration } from './configuration.ts'
import { addLimitFlags, type LimitFlags, limitsOf } from './limit-flags.ts'
import { type ListenAddress, parseListenAddress } from './listen-address.ts'
import { addStoreFlags, describeStore, openStore, type StoreFlags } from './store-flags.ts'

interface ServeOptions extends StoreFlags, AuthFlags, LimitFlags {
  listen: ListenAddress
  corsOrigins: string[]
  tlsCert?: string
  tlsKey?: string
  subscriptions?: true
}

/** How long streams and publishes may take to end after SIGTERM, in milliseconds. */
const closeDeadlineMs = 10_000

export function serveCommand(): Command {
  const command = new Command('serve')
    .optionsGroup('Connections:')
    .summary('run a hub')
    .description(
      `Runs a hub: publishers POST to /.well-known/mercure, subscribers GET /.well-known/mercure?match=TOPIC as an event stream, and a page at / shows what comes. Prints one line to standard output when it is ready:

  headwater listening on http://127.0.0.1:3000

SIGTERM or SIGINT ends it: publishes under way are finished, subscribers are told to come back, and it exits 0. A second signal ends it at once. SIGHUP reads limits, keys and the certificate again, and drops nobody.`,
    )
    .addOption(
      new Option(
        '--listen <host:port>',
        'address to listen on; "[::1]:3000" for IPv6, port 0 for any that is free, no host for 127.0.0.1',
      )
        .argParser(parseListenAddress)
        .default({ host: '127.0.0.1', port: 3000 }, '127.0.0.1:3000'),
    )
  command.optionsGroup('Where events are kept:')
  addStoreFlags(command)
  command
    .optionsGroup('Who may do what:')
    .option(
      '--dev',
      'let anyone on this machine publish and subscribe, and speak Mercure of before 1.0, too; refuses any address but a loopback one',
    )
  addAuthFlags(command)
  command.option(
    '--subscriptions',
    'tell who is subscribed: by private events, and at /.well-known/mercure/subscriptions',
  )
  command.optionsGroup('What clients may take:')
  addLimitFlags(command)
  command.optionsGroup('Configuration:')
  configurable(command)
  return command
    .optionsGroup('Connections:')
    .addOption(
      new Option(
        '--cors-origins <origins>',
        'other origins whose pages may use the hub, such as https://example.com, separated by commas or spaces; * for all',
      )
        .argParser((text: string, before: string[]) => [...before, ...text.split(/[\s,]+/).filter(Boolean)])
        .default([], 'none'),
    )
    .option(
      '--tls-cert <file>',
      'serve HTTPS (HTTP/2 and HTTP/1.1) with this certificate; read again when it changes, and at SIGHUP',
    )
    .option('--tls-key <file>', 'the private key of the certificate')
    .addHelpText(
      'after',
      `
Examples:
  headwater serve --dev
  headwater serve --dev --listen :0 --store memory:
  headwater serve --dev --store file:/var/lib/headwater --max-age 30d --max-bytes 10GiB
  headwater serve --dev --cors-origins http://localhost:5173
  headwater serve --publisher-key file:publisher.secret --subscriber-key file:subscriber.secret --key-alg HS256 --issuer https://example.com --audience https://hub.example.com/.well-known/mercure --anonymous
  headwater serve --publisher-key https://login.example.com/jwks.json --subscriber-key https://login.example.com/jwks.json --issuer https://login.example.com --audience https://hub.example.com/.well-known/mercure

headwater token makes tokens to try it with. A key on the command line can be read by everyone on the machine: put it into a file.`,
    )
    .action(serve)
}

async function serve(options: ServeOptions, command: Command): Promise<void> {
  const { listen: address, dev, corsOrigins, tlsCert, tlsKey, subscriptions, ...flags } = options
  if (dev && address.host !== 'localhost' && !isLoopbackAddress(address.host)) {
    throw new HubError(
      'INVALID_OPTION',
      `--dev lets anyone publish and subscribe, so it does not listen on ${address.host}. Use 127.0.0.1, [::1] or localhost.`,
    )
  }

  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new HubError('INVALID_OPTION', '--tls-cert and --tls-key go together: give both, or neither for plain HTTP.')
  }
  const files = tlsCert !== undefined && tlsKey !== undefined ? new CertificateFiles(tlsCert, tlsKey) : undefined
  const certificate = await files?.read()

  const tokens = await openGate(
    { ...flags, dev },
    {
      // What --dev means is said in words of its own.
      onWarning: (warning) => (dev && warning.startsWith('anonymousPublishers') ? undefined : log(warning)),
      onRefused: (reason, { method, remoteAddress }) => log(`refused a ${method} from ${remoteAddress}: ${reason}`),
    },
  )
  if (!tokens.hasPublishers) log('nobody may publish: there is no --publisher-key.')
  const store = await openStore(flags, log)
  const metrics = new Metrics()
  const hub = await createHub({
    store: metrics.measure(store),
    subscriptions: subscriptions && { compat: tokens.isCompat },
    onError: log,
  })
  metrics.observe(hub)
  const limits = limitsOf(flags)
  const server = await listen(hub, {
    ...address,
    certificate,
    corsOrigins,
    limits,
    trustedProxies: flags.trustedProxies,
    loopbackHostsOnly: dev === true,
    tokens,
    metrics,
    dashboard: new Dashboard(fileURLToPath(new URL('../dashboard', import.meta.url))),
    onError: log,
  })
  process.on('SIGHUP', () => reloadLimits(command, limits))
  keepFresh(files, server)
  process.on('SIGHUP', () => reloadKeys(tokens, { ...command.opts<ServeOptions>(), dev }))
  log(describeStore(flags))
  if (dev) {
    log(
      '--dev: anyone on this machine may publish and subscribe. Private events are kept, but nobody may have them without a token.',
    )
  }
  console.log(`headwater listening on ${server.url}`)

  await untilSignalled()
  log('closing: finishing publishes and ending streams. Signal again to end at once.')
  await server.close({ deadlineMs: closeDeadlineMs })
  await store.close()
  process.exit(0)
}

/** Reads the configuration again. Limits change at once; what else changed needs a restart, but for keys and certificates. */
function reloadLimits(command: Command, limits: Limits): void {
  try {
    readConfiguration(command, process.env)
    Object.assign(limits, limitsOf(command.opts()))
    log('the limits are those of the configuration as it is now.')
  } catch (error) {
    log(error instanceof HubError ? `the limits stay as they were: ${error.message}` : error)
  }
}

/** Uses a renewed certificate as soon as it is there, and at SIGHUP at once. One that is bad changes nothing. */
function keepFresh(files: CertificateFiles | undefined, server: HubServer): void {
  const use = (certificate: Certificate) => {
    server.setCertificate(certificate)
    log('new connections get the certificate that was read again.')
  }
  files?.watch(use, log)
  process.on('SIGHUP', async () => {
    try {
      if (files) use(await files.read())
    } catch (error) {
      log(error instanceof HubError ? error.message : error)
    }
  })
}

/**
 * Reads keys that are in files again, and fetches key sets. If one is bad, nothing changes. `dev` stays what it was: it is also about
 * the address.
 */
async function reloadKeys(tokens: TokenGate, flags: AuthFlags): Promise<void> {
  try {
    await reloadGate(tokens, flags)
    log('tokens go by the keys as they are now.')
  } catch (error) {
    log(error instanceof HubError ? `the keys stay as they were: ${error.message}` : error)
  }
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process. */
function untilSignalled(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0
    const onSignal = () => {
      count++
      if (count === 1) resolve()
      else process.exit(1)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}

function log(message: unknown): void {
  console.error('headwater:', message)
}
