import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster, ClusterNode } from './cluster.ts'
import type { ClusterEdge } from './edges.ts'
import { Namespace } from './namespace.ts'
import { Relay } from './relay.ts'

/** What faults need to know. */
export interface FaultContext {
  readonly cluster: Cluster
  readonly random: () => number
  /** How long what lasts lasts, in milliseconds: a hub that is stopped, a way that is cut. */
  readonly lastingMs: number
  /** Resolves when every publisher has published something that it began after this call, and every hub has delivered such. */
  untilAllWork(): Promise<void>
}

/** Something that goes wrong, and is mended by whoever operates a cluster. Resolves when it is mended. */
export interface Fault {
  readonly kind: string
  /** Whether it can be tried in this cluster. Default: yes. */
  readonly fits?: (cluster: Cluster) => boolean
  run(context: FaultContext): Promise<void>
}

export const faults: readonly Fault[] = [
  {
    kind: 'a hub is killed',
    run: async ({ cluster, random }) => await killHub(anyNode(cluster, random)),
  },
  {
    kind: 'the elected hub is killed',
    run: async ({ cluster }) => await killHub(await electedNode(cluster)),
  },
  {
    kind: 'the primary is killed, the standby promoted',
    run: async ({ cluster: { engine } }) => {
      await engine.primary.kill()
      await engine.promote()
      await engine.addStandby()
    },
  },
  {
    kind: 'the elected hub and the primary are killed at once',
    run: async ({ cluster }) => {
      const { hub } = await electedNode(cluster)
      await Promise.all([hub.kill(), cluster.engine.primary.kill()])
      await cluster.engine.promote()
      hub.start()
      await hub.ready()
      await cluster.engine.addStandby()
    },
  },
  {
    // As a machine that loses its power: no connection to it is ever closed.
    kind: 'the primary hangs, the standby promoted',
    run: async ({ cluster: { engine }, untilAllWork }) => {
      engine.primary.freeze()
      await engine.promote()
      await untilAllWork()
      await engine.addStandby()
    },
  },
  {
    kind: 'the primary is killed and starts again',
    run: async ({ cluster: { engine }, random }) => {
      await engine.primary.kill()
      await pause(random() * 500)
      await engine.primary.up()
      await engine.standbyInSync()
    },
  },
  {
    kind: 'the standby is away: commits wait',
    run: async ({ cluster: { engine }, lastingMs }) => {
      await engine.standby.kill()
      await pause(lastingMs / 4)
      await engine.standby.up()
      await engine.standbyInSync()
    },
  },
  {
    kind: 'all hubs restart, one after the other',
    run: async ({ cluster }) => {
      for (const { hub } of cluster.nodes) {
        await hub.kill('SIGTERM')
        hub.start()
        await hub.ready()
      }
    },
  },
  {
    kind: 'all hubs are killed at once',
    run: async ({ cluster }) => {
      await Promise.all(cluster.nodes.map(({ hub }) => hub.kill()))
      await cluster.ready()
    },
  },
  cut('a hub is cut off from the engine', 'both'),
  cut('nothing from a hub reaches the engine', 'there'),
  cut('nothing from the engine reaches a hub', 'back'),
  {
    kind: 'a hub is stopped (SIGSTOP)',
    run: async ({ cluster, random, lastingMs }) => await stopHub(anyNode(cluster, random), lastingMs),
  },
  {
    kind: 'the elected hub is stopped (SIGSTOP)',
    run: async ({ cluster, lastingMs }) => await stopHub(await electedNode(cluster), lastingMs),
  },
  {
    kind: 'the disk of a hub is full',
    fits: (cluster) => cluster.nodes.some(hasDisk),
    run: async ({ cluster, lastingMs }) => {
      const node = cluster.nodes.find(hasDisk)!
      node.link.fillDisk(node.directory, true)
      await pause(lastingMs / 2)
      node.link.fillDisk(node.directory, false)
    },
  },
  {
    kind: 'the clock of a hub jumps by an hour',
    fits: (cluster) => cluster.nodes.some(({ setClock }) => setClock),
    run: async ({ cluster, random }) => {
      const setClock = cluster.nodes.find(({ setClock }) => setClock)!.setClock!
      setClock(random() < 0.5 ? 3600 : -3600)
      // The clock is looked up once a second.
      await pause(1500)
      setClock(0)
      await pause(1500)
    },
  },
  {
    kind: 'the way to the engine delays and drops',
    run: async ({ cluster, lastingMs }) => {
      const relay = cluster.nodes.map(({ link }) => link).find((link) => link instanceof Relay)!
      relay.worsen({ delayMs: 100, dropChance: 0.03 })
      await pause(lastingMs / 2)
      relay.heal()
    },
  },
  {
    kind: 'an edge is killed',
    run: async ({ cluster, random }) => await killHub(anyEdge(cluster, random)),
  },
  {
    kind: 'both edges are killed at once',
    run: async ({ cluster }) => {
      await Promise.all(cluster.edges.map(({ hub }) => hub.kill()))
      await cluster.ready()
    },
  },
  {
    kind: 'an edge is killed, and its copy lost',
    run: async ({ cluster, random }) => {
      const { hub, loseCopy } = anyEdge(cluster, random)
      await hub.kill()
      loseCopy()
      hub.start()
      await hub.ready()
    },
  },
  {
    kind: 'the first edge is stopped (SIGSTOP)',
    run: async ({ cluster, lastingMs }) => await stopHub(cluster.edges[0]!, lastingMs),
  },
  {
    kind: 'the first edge is cut off from the hubs',
    run: async ({ cluster, random, lastingMs }) => {
      const { link } = cluster.edges[0]!
      link.cut('both')
      await pause(lastingMs * (0.3 + 0.7 * random()))
      link.heal()
    },
  },
]

function cut(kind: string, direction: 'both' | 'there' | 'back'): Fault {
  return {
    kind,
    run: async ({ cluster, random, lastingMs }) => {
      const { link } = anyNode(cluster, random)
      link.cut(direction)
      await pause(lastingMs * (0.3 + 0.7 * random()))
      link.heal()
    },
  }
}

function anyNode({ nodes }: Cluster, random: () => number): ClusterNode {
  return nodes[Math.floor(random() * nodes.length)]!
}

function anyEdge({ edges }: Cluster, random: () => number): ClusterEdge {
  return edges[Math.floor(random() * edges.length)]!
}

async function electedNode(cluster: Cluster): Promise<ClusterNode> {
  for (;;) {
    const node = await cluster.elected()
    if (node) return node
    await pause(50)
  }
}

async function killHub({ hub }: ClusterNode | ClusterEdge): Promise<void> {
  await hub.kill()
  hub.start()
  await hub.ready()
}

async function stopHub({ hub }: ClusterNode | ClusterEdge, ms: number): Promise<void> {
  hub.signal('SIGSTOP')
  await pause(ms)
  hub.signal('SIGCONT')
}

function hasDisk(node: ClusterNode): node is ClusterNode & { readonly link: Namespace } {
  return node.name === 'hub 1' && node.link instanceof Namespace
}
