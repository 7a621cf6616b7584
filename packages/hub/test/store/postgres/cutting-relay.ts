import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A relay to a server on this machine that can cut its connections at any byte. */
export interface CuttingRelay {
  readonly port: number
  /** Cuts each connection when this many bytes of the server's answers have passed; `undefined`: never. */
  cutAfter: (() => number) | undefined
  /** Cuts all connections now. */
  cut(): void
  /** Passes nothing on, and answers nothing, until it is called again with `false`. */
  stall(isStalled: boolean): void
  close(): Promise<void>
}

export async function startRelay(targetPort: number): Promise<CuttingRelay> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let isStalled = false
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1')
    const pair = [client, target] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      target.destroy()
    }
    let left = relay.cutAfter?.() ?? Infinity
    client.on('data', (bytes) => target.write(bytes))
    target.on('data', (bytes) => {
      left -= bytes.length
      if (left < 0) end()
      else client.write(bytes)
    })
    for (const socket of pair) {
      socket.on('error', end)
      socket.on('close', end)
      if (isStalled) socket.pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const relay: CuttingRelay = {
    port: (server.address() as { port: number }).port,
    cutAfter: undefined,
    cut() {
      for (const [client, target] of pairs) {
        client.destroy()
        target.destroy()
      }
    },
    stall(now) {
      isStalled = now
      for (const socket of [...pairs].flat()) {
        if (now) socket.pause()
        else socket.resume()
      }
    },
    async close() {
      relay.cut()
      server.close()
      await once(server, 'close')
    },
  }
  return relay
}
