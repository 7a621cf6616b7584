import { fileURLToPath } from 'node:url'
import { NodeProcess } from './node-process.ts'
import { eventStreamHeaders, httpRequest, type Peer, type PeerProcess, type RunningPeer } from './peer.ts'

export const betterSse: Peer = nodeServer(
  'better-sse',
  'a channel of better-sse for each topic',
  'better-sse-server.ts',
)
export const naive: Peer = nodeServer('naive', 'a loop of `res.write` over the subscribers', 'naive-server.ts')

/** A server in a TypeScript file of this folder. It prints `listening on PORT`. */
export function nodeServer(name: string, description: string, file: string): Peer {
  return {
    name,
    description,
    async start(options) {
      const server = new NodeProcess([fileURLToPath(new URL(file, import.meta.url))], options)
      const { allocatedBytes } = server
      return { ...(await startServer(server)), ...(allocatedBytes && { allocatedBytes }) }
    },
  }
}

/**
 * A server that accepts events as the body of `POST /publish?topic=…` and subscribers at
 * `GET /subscribe?topic=…`.
 */
export async function startServer(server: PeerProcess): Promise<RunningPeer> {
  const [, port] = await server.says(/listening on (\d+)/)
  return {
    port: Number(port),
    pid: server.pid,
    publishRequest: ({ topic, data }) =>
      httpRequest('POST', `/publish?topic=${encodeURIComponent(topic)}`, { 'Content-Type': 'text/plain' }, data),
    subscribeRequest: (topic, lastEventId) =>
      httpRequest('GET', `/subscribe?topic=${encodeURIComponent(topic)}`, eventStreamHeaders(lastEventId)),
    stop: () => server.stop(),
  }
}
