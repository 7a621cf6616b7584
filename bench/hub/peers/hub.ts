import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mintToken } from '../../../packages/hub/src/auth/mint-token.ts'
import { initializeEngine } from '../../../packages/hub/src/store/postgres/administer.ts'
import { PostgresServer } from '../../../packages/hub/test/store/postgres/postgres-server.ts'
import { NodeProcess } from './node-process.ts'
import { eventStreamHeaders, httpRequest, type Peer, type PublishedEvent, type RunningPeer } from './peer.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** A peer that is the hub. */
export interface HubPeer extends Peer {
  /** The file to run. */
  readonly main: string
}

export const hub: HubPeer = hubWith('hub', 'headwater, `--store file:`, every event synced to disk', (directory) => [
  '--store',
  `file:${join(directory, 'store')}`,
])

export const hubInMemory: HubPeer = hubWith('hub-memory', 'headwater, `--store memory:`', () => ['--store', 'memory:'])

/** Only on request: on a machine with two cores, the client uses one of them. */
export const hubInThreads: HubPeer = hubWith('hub-threads', 'headwater, `--store file: --threads 2`', (directory) => [
  '--store',
  `file:${join(directory, 'store')}`,
  '--threads',
  '2',
])

/**
 * Only on request: a hub over a PostgreSQL of its own, which syncs every batch. The CPU of the engine is not that of the hub.
 */
export const hubOverPostgres: HubPeer = {
  ...hub,
  name: 'hub-postgres',
  // It can do what that one can.
  versionOf: 'hub',
  description: 'headwater, `--store postgres:`, every batch synced to disk',
  async start(options) {
    const engine = await PostgresServer.start()
    try {
      const url = engine.url({ directory: join(options.directory, 'store') })
      await initializeEngine(url)
      const running = await hubWith('', '', () => ['--store', url]).start.call(this, options)
      return {
        ...running,
        async stop() {
          await running.stop()
          await engine.dispose()
        },
      }
    } catch (error) {
      await engine.dispose()
      throw error
    }
  },
}

/** Requests that only the hub understands, for the scenarios without other peers. */
export interface RunningHub extends RunningPeer {
  /** Selects by exact topics and URL patterns; with a token, private events too. */
  subscribeToAll(matchers: readonly Matcher[], token?: string): string
  publishPrivately(event: PublishedEvent): string
  publishJson(events: readonly PublishedEvent[]): string
  /** The head of a request whose body is lines of JSON, in chunks. */
  readonly publishLinesHead: string
  /** A token that grants the private events of these topics. */
  tokenFor(topics: readonly string[]): Promise<string>
}

export interface Matcher {
  readonly name: 'match' | 'match_urlpattern'
  readonly value: string
}

export function isHub(peer: RunningPeer): peer is RunningHub {
  return 'publishLinesHead' in peer
}

/**
 * The same peer with the hub of another checkout, which has been built: the version before. Throws
 * if there is no hub in that directory.
 */
export function versionBefore(peer: HubPeer, directory: string): HubPeer {
  const main = mainOf(directory)
  if (!existsSync(main))
    throw new Error(`${directory} has no built hub. It takes ${main}: run \`npm run build\` there.`)
  const name = `${peer.name}-before`
  return { ...peer, name, description: `${peer.description}, the version before`, versionOf: peer.name, main }
}

/** The command of the hub in a checkout. */
function mainOf(checkout: string): string {
  return join(checkout, 'packages/hub/dist/cli/main.js')
}

const path = '/.well-known/mercure'
const audience = 'https://bench.test/.well-known/mercure'
const issuer = 'https://bench.test'
const key = 'a shared secret that is good for a benchmark and for nothing else'

function hubWith(name: string, description: string, storeFlags: (directory: string) => string[]): HubPeer {
  return {
    name,
    description,
    main: mainOf(repository),
    async start(options): Promise<RunningHub> {
      const args = [
        this.main,
        'serve',
        '--dev',
        ...['--listen', '127.0.0.1:0', ...storeFlags(options.directory)],
        ...['--subscriber-key', key, '--key-alg', 'HS256', '--issuer', issuer, '--audience', audience],
        // One machine acts as all clients.
        ...['--max-subscribers-per-address', '100000', '--max-publish-rate', '100000000', '--max-body-bytes', '64MiB'],
      ]
      const process_ = new NodeProcess(args, options)
      const { allocatedBytes } = process_
      const [, port] = await process_.says(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
      return {
        port: Number(port),
        pid: process_.pid,
        publishRequest: (event) => publishForm(event, ''),
        publishPrivately: (event) => publishForm(event, '&private=on'),
        publishJson: (events) =>
          httpRequest('POST', path, { 'Content-Type': 'application/json' }, JSON.stringify(events)),
        publishLinesHead: httpRequest('POST', path, {
          'Content-Type': 'application/x-ndjson',
          'Transfer-Encoding': 'chunked',
        }),
        subscribeRequest: (topic, lastEventId) =>
          httpRequest('GET', `${path}?match=${encodeURIComponent(topic)}`, eventStreamHeaders(lastEventId)),
        subscribeToAll(matchers, token) {
          const query = matchers.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join('&')
          return httpRequest('GET', `${path}?${query}`, {
            ...eventStreamHeaders(undefined),
            ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          })
        },
        tokenFor,
        ...(allocatedBytes && { allocatedBytes }),
        stop: () => process_.stop(),
      }
    },
  }
}

function publishForm({ topic, data }: PublishedEvent, rest: string): string {
  const body = `topic=${encodeURIComponent(topic)}&data=${encodeURIComponent(data)}${rest}`
  return httpRequest('POST', path, { 'Content-Type': 'application/x-www-form-urlencoded' }, body)
}

/** Grants the private events of these topics. */
function tokenFor(topics: readonly string[]): Promise<string> {
  return mintToken({
    key,
    algorithm: 'HS256',
    issuer,
    audience,
    subscribe: topics.map((match) => ({ match, matchType: 'exact' })),
  })
}
