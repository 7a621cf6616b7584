import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './free-port.ts'

/** The network between browser and hub: everything on one port is passed on to the hub, until it is cut. */
export class Network {
  readonly #upstreamPort: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  /** One that stays free while the network is cut: another program must not be found there, nor the browser find itself. */
  readonly port: number
  /** What has gone to the hub, over all connections, and what has come from it. */
  sent = ''
  received = ''

  /** A network to what listens on this port of 127.0.0.1, not yet cut. */
  static async to(upstreamPort: number): Promise<Network> {
    const network = new Network(upstreamPort, await freePort())
    await network.restore()
    return network
  }

  private constructor(upstreamPort: number, port: number) {
    this.#upstreamPort = upstreamPort
    this.port = port
  }

  async restore(): Promise<void> {
    const server = createServer((client) => {
      const upstream = connect(this.#upstreamPort, '127.0.0.1')
      client.on('data', (chunk) => {
        this.sent += chunk.toString('latin1')
      })
      upstream.on('data', (chunk) => {
        this.received += chunk.toString('latin1')
      })
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(socket)
        socket.pipe(other)
        socket.on('error', () => other.destroy())
        socket.on('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
      }
    })
    await once(server.listen(this.port, '127.0.0.1'), 'listening')
    this.#server = server
  }

  /** Every connection breaks, and new ones are refused. */
  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }
}
