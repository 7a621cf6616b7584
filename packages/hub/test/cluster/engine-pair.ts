import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { PostgresServer } from '../store/postgres/postgres-server.ts'

const syncStates = { synchronous: 'sync', asynchronous: 'async' }

/** How a primary treats its standby: whether a commit waits for it. */
export type StandbyKind = 'synchronous' | 'asynchronous'

/** A primary and its standby, at two ports that stay the same whichever of them is which. */
export class EnginePair {
  readonly ports: readonly [number, number]
  readonly #addresses: readonly string[]
  readonly #standbyKind: StandbyKind
  #primary!: PostgresServer
  #standby: PostgresServer | undefined
  /** What was the primary before. */
  #old: PostgresServer | undefined

  /** @param addresses Where it listens besides 127.0.0.1. */
  static async start(addresses: readonly string[], standby: StandbyKind): Promise<EnginePair> {
    const pair = new EnginePair([await freePort(), await freePort()], addresses, standby)
    pair.#primary = await pair.#server(pair.ports[0])
    try {
      await pair.addStandby()
      return pair
    } catch (error) {
      await pair.dispose()
      throw error
    }
  }

  private constructor(ports: readonly [number, number], addresses: readonly string[], standby: StandbyKind) {
    this.ports = ports
    this.#addresses = addresses
    this.#standbyKind = standby
  }

  get primary(): PostgresServer {
    return this.#primary
  }

  get standby(): PostgresServer {
    return this.#standby!
  }

  /** The standby takes over, whatever has become of the primary. That one never comes back. */
  async promote(): Promise<void> {
    const [old, standby] = [this.#primary, this.#standby!]
    await standby.promote()
    this.#primary = standby
    this.#standby = undefined
    this.#old = old
  }

  /** Makes a copy of the primary its standby, in the place of the old one, and waits until it follows. */
  async addStandby(): Promise<void> {
    await this.#disposeOld()
    const port = this.ports.find((port) => port !== this.#primary.port)!
    this.#standby = await this.#server(port, this.#primary)
    if (this.#standbyKind === 'synchronous') {
      await this.#primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
      await this.#primary.query('SELECT pg_reload_conf()')
    }
    await this.standbyInSync()
  }

  /** Resolves when the standby follows; if it is synchronous, when commits wait for it. */
  async standbyInSync(): Promise<void> {
    for (;;) {
      const rows = await this.#primary.query('SELECT state, sync_state FROM pg_stat_replication')
      if (rows[0]?.state === 'streaming' && rows[0].sync_state === syncStates[this.#standbyKind]) return
      await pause(30)
    }
  }

  async dispose(): Promise<void> {
    await this.#disposeOld()
    await this.#standby?.dispose()
    await this.#primary.dispose()
  }

  async #disposeOld(): Promise<void> {
    const old = this.#old
    this.#old = undefined
    if (old?.isRunning) await old.kill()
    await old?.dispose()
  }

  #server(port: number, primary?: PostgresServer): Promise<PostgresServer> {
    const settings = { max_connections: '150', wal_keep_size: '512MB' }
    return PostgresServer.start({ settings, port, addresses: this.#addresses, ...(primary && { primary }) })
  }
}
