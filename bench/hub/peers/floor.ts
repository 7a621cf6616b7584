import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from './node-server.ts'
import { heartbeatMs, type Peer, PeerProcess } from './peer.ts'

/** In C. On a machine without a compiler it is the same in Node, and its note says so. */
export const floor: Peer = {
  name: 'floor',
  description: 'the same bytes, one write for each subscriber and event, and nothing else',
  async start({ directory }) {
    const binary = join(directory, 'floor')
    const isCompiled = spawnSync('cc', ['-O2', '-o', binary, fileOf('floor.c')]).status === 0
    const server = isCompiled
      ? new PeerProcess(binary, [String(heartbeatMs / 1000)])
      : new PeerProcess(process.execPath, [fileOf('floor-server.ts')])
    return { ...(await startServer(server)), note: isCompiled ? 'in C' : 'in Node' }
  },
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
