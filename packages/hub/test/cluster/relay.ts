import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Link } from './link.ts'

/** How bad the way is. */
export interface Weather {
  /** How long each piece takes, in milliseconds: up to so many. */
  readonly delayMs: number
  /** How likely each piece is to be the last of its connection. */
  readonly dropChance: number
}

/** Relays to ports of this machine, as one way to them: it can be cut, delay, and drop connections. */
export class Relay implements Link {
  readonly ports: number[] = []
  readonly #servers: Server[] = []
  readonly #ways = new Set<Way>()
  readonly #random: () => number
  #held = { there: false, back: false }
  #weather: Weather = { delayMs: 0, dropChance: 0 }

  static async start(targets: readonly number[], random: () => number): Promise<Relay> {
    const relay = new Relay(random)
    for (const target of targets) await relay.#listen(target)
    return relay
  }

  private constructor(random: () => number) {
    this.#random = random
  }

  has(_address: string, port: number): boolean {
    return [...this.#ways].some(({ fromPort }) => fromPort === port)
  }

  cut(direction: 'both' | 'there' | 'back'): void {
    this.#held = { there: direction !== 'back', back: direction !== 'there' }
  }

  heal(): void {
    this.#held = { there: false, back: false }
    this.#weather = { delayMs: 0, dropChance: 0 }
    for (const way of this.#ways) way.flush()
  }

  worsen(weather: Weather): void {
    this.#weather = weather
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close()
    for (const way of this.#ways) way.end()
    await Promise.all(this.#servers.map((server) => once(server, 'close')))
  }

  async #listen(target: number): Promise<void> {
    const server = createServer((client) => {
      const other = connect(target, '127.0.0.1')
      const ways = [
        new Way(client, other, () => this.#delay('there')),
        new Way(other, client, () => this.#delay('back')),
      ]
      const end = () => {
        for (const way of ways) {
          way.end()
          this.#ways.delete(way)
        }
      }
      for (const way of ways) this.#ways.add(way)
      for (const socket of [client, other]) socket.on('error', end).on('close', end)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#servers.push(server)
    this.ports.push((server.address() as { port: number }).port)
  }

  /** How long the next piece takes; `Infinity` while nothing passes, `undefined` if it breaks the connection. */
  #delay(direction: 'there' | 'back'): number | undefined {
    if (this.#held[direction]) return Infinity
    const { delayMs, dropChance } = this.#weather
    if (this.#random() < dropChance) return undefined
    return delayMs * this.#random()
  }
}

/** One direction of a connection. Pieces stay in order. */
class Way {
  readonly #from: Socket
  readonly #to: Socket
  readonly #delay: () => number | undefined
  readonly #waiting: Buffer[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, delay: () => number | undefined) {
    this.#from = from
    this.#to = to
    this.#delay = delay
    from.on('data', (bytes: Buffer) => {
      this.#waiting.push(bytes)
      this.#pass()
    })
  }

  /** The port of this side of the connection that it reads from. */
  get fromPort(): number | undefined {
    return this.#from.localPort
  }

  /** Lets go what is held. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pass()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#waiting.length = 0
    this.#from.destroy()
  }

  #pass(): void {
    while (this.#timer === undefined && this.#waiting.length > 0) {
      const delay = this.#delay()
      if (delay === undefined) {
        this.#from.destroy()
        return
      }
      if (delay === Infinity) return
      if (delay === 0) this.#to.write(this.#waiting.shift()!)
      else {
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          const bytes = this.#waiting.shift()
          if (bytes) this.#to.write(bytes)
          this.#pass()
        }, delay)
      }
    }
  }
}
