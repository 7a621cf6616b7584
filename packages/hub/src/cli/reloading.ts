import type { Command } from 'commander'
import { HubError } from '../errors.ts'
import type { Limits } from '../http/limits.ts'
import type { Certificate } from '../http/tls.ts'
import type { TokenGate } from '../http/token-gate.ts'
import { reloadGate } from './auth-flags.ts'
import type { CertificateFiles } from './certificate-files.ts'
import { readConfiguration } from './configuration.ts'
import { limitsOf } from './limit-flags.ts'
import type { Log } from './log.ts'
import type { ServeOptions } from './serve.ts'
import type { ServingThreads } from './serving-threads.ts'

/** What can change while the hub runs. */
export interface Reloadable {
  readonly tokens: TokenGate
  readonly limits: Limits
  readonly certificates: CertificateFiles | undefined
  /** Uses another certificate for the connections to come. */
  readonly setCertificate: (certificate: Certificate) => Promise<void>
  /** The further threads, if there are any. */
  readonly threads: Pick<ServingThreads, 'reload'> | undefined
}

/** Reads the configuration, the keys and the certificate again when asked, and drops nobody. What is wrong with any of it changes nothing. */
export class Reloading {
  readonly #command: Command
  readonly #log: Log
  /** What the configuration was when the hub began. */
  readonly #initial: Readonly<Record<string, unknown>>
  #target: Reloadable | undefined
  #underWay: Promise<void> = Promise.resolve()

  constructor(command: Command, log: Log) {
    this.#command = command
    this.#log = log
    this.#initial = { ...command.opts() }
  }

  /** From now on there is something to read again; a certificate also by itself, as soon as it is renewed. */
  begin(target: Reloadable): void {
    this.#target = target
    const { certificates, setCertificate } = target
    certificates?.watch(
      async (certificate) => {
        await setCertificate(certificate)
        this.#tellCertificate()
      },
      (error) => this.#log.tell('certificate-failed', `the certificate stays as it was: ${reasonOf(error)}`),
    )
  }

  /** One at a time. */
  reload(): void {
    this.#underWay = this.#underWay.then(() => this.#reload())
  }

  async #reload(): Promise<void> {
    if (!this.#target) return
    const { tokens, limits, certificates, setCertificate, threads } = this.#target
    try {
      readConfiguration(this.#command, process.env)
      const options = this.#command.opts<ServeOptions>()
      const certificate = await certificates?.read()
      // Last of what can fail. That the hub is open to all with --dev goes with its address, and stays.
      const applied = { ...options, dev: this.#initial.dev === true || undefined } as ServeOptions
      await reloadGate(tokens, applied)
      Object.assign(limits, limitsOf(options))
      this.#log.level = options.logLevel
      if (certificate) {
        await setCertificate(certificate)
        this.#tellCertificate()
      }
      await threads?.reload(applied)
      this.#log.tell('reloaded', 'limits, keys and the log level are those of the configuration as it is now.')
      this.#tellWhatNeedsRestart(options)
    } catch (error) {
      this.#log.tell('reload-failed', `nothing was reloaded, and all stays as it was: ${reasonOf(error)}`)
    }
  }

  #tellCertificate(): void {
    this.#log.tell('certificate-reloaded', 'new connections get the certificate that was read again.')
  }

  #tellWhatNeedsRestart(options: ServeOptions): void {
    const changed = fixedOptions.filter((name) => JSON.stringify(options[name]) !== JSON.stringify(this.#initial[name]))
    if (changed.length === 0) return
    this.#log.tell('restart-needed', `changed, but only used after a restart: ${changed.join(', ')}.`, { changed })
  }
}

/** What a running hub does not change. */
const fixedOptions = [
  'listen',
  'corsOrigins',
  'tlsCert',
  'tlsKey',
  'headersTimeout',
  'idleTimeout',
  'maxConnectionAge',
  'shutdownDeadline',
  'compression',
  'store',
  'durability',
  'maxAge',
  'maxEvents',
  'maxBytes',
  'dev',
  'publicUrls',
  'trustedProxies',
  'logFormat',
  'subscriptions',
  'threads',
] as const satisfies readonly (keyof ServeOptions)[]

/** On one line, however many things are wrong. */
function reasonOf(error: unknown): string {
  if (!(error instanceof HubError)) return String(error)
  return error.message.replace(/\.?\s*\n\s*/g, '; ')
}
