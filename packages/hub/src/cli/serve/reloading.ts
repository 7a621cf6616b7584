import type { Command } from 'commander'
import { HubError } from '../../base/errors.ts'
import type { Limits } from '../../http/access/limits.ts'
import type { TokenAuthorizer } from '../../http/access/token-authorizer.ts'
import type { Certificate } from '../../http/server/tls.ts'
import { reloadAuthorizer } from '../options/auth-flags.ts'
import { readConfiguration } from '../options/configuration.ts'
import { limitsOf } from '../options/limit-flags.ts'
import type { CertificateBytes, CertificateFiles } from './certificate-files.ts'
import type { Log } from './log.ts'
import type { ServeOptions } from './serve-options.ts'
import type { ServerPool } from './server-pool.ts'

/** What can change while the hub runs. */
export interface Reloadable {
  readonly tokens: TokenAuthorizer
  readonly limits: Limits
  readonly certificates: CertificateFiles | undefined
  /** Uses another certificate for the connections to come. */
  readonly setCertificate: (certificate: Certificate) => Promise<void>
  /** The further threads, if there are any. */
  readonly threads: Pick<ServerPool, 'reload'> | undefined
}

/**
 * Reads the configuration, the keys and the certificate again when asked, and drops nobody. If anything is wrong with what it reads, all
 * stays as it was.
 */
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
    target.certificates?.watch(
      (certificate) => this.#useCertificate(target, certificate),
      (error) =>
        this.#log.write(
          'certificate-failed',
          `renewing the certificate failed, and is tried again; connections may get the one before: ${reasonOf(error)}`,
        ),
    )
  }

  /** One at a time. */
  reload(): void {
    this.#underWay = this.#underWay.then(() => this.#reload())
  }

  async #reload(): Promise<void> {
    const target = this.#target
    if (!target) return
    const { tokens, limits, certificates, threads } = target
    let options: ServeOptions
    let applied: ServeOptions
    let certificate: CertificateBytes | undefined
    try {
      readConfiguration(this.#command, process.env)
      options = this.#command.opts<ServeOptions>()
      certificate = await certificates?.read()
      applied = { ...options, ...this.#fixed() }
      // Last of what can fail in this thread.
      await reloadAuthorizer(tokens, applied)
    } catch (error) {
      this.#log.write('reload-failed', `nothing was reloaded, and all stays as it was: ${reasonOf(error)}`)
      return
    }
    Object.assign(limits, limitsOf(applied))
    this.#log.level = applied.logLevel
    try {
      await threads?.reload(applied)
      if (certificate) await this.#useCertificate(target, certificate)
      this.#log.write('reloaded', 'limits, keys and the log level are those of the configuration as it is now.')
    } catch (error) {
      this.#log.write(
        'reload-failed',
        `only in part reloaded: not every thread goes by the configuration as it is now. Send SIGHUP again, or restart the hub: ${reasonOf(error)}`,
      )
    }
    this.#logRestartNeeded(options)
  }

  async #useCertificate({ certificates, setCertificate }: Reloadable, certificate: CertificateBytes): Promise<void> {
    await setCertificate(certificate)
    if (certificates) certificates.inUse = certificate
    this.#log.write('certificate-reloaded', 'new connections get the certificate that was read again.')
  }

  /** What stays as it was when the hub began: a further thread that is started again later is to do as the others. */
  #fixed(): Partial<ServeOptions> {
    return Object.fromEntries(fixedOptions.map((name) => [name, this.#initial[name]]))
  }

  #logRestartNeeded(options: ServeOptions): void {
    const changed = fixedOptions.filter((name) => JSON.stringify(options[name]) !== JSON.stringify(this.#initial[name]))
    if (changed.length === 0) return
    this.#log.write('restart-needed', `changed, but only used after a restart: ${changed.join(', ')}.`, { changed })
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
