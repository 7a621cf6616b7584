import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { initializeEngine } from '../../src/store/postgres/administer.ts'
import { electionOf } from '../../src/store/postgres/schema.ts'
import type { HistoryRow } from '../crash/delivery-checker.ts'
import { HubProcess } from '../crash/hub-process.ts'
import { authFlags } from '../crash/system-events.ts'
import { type Balancer, startBalancer } from './balancer.ts'
import { type ClusterEdge, createEdges } from './edges.ts'
import { EnginePair, type StandbyKind } from './engine-pair.ts'
import { canMakeNamespaces, Namespace } from './namespace.ts'
import { Relay } from './relay.ts'

/** A hub of the cluster, and what faults need of its surroundings. */
export interface ClusterNode {
  readonly name: string
  readonly hub: HubProcess
  readonly directory: string
  /** Its way to the engine. */
  readonly link: Namespace | Relay
  /** Steps its clock by so many seconds; missing where that is not possible. */
  readonly setClock: ((seconds: number) => void) | undefined
}

/** Somewhere a subscriber can come back to: a hub or an edge. */
export interface Door {
  readonly name: string
  readonly url: string
}

export const schema = 'headwater'
const hubPath = '/.well-known/mercure'
/** How long a publish waits for the engine, in seconds. */
const waitSeconds = 10
const clockLibrary = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'

/**
 * Three hubs over PostgreSQL with a standby, a balancer in front of them, and two edges in a row: the first copies the hubs behind the
 * balancer, the second copies the first. Where it may make them, two of the hubs are in networks of their own, one of those with a disk of
 * its own; the others reach the engine by a relay, as the edges do the hub upstream.
 */
export class Cluster {
  readonly nodes: readonly ClusterNode[]
  readonly edges: readonly ClusterEdge[]
  readonly engine: EnginePair
  readonly balancer: Balancer
  /** Where subscribers connect directly: the hubs, and then the edges. */
  readonly doors: readonly Door[]
  /** What cannot be tried on this machine. */
  readonly lacking: readonly string[]
  readonly #directory: string

  static async start(random: () => number, standby: StandbyKind = 'synchronous'): Promise<Cluster> {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-cluster-'))
    const lacking: string[] = []
    const closing: (() => Promise<void>)[] = []
    try {
      const hasNamespaces = canMakeNamespaces()
      if (!hasNamespaces) lacking.push('networks and disks of their own (needs root): partitions are made by relays')
      if (!existsSync(clockLibrary)) lacking.push('clock steps (needs libfaketime)')
      const namespaces: Namespace[] = []
      for (let index = 0; hasNamespaces && index < 2; index++) {
        const namespace = await Namespace.create(index)
        namespaces.push(namespace)
        closing.unshift(() => namespace.close())
      }
      const engine = await EnginePair.start(
        namespaces.map(({ engineAddress }) => engineAddress),
        standby,
      )
      closing.unshift(() => engine.dispose())
      await initializeEngine(engine.primary.url({ schema }))
      const nodes: ClusterNode[] = []
      for (let index = 0; index < 3; index++) {
        const relay = namespaces[index] ? undefined : await Relay.start(engine.ports, random)
        if (relay) closing.unshift(() => relay.close())
        nodes.push(await createNode(index, join(directory, `node-${index}`), engine, namespaces[index] ?? relay!))
      }
      const listens = nodes.map(({ hub }) => new URL(hub.url).host)
      const balancer = await startBalancer(listens, directory)
      closing.unshift(() => balancer.close())
      const edges = await createEdges(balancer.port, directory, random)
      return new Cluster(directory, nodes, edges, engine, balancer, lacking)
    } catch (error) {
      for (const close of closing) await close()
      rmSync(directory, { recursive: true, force: true })
      throw error
    }
  }

  private constructor(
    directory: string,
    nodes: readonly ClusterNode[],
    edges: readonly ClusterEdge[],
    engine: EnginePair,
    balancer: Balancer,
    lacking: readonly string[],
  ) {
    this.#directory = directory
    this.nodes = nodes
    this.edges = edges
    this.engine = engine
    this.balancer = balancer
    this.lacking = lacking
    this.doors = this.hubs.map(({ name, hub }) => ({ name, url: hub.url }))
  }

  /** The hub behind the balancer, whichever it is. */
  get url(): string {
    return `http://127.0.0.1:${this.balancer.port}${hubPath}`
  }

  /** All hubs, those at the edge included. */
  get hubs(): readonly (ClusterNode | ClusterEdge)[] {
    return [...this.nodes, ...this.edges]
  }

  /** Starts all hubs that do not run, and resolves when all are ready. */
  async ready(): Promise<void> {
    for (const { hub } of this.nodes) if (!hub.isStarted) hub.start()
    await Promise.all(this.nodes.map(({ hub }) => hub.ready()))
    // An edge starts when its hub upstream is there.
    for (const { hub } of this.edges) {
      if (!hub.isStarted) hub.start()
      await hub.ready()
    }
  }

  /** The node that works for all, by its lock in the engine; `undefined` while there is none. */
  async elected(): Promise<ClusterNode | undefined> {
    const [row] = await this.engine.primary.query(
      `SELECT client_addr, client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND (classid::bigint << 32) | objid::bigint = hashtextextended($1, 0)`,
      [electionOf(schema)],
    )
    if (!row) return undefined
    return this.nodes.find(({ link }) => link.has(String(row.client_addr), Number(row.client_port)))
  }

  /** Everything in the history, by SQL. */
  async history(): Promise<HistoryRow[]> {
    const rows = await this.engine.primary.query(
      `SELECT position, tag, data, is_escaped FROM ${schema}.event ORDER BY position`,
    )
    return rows.map(({ position, tag, data, is_escaped }) => ({
      position: Number(position),
      tag: Number(tag),
      data: is_escaped ? JSON.parse(String(data)) : String(data),
    }))
  }

  async close(): Promise<void> {
    const failures: unknown[] = []
    const closing = [
      ...this.edges.flatMap(({ hub, link }) => [() => hub.end(), () => link.close()]),
      () => this.balancer.close(),
      ...this.nodes.map(
        ({ hub }) =>
          () =>
            hub.end(),
      ),
      () => this.engine.dispose(),
      ...this.nodes.map(
        ({ link }) =>
          () =>
            link.close(),
      ),
    ]
    for (const close of closing) await close().catch((error: unknown) => failures.push(error))
    rmSync(this.#directory, { recursive: true, force: true })
    if (failures.length > 0) throw failures[0]
  }
}

async function createNode(
  index: number,
  directory: string,
  engine: EnginePair,
  link: Namespace | Relay,
): Promise<ClusterNode> {
  mkdirSync(directory)
  // The directory is always there; the disk is in the node's own view of it.
  if (index === 1 && link instanceof Namespace) link.mountDisk(directory)
  const hosts = (link instanceof Namespace ? engine.ports.map((port) => `${link.engineAddress}:${port}`) : link.ports)
    .map((host) => (typeof host === 'number' ? `127.0.0.1:${host}` : host))
    .join(',')
  const listen = link instanceof Namespace ? `${link.address}:3000` : `127.0.0.1:${await freePort()}`
  const parameters = new URLSearchParams({ directory: join(directory, 'data'), schema, wait: String(waitSeconds) })
  const clock = index === 2 && existsSync(clockLibrary) ? `${directory}.clock` : undefined
  const setClock =
    clock === undefined ? undefined : (seconds: number) => writeFileSync(clock, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  setClock?.(0)
  const hub = new HubProcess(
    {
      listen,
      prefix: link instanceof Namespace ? link.prefix : [],
      env: clock
        ? {
            LD_PRELOAD: clockLibrary,
            FAKETIME_TIMESTAMP_FILE: clock,
            FAKETIME_CACHE_DURATION: '1',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
          }
        : {},
    },
    ['--store', `postgres://headwater@${hosts}/postgres?${parameters}`, ...authFlags],
  )
  return { name: `hub ${index}`, hub, directory, link, setClock }
}
