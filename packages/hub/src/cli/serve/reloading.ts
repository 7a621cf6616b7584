import type { Command } from 'commander'
import { HubError } from '../../base/errors.ts'
import type { Limits } from '../../http/access/limits.ts'
import type { TokenAuthorizer } from '../../http/access/token-authorizer.ts'
import type { Certificate } from '../../http/server/tls.ts'
import type { Log } from '../log/log.ts'
import { reloadAuthorizer } from '../options/auth-flags.ts'
import { readConfiguration } from '../options/configuration.ts'
import { limitsOf } from '../options/limit-flags.ts'
import type { CertificateBytes, CertificateFiles } from './certificate-files.ts'
import type { ServeOptions } from './serve-options.ts'
import type { ServerPool } from './server-pool.ts'

/** The parts of a running hub that a reload changes. */
export interface Reloadable {
  readonly tokens: TokenAuthorizer
  readonly limits: Limits
  readonly certificates: CertificateFiles | undefined
  /** Uses another certificate for new connections. */
  readonly setCertificate: (certificate: Certificate) => Promise<void>
  /** The other threads, if there are any. */
  readonly threads: Pick<ServerPool, 'reload'> | undefined
}

/**
 * Reloads the configuration, the keys and the certificate on request, and drops no connection. If
 * anything it reads is wrong, nothing changes.
 */
export class Reloading {
  readonly #command: Command
  readonly #log: Log
  /** The configuration with which the hub started. */
  readonly #initial: Readonly<Record<string, unknown>>
  #target: Reloadable | undefined
  #underWay: Promise<void> = Promise.resolve()

  constructor(command: Command, log: Log) {
    this.#command = command
    this.#log = log
    this.#initial = { ...command.opts() }
  }

  /** Starts to accept reloads. Also reloads the certificate by itself, as soon as it is renewed. */
  begin(target: Reloadable): void {
    this.#target = target
    target.certificates?.watch(
      (certificate) => this.#useCertificate(target, certificate),
      (error) =>
        this.#log.write(
          'certificate-failed',
          `the renewed certificate cannot be used; trying again. New connections may get the previous one: ${reasonOf(error)}`,
        ),
    )
  }

  /** Reloads, one at a time. */
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
      // The last step that can fail in this thread.
      await reloadAuthorizer(tokens, applied)
    } catch (error) {
      this.#log.write('reload-failed', `reload failed, nothing changed: ${reasonOf(error)}`)
      return
    }
    Object.assign(limits, limitsOf(applied))
    this.#log.level = applied.logLevel
    try {
      await threads?.reload(applied)
      if (certificate) await this.#useCertificate(target, certificate)
      this.#log.write('reloaded', 'reloaded limits, keys and the log level.')
    } catch (error) {
      this.#log.write(
        'reload-failed',
        `reloaded in part: not every thread applied the new configuration. Send SIGHUP again, or restart the hub: ${reasonOf(error)}`,
      )
    }
    this.#logRestartNeeded(options)
  }

  async #useCertificate({ certificates, setCertificate }: Reloadable, certificate: CertificateBytes): Promise<void> {
    await setCertificate(certificate)
    if (certificates) certificates.inUse = certificate
    this.#log.write('certificate-reloaded', 'reloaded the certificate; new connections get it.')
  }

  /**
   * The options that keep their first values, so that a thread that is restarted later runs with
   * the same ones as the others.
   */
  #fixed(): Partial<ServeOptions> {
    return Object.fromEntries(fixedOptions.map((name) => [name, this.#initial[name]]))
  }

  #logRestartNeeded(options: ServeOptions): void {
    const changed = fixedOptions.filter((name) => JSON.stringify(options[name]) !== JSON.stringify(this.#initial[name]))
    if (changed.length === 0) return
    this.#log.write('restart-needed', `changed, but used only after a restart: ${changed.join(', ')}.`, { changed })
  }
}

/** Options that a running hub cannot change. */
export const fixedOptions = [
  'listen',
  'corsOrigins',
  'tlsCert',
  'tlsKey',
  'headersTimeout',
  'idleTimeout',
  'maxConnectionAge',
  'shutdownDeadline',
  'compression',
  'telemetry',
  'store',
  'durability',
  'maxAge',
  'maxEvents',
  'maxBytes',
  'upstream',
  'upstreamToken',
  'upstreamTokenFile',
  'upstreamPublish',
  'dev',
  'publicUrls',
  'trustedProxies',
  'logFormat',
  'subscriptions',
  'threads',
] as const satisfies readonly (keyof ServeOptions)[]

/** Puts all reasons on one line. */
function reasonOf(error: unknown): string {
  if (!(error instanceof HubError)) return String(error)
  return error.message.replace(/\.?\s*\n\s*/g, '; ')
}
