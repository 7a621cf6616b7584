import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mintToken } from '../../packages/hub/src/auth/mint-token.ts'
import { PeerProcess } from '../hub/peers/peer.ts'
import { descend } from '../hub/process-tree.ts'

export interface HubOptions {
  /** The directory of its store. */
  readonly directory: string
  readonly maxEvents: number
  readonly threads: number
  readonly lifetimeSeconds: number
}

/**
 * `headwater serve` as it is installed, with a store on disk that is trimmed, tokens, and
 * subscription events. The only difference from a user's hub is Node's inspector, which reports
 * what memory is used for.
 */
export class HubUnderSoak {
  readonly port: number
  readonly pid: number
  readonly inspectorUrl: string
  readonly storeDirectory: string
  readonly #process: PeerProcess
  readonly #lifetimeSeconds: number

  static async start({ directory, maxEvents, threads, lifetimeSeconds }: HubOptions): Promise<HubUnderSoak> {
    const storeDirectory = join(directory, 'store')
    const flags = [
      ...['--listen', '127.0.0.1:0', '--threads', String(threads)],
      ...['--store', `file:${storeDirectory}`, '--max-events', String(maxEvents)],
      ...['--anonymous', '--publisher-key', key, '--subscriber-key', key, '--key-alg', 'HS256'],
      ...['--issuer', issuer, '--audience', audience],
      // Presence is kept in one thread.
      ...(threads === 1 ? ['--subscriptions'] : []),
    ]
    const process_ = new PeerProcess(process.execPath, ['--inspect=127.0.0.1:0', main, 'serve', ...flags], {
      lifetimeSeconds,
    })
    const [, inspectorUrl] = await process_.says(/Debugger listening on (ws:\S+)/)
    const [, port] = await process_.says(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    return new HubUnderSoak(process_, {
      port: Number(port),
      inspectorUrl: inspectorUrl!,
      storeDirectory,
      lifetimeSeconds,
    })
  }

  private constructor(
    process_: PeerProcess,
    found: { port: number; inspectorUrl: string; storeDirectory: string; lifetimeSeconds: number },
  ) {
    this.#process = process_
    this.port = found.port
    this.inspectorUrl = found.inspectorUrl
    this.storeDirectory = found.storeDirectory
    this.#lifetimeSeconds = found.lifetimeSeconds
    // The first process is `timeout`, which ends the hub whatever happens to the soak.
    this.pid = descend(process_.pid)[1]!
  }

  /** The end of its output. */
  get output(): string {
    return this.#process.output
  }

  /** A token that grants everything to a publisher. */
  publisherToken(): Promise<string> {
    const publish = [{ match: '*', matchType: 'exact' as const }]
    return mintToken({ ...claims, publish, subject: 'publisher', lifetimeSeconds: this.#lifetimeSeconds })
  }

  /** A token of its own for each subscriber that asks, for the private events of one topic. */
  subscriberToken(topic: string, subject: string): Promise<string> {
    const subscribe = [{ match: topic, matchType: 'exact' as const }]
    return mintToken({ ...claims, subscribe, subject, lifetimeSeconds: this.#lifetimeSeconds })
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}

const main = fileURLToPath(new URL('../../packages/hub/dist/cli/main.js', import.meta.url))
const audience = 'https://soak.test/.well-known/mercure'
const issuer = 'https://soak.test'
const key = 'a shared secret that is good for a soak and for nothing else'
const claims = { key, algorithm: 'HS256', issuer, audience } as const
