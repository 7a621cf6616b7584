import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { HubProcess } from '../crash/hub-process.ts'
import { authFlags, edgeToken } from '../crash/system-events.ts'
import { Relay } from './relay.ts'

/** A hub at the edge, and what faults need of its surroundings. */
export interface ClusterEdge {
  readonly name: string
  readonly hub: HubProcess
  /** Its way to the hub upstream. */
  readonly link: Relay
  /** Deletes its copy. It must not run. */
  loseCopy(): void
}

/** Two edges in a row: the first copies what is at a port, the second copies the first. None of them is started. */
export async function createEdges(port: number, directory: string, random: () => number): Promise<ClusterEdge[]> {
  const first = await createEdge('edge 1', port, join(directory, 'edge-1'), random)
  const second = await createEdge('edge 2', Number(new URL(first.hub.url).port), join(directory, 'edge-2'), random)
  return [first, second]
}

async function createEdge(
  name: string,
  upstreamPort: number,
  directory: string,
  random: () => number,
): Promise<ClusterEdge> {
  mkdirSync(directory)
  const link = await Relay.start([upstreamPort], random)
  const hub = new HubProcess({ listen: `127.0.0.1:${await freePort()}` }, [
    ...['--store', `file:${directory}`, '--upstream', `http://127.0.0.1:${link.ports[0]}`],
    ...['--upstream-token', edgeToken, ...authFlags],
  ])
  const loseCopy = () => {
    rmSync(directory, { recursive: true })
    mkdirSync(directory)
  }
  return { name, hub, link, loseCopy }
}
