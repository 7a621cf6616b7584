import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** The network between browser and hub: everything on one port is passed on to the hub, until it is cut. */
export class Network {
  readonly #upstreamPort: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  /**
   * Of those that the system hands out to nobody: while the network is cut, another program must not be found there, nor the browser find
   * itself.
   */
  #port = 20_000 + Math.floor(Math.random() * 10_000)
  /** What has gone to the hub, over all connections, and what has come from it. */
  sent = ''
  received = ''

  constructor(upstreamPort: number) {
    this.#upstreamPort = upstreamPort
  }

  get port(): number {
    return this.#port
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
    while (!(await isListening(server, this.#port))) this.#port++
    this.#server = server
  }

  /** Every connection breaks, or ends after what has come over it so far; and new ones are refused. */
  async cut({ afterAll = false } = {}): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) {
      if (afterAll) socket.destroySoon()
      else socket.resetAndDestroy()
    }
    await closed
  }
}

/** `false` if somebody else has the port. */
function isListening(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const refuse = () => resolve(false)
    server.once('error', refuse)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', refuse)
      resolve(true)
    })
  })
}
