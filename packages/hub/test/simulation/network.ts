import type { FetchHandler } from '../../src/http/server/fetch-handler.ts'
import { Process, type Scheduler } from './scheduler.ts'

/** A process that answers requests. */
export interface Server {
  readonly process: Process
  readonly handle: FetchHandler
}

/** What the network does to those who use it. */
export interface NetworkManners {
  /** How long bytes take as a rule, in milliseconds, and how likely they take much longer. */
  readonly latencyMs: number
  readonly slowness: number
  /** How likely a request is lost before it arrives, and its answer after the server has made it. */
  readonly lostRequests: number
  readonly lostAnswers: number
  /** How likely an answer breaks off within its first bytes. */
  readonly breaks: number
  /** How many bytes may be on their way to one who does not read. */
  readonly windowBytes: number
  /** How likely bytes that arrive are cut in two. */
  readonly cuts: number
}

/** A connection as those see it who watch the simulation. */
export interface Exchange {
  /** Who answers; `undefined` until the request has arrived. */
  server: Server | undefined
  /** Told where the request goes; `false` loses it. */
  readonly onRoute?: (server: Server) => boolean
}

/**
 * A network in memory: what `fetch` is to the client, and Fetch requests and responses to the server. It delays, cuts and loses, and
 * each side learns of a broken connection in its own time. Bytes that arrive arrive once and in order.
 */
export class Network {
  manners: NetworkManners
  readonly #scheduler: Scheduler
  readonly #route: () => Server | undefined
  /** Where requests are before they have arrived. */
  readonly #process = new Process('network')
  readonly #wires = new Set<Wire>()

  constructor(scheduler: Scheduler, manners: NetworkManners, route: () => Server | undefined) {
    this.#scheduler = scheduler
    this.manners = manners
    this.#route = route
  }

  get connectionCount(): number {
    return this.#wires.size
  }

  /** `fetch` for a client. Its body is text. */
  fetch(
    client: Process,
    url: string,
    init: RequestInit,
    exchange: Exchange = { server: undefined },
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (init.signal?.aborted) return reject(init.signal.reason)
      const wire = new Wire(this, this.#scheduler, client, { url, init, exchange, resolve, reject })
      this.#wires.add(wire)
      this.#scheduler.after(this.latency(), this.#process, () => {
        const isLost = this.#scheduler.chance(this.manners.lostRequests)
        const chosen = this.#route()
        const server = chosen && !isLost && exchange.onRoute?.(chosen) !== false ? chosen : undefined
        if (server) this.#scheduler.after(0, server.process, () => wire.arrive(server))
        else wire.lose()
        // A server that dies in this very moment takes nothing.
        if (server) this.#scheduler.after(this.latency() + 1, this.#process, () => wire.assertArrived())
      })
    })
  }

  /** Breaks a connection, any of them. */
  breakOne(): void {
    const wires = [...this.#wires].filter((wire) => wire.isStream)
    if (wires.length > 0) this.#scheduler.pick(wires).breakUp()
  }

  /** One of the clients does not read for a while. */
  stallOne(ms: number): void {
    const wires = [...this.#wires].filter((wire) => wire.isStream)
    if (wires.length > 0) this.#scheduler.pick(wires).stall(ms)
  }

  /** Clients learn of it at once, or after long. */
  onServerDeath(process: Process): void {
    for (const wire of this.#wires) {
      if (wire.server?.process !== process) continue
      wire.breakForClient(this.#timeToNotice())
      wire.breakForServer(0)
    }
  }

  onClientDeath(process: Process): void {
    for (const wire of this.#wires) {
      if (wire.client !== process) continue
      wire.breakForServer(this.#timeToNotice())
      wire.breakForClient(0)
    }
  }

  latency(): number {
    const { latencyMs, slowness } = this.manners
    const latency = this.#scheduler.random() * latencyMs
    return this.#scheduler.chance(slowness) ? latency * 30 : latency
  }

  /** Internal: how long one side goes on without knowing that the other has gone. */
  #timeToNotice(): number {
    return this.#scheduler.chance(0.3) ? this.#scheduler.random() * 40_000 : this.latency()
  }

  /** Internal. */
  forget(wire: Wire): void {
    this.#wires.delete(wire)
  }
}

interface Call {
  readonly url: string
  readonly init: RequestInit
  readonly exchange: Exchange
  readonly resolve: (response: Response) => void
  readonly reject: (error: unknown) => void
}

/** One request and its answer. */
class Wire {
  readonly client: Process
  server: Server | undefined
  /** Whether the answer is one that goes on. */
  isStream = false
  readonly #network: Network
  readonly #scheduler: Scheduler
  readonly #call: Call
  readonly #serverSignal = new AbortController()
  /** Which sides are done with it. */
  #isOverForClient = false
  #isOverForServer = false
  /** What comes for the client comes no earlier than this. */
  #clientAt = 0
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #body: ReadableStreamDefaultController<Uint8Array> | undefined
  readonly #arrived: (Uint8Array | 'end')[] = []
  #onArrival: (() => void) | undefined
  #underWayBytes = 0
  #onCredit: (() => void) | undefined
  /** After so many bytes of the answer it breaks off. */
  #breaksAfter: number

  constructor(network: Network, scheduler: Scheduler, client: Process, call: Call) {
    this.#network = network
    this.#scheduler = scheduler
    this.client = client
    this.#call = call
    this.#breaksAfter = scheduler.chance(network.manners.breaks) ? scheduler.between(0, 1500) : Infinity
    call.init.signal?.addEventListener('abort', () => this.#abandon(call.init.signal?.reason))
  }

  arrive(server: Server): void {
    if (this.#isOverForServer) return
    this.server = server
    this.#call.exchange.server = server
    const { url, init } = this.#call
    const headers = new Headers(init.headers)
    const body = typeof init.body === 'string' ? this.#requestBody(init.body) : undefined
    const request = new Request(url, { method: init.method ?? 'GET', headers, ...(body && { body, duplex: 'half' }) })
    // A request's own signal follows the one it is made with only until the garbage collector finds it: the one thing here that no
    // seed decides.
    Object.defineProperty(request, 'signal', { value: this.#serverSignal.signal })
    server.handle(request).then(
      (response) => this.#answer(response),
      (error: unknown) => this.#scheduler.note('the handler rejects:', error),
    )
  }

  /** Fails if nobody took it. */
  assertArrived(): void {
    if (!this.server) this.lose()
  }

  lose(): void {
    this.breakForClient(this.#network.latency())
    this.breakForServer(0)
  }

  breakUp(): void {
    this.#scheduler.note(`the connection of ${this.client.name} breaks`)
    // A proxy ends in good order what it was sent without a length.
    this.breakForClient(this.#network.latency(), this.isStream && this.#scheduler.chance(0.3))
    this.breakForServer(this.#scheduler.chance(0.2) ? this.#scheduler.random() * 20_000 : this.#network.latency())
  }

  stall(ms: number): void {
    this.#scheduler.note(`${this.client.name} does not read for ${Math.round(ms)} ms`)
    this.#clientAt = Math.max(this.#clientAt, this.#scheduler.now + ms)
  }

  /** What is under way and comes later than that is lost. */
  breakForClient(delay: number, inGoodOrder = false): void {
    this.#scheduler.after(delay, this.client, () => {
      if (this.#isOverForClient) return
      this.#overForClient()
      if (!this.#body) this.#call.reject(new TypeError('fetch failed'))
      else if (inGoodOrder) this.#body.close()
      else this.#body.error(new TypeError('terminated'))
      this.#onArrival?.()
    })
    if (!this.client.isAlive) this.#overForClient()
  }

  breakForServer(delay: number): void {
    const notice = () => {
      if (this.#isOverForServer) return
      this.#overForServer()
      // Runtimes abort the signal, cancel the body, or both.
      const how = this.#scheduler.between(0, 2)
      if (how !== 0) this.#serverSignal.abort(new DOMException('The client left', 'AbortError'))
      if (how !== 1) this.#reader?.cancel().catch(ignore)
      this.#onCredit?.()
    }
    if (this.server?.process.isAlive) this.#scheduler.after(delay, this.server.process, notice, true)
    else this.#overForServer()
  }

  /** The client gives up. */
  #abandon(reason: unknown): void {
    if (this.#isOverForClient) return
    this.#overForClient()
    if (this.#body) this.#body.error(reason)
    else this.#call.reject(reason)
    this.#onArrival?.()
    this.breakForServer(this.#network.latency())
  }

  #overForClient(): void {
    this.#isOverForClient = true
    this.#forgetIfOver()
  }

  #overForServer(): void {
    this.#isOverForServer = true
    this.#forgetIfOver()
  }

  #forgetIfOver(): void {
    if (this.#isOverForClient && this.#isOverForServer) this.#network.forget(this)
  }

  #requestBody(text: string): ReadableStream<Uint8Array> {
    const bytes = new TextEncoder().encode(text)
    // Some stop in the middle.
    const isCut = this.#scheduler.chance(this.#network.manners.lostRequests)
    const length = isCut ? Math.floor(this.#scheduler.random() * bytes.length) : bytes.length
    let sent = 0
    let isOver = false
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (this.#scheduler.chance(0.3)) {
            await this.#scheduler.wait(this.#network.latency(), this.server!.process)
          }
          if (isOver) return
          if (isCut && sent === length) {
            isOver = true
            controller.error(new TypeError('terminated'))
            this.#overForServer()
            this.breakForClient(this.#network.latency())
            return
          }
          const end = this.#scheduler.chance(0.3) ? Math.min(length, sent + this.#scheduler.between(1, 40)) : length
          if (end > sent) controller.enqueue(bytes.subarray(sent, end))
          sent = end
          if (isCut || sent < length) return
          isOver = true
          controller.close()
        },
        cancel() {
          isOver = true
        },
      },
      { highWaterMark: 0 },
    )
  }

  #answer(response: Response): void {
    if (this.#isOverForServer) {
      response.body?.cancel().catch(ignore)
      return
    }
    if (this.#scheduler.chance(this.#network.manners.lostAnswers)) {
      this.#reader = response.body?.getReader()
      this.breakUp()
      return
    }
    const { status, headers, body } = response
    this.isStream = headers.get('content-type') === 'text/event-stream'
    this.#toClient(() => {
      if (this.#isOverForClient) return
      const answer = body
        ? new ReadableStream<Uint8Array>(
            {
              start: (controller) => {
                this.#body = controller
              },
              pull: () => this.#give(),
              cancel: () => this.#abandon(undefined),
            },
            { highWaterMark: 0 },
          )
        : null
      this.#call.resolve(new Response(answer, { status, headers }))
      if (answer) return
      this.#overForClient()
      this.#overForServer()
    })
    if (body) this.#pump(body)
  }

  /** From the server onto the wire, as long as there is room. */
  async #pump(body: ReadableStream<Uint8Array>): Promise<void> {
    this.#reader = body.getReader()
    try {
      for (;;) {
        while (this.#underWayBytes >= this.#network.manners.windowBytes && !this.#isOverForServer) {
          await new Promise<void>((resolve) => {
            this.#onCredit = resolve
          })
        }
        const { done, value } = await this.#reader.read()
        if (this.#isOverForServer) return
        if (done) {
          this.#overForServer()
          this.#toClient(() => this.#take('end'))
          return
        }
        this.#send(value)
      }
    } catch {
      // The server gave it up.
      this.#overForServer()
      this.breakForClient(this.#network.latency())
    }
  }

  #send(bytes: Uint8Array): void {
    let rest = bytes
    while (rest.length > 0) {
      const isCut = this.#scheduler.chance(this.#network.manners.cuts)
      const piece = rest.subarray(0, isCut ? this.#scheduler.between(1, Math.min(rest.length, 100)) : rest.length)
      rest = rest.subarray(piece.length)
      this.#breaksAfter -= piece.length
      if (this.#breaksAfter < 0) {
        this.#breaksAfter = Infinity
        this.breakUp()
      }
      this.#underWayBytes += piece.length
      this.#toClient(() => this.#take(piece))
    }
  }

  #toClient(run: () => void): void {
    this.#clientAt = Math.max(this.#clientAt, this.#scheduler.now + this.#network.latency())
    this.#scheduler.at(this.#clientAt, this.client, run)
  }

  #take(piece: Uint8Array | 'end'): void {
    if (this.#isOverForClient) return
    this.#arrived.push(piece)
    this.#onArrival?.()
  }

  /** Gives the client the next piece, when there is one. */
  async #give(): Promise<void> {
    while (this.#arrived.length === 0 && !this.#isOverForClient) {
      await new Promise<void>((resolve) => {
        this.#onArrival = resolve
      })
    }
    if (this.#isOverForClient) return
    const piece = this.#arrived.shift()!
    if (piece === 'end') {
      this.#overForClient()
      this.#body!.close()
      return
    }
    this.#body!.enqueue(piece)
    if (!this.server) return
    const giveCredit = () => {
      this.#underWayBytes -= piece.length
      this.#onCredit?.()
    }
    this.#scheduler.after(this.#network.latency(), this.server.process, giveCredit, true)
  }
}

function ignore(): void {}
