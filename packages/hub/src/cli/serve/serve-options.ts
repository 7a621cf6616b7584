import { type Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { ClientAddresses } from '../../http/access/client-address.ts'
import { Cors } from '../../http/access/cors.ts'
import type { Limits } from '../../http/access/limits.ts'
import { PublicUrls } from '../../http/access/public-urls.ts'
import { addLogFlags, type LogFlags } from '../log/log-flags.ts'
import { type AuthFlags, addAuthFlags } from '../options/auth-flags.ts'
import { configurable } from '../options/configuration.ts'
import { addLimitFlags } from '../options/limit-flags.ts'
import { DurationOption, type ListenAddress, ListOption, parseListenAddress } from '../options/option-types.ts'
import { addStoreFlags } from '../options/store-flags.ts'
import { addUpstreamFlags, type UpstreamFlags } from '../options/upstream-flags.ts'

/** The values of the flags of `headwater serve`. */
export interface ServeOptions extends UpstreamFlags, AuthFlags, Limits, LogFlags {
  readonly listen: ListenAddress
  readonly threads?: number
  readonly corsOrigins: string[]
  readonly trustedProxies: string[]
  readonly tlsCert?: string
  readonly tlsKey?: string
  /** In seconds, like all durations here. */
  readonly headersTimeout: number
  readonly idleTimeout: number
  readonly maxConnectionAge: number
  readonly shutdownDeadline: number
  readonly compression: 'gzip' | 'none'
  readonly telemetry?: boolean
  readonly subscriptions?: true
}

/** Adds the flags of `headwater serve`, in the groups in which `--help` shows them. */
export function addServeFlags(command: Command): Command {
  command
    .optionsGroup('Connections:')
    .addOption(
      new Option(
        '--listen <host:port>',
        'address to listen on: "[::1]:3000" for IPv6, port 0 for any free port, no host for 127.0.0.1',
      )
        .argParser(parseListenAddress)
        .default({ host: '127.0.0.1', port: 3000 }, '127.0.0.1:3000'),
    )
    .option(
      '--threads <count>',
      'number of threads that serve connections; default: one less than the number of cores; with --dev or --subscriptions one',
      parseThreads,
    )
    .addOption(
      new ListOption(
        '--public-urls <urls>',
        'URLs by which clients know the hub, such as https://hub.example.com; requests for any other host get 421',
        (urls) => new PublicUrls(urls),
      ).default([], 'any host'),
    )
    .addOption(
      new ListOption(
        '--cors-origins <origins>',
        'other origins whose pages may use the hub, such as https://example.com, separated by commas or spaces; * for all',
        (origins) => new Cors(origins),
      ),
    )
    .addOption(
      new ListOption(
        '--trusted-proxies <addresses>',
        'proxies whose X-Forwarded-For, -Host and -Proto the hub believes, such as 10.0.0.0/8, separated by commas or spaces',
        (proxies) => new ClientAddresses(proxies),
      ),
    )
    .option(
      '--tls-cert <file>',
      'serve HTTPS (HTTP/2 and HTTP/1.1) with this certificate; reloaded when it changes, and at SIGHUP',
    )
    .option('--tls-key <file>', 'private key of the certificate')
    .addOption(
      new DurationOption(
        '--headers-timeout <time>',
        'how long a client may take for the TLS handshake, and then to send the headers of a request',
      ).default(10, '10s'),
    )
    .addOption(
      new DurationOption(
        '--idle-timeout <time>',
        'how long to keep a connection without a request; set it longer than a proxy in front keeps its own',
      ).default(75, '75s'),
    )
    .addOption(
      new DurationOption(
        '--max-connection-age <time>',
        'how long an event stream lasts (up to a third less); its client then reconnects and misses nothing',
      ).default(86_400, '1d'),
    )
    .addOption(
      new DurationOption(
        '--shutdown-deadline <time>',
        'how long publishes and streams may take to end after SIGTERM; set it shorter than your service manager waits before it kills the hub',
      ).default(8, '8s'),
    )
  command.addOption(
    new Option(
      '--compression <coding>',
      'compress public event streams for clients that accept it: each event once, not once per subscriber, and only where it saves bytes',
    )
      .choices(['gzip', 'none'])
      .default('gzip'),
  )
  command.optionsGroup('Where events are stored:')
  addStoreFlags(command)
  addUpstreamFlags(command)
  command
    .optionsGroup('Who may do what:')
    .option(
      '--dev',
      'let anyone on this machine publish and subscribe, and also speak Mercure 0.x; listens only on loopback addresses',
    )
  addAuthFlags(command)
  command.option(
    '--subscriptions',
    'report who is subscribed: by private events, and at /.well-known/mercure/subscriptions',
  )
  command.optionsGroup('What clients may use:')
  addLimitFlags(command)
  command.optionsGroup('What is logged:')
  addLogFlags(command)
  command.option(
    '--telemetry',
    'make spans of OpenTelemetry for what is published, stored, delivered and replayed; needs an SDK in the process, by NODE_OPTIONS=--import',
  )
  command.optionsGroup('Configuration:')
  configurable(command)
  // What the flags of many other servers are called.
  command.configureOutput({
    outputError: (text, write) =>
      write(
        /unknown option '--(port|host|address|bind)\b/.test(text)
          ? `${text.trimEnd()}. Use --listen 127.0.0.1:3000.\n`
          : text,
      ),
  })
  return command
}

function parseThreads(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) > 0) return Number(text)
  throw new HubError(
    'INVALID_OPTION',
    `--threads ${text} is not a number of threads. Write a whole number from 1 to 999.`,
  )
}
