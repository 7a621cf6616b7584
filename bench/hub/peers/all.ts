import { floor } from './floor.ts'
import { hub, hubInMemory, hubInThreads } from './hub.ts'
import { nchan } from './nchan.ts'
import { betterSse, naive, nodeServer } from './node-server.ts'
import type { Peer } from './peer.ts'

/** Sends as fast as it can: for the ceiling of the client, and nothing else. */
const blast = nodeServer('blast', 'the ceiling of the client', 'blast-server.ts')

export const peers: readonly Peer[] = [hub, hubInMemory, nchan, betterSse, naive, floor, blast]

/** Those by these names; all if there are none. Throws if one is not known. */
export function choosePeers(names: readonly string[]): readonly Peer[] {
  if (names.length === 0) return peers
  return names.map((name) => {
    const peer = [...peers, hubInThreads].find((each) => each.name === name)
    if (peer) return peer
    throw new Error(`There is no peer ${name}. There are: ${peers.map((each) => each.name).join(', ')}.`)
  })
}
