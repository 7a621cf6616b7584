import { floor } from './floor.ts'
import { type HubPeer, hub, hubInMemory, hubInThreads, hubOverPostgres, versionBefore } from './hub.ts'
import { nchan } from './nchan.ts'
import { betterSse, naive, nodeServer } from './node-server.ts'
import type { Peer } from './peer.ts'

/** Sends as fast as it can. It only measures the limit of the client. */
const blast = nodeServer('blast', 'the ceiling of the client', 'blast-server.ts')

export const peers: readonly Peer[] = [hub, hubInMemory, nchan, betterSse, naive, floor, blast]

/**
 * The peers with these names; all if there are none. If `before` is given, each hub is joined by
 * that of this checkout. Throws if a name is not known.
 */
export function choosePeers(names: readonly string[], before?: string): readonly Peer[] {
  const chosen = names.length === 0 ? peers : names.map(peerNamed)
  if (before === undefined) return chosen
  return chosen.flatMap((peer) => (isHubPeer(peer) ? [peer, versionBefore(peer, before)] : [peer]))
}

function peerNamed(name: string): Peer {
  const peer = [...peers, hubInThreads, hubOverPostgres].find((each) => each.name === name)
  if (peer) return peer
  throw new Error(`There is no peer ${name}. There are: ${peers.map((each) => each.name).join(', ')}.`)
}

function isHubPeer(peer: Peer): peer is HubPeer {
  return 'main' in peer
}
