import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bundleOf } from '../runners/bundle.ts'

/**
 * A server on HTTP/1.1 with a page and a stream of numbers: event n has the ID n and the data n, and a
 * client that comes back with an ID gets what came after it. It counts its streams.
 */
export class NumbersServer {
  readonly #server: Server
  readonly #streams = new Set<ServerResponse>()
  #port = 0
  #last = 0
  /** The most streams that were open at a time. */
  mostStreams = 0
  /** How often a stream was opened. */
  opened = 0
  isFinished = false

  static async start(): Promise<NumbersServer> {
    const server = new NumbersServer(await bundleOf('cases/targets/tabs.ts'))
    await server.listen()
    return server
  }

  private constructor(script: string) {
    this.#server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://localhost')
      if (pathname === '/tabs.js') response.setHeader('content-type', 'text/javascript').end(script)
      else if (pathname === '/streams') response.end(String(this.opened))
      else if (pathname === '/events') this.#stream(response, request.headers['last-event-id'] as string | undefined)
      else response.setHeader('content-type', 'text/html').end(page)
    })
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get last(): number {
    return this.#last
  }

  get streams(): number {
    return this.#streams.size
  }

  async listen(): Promise<void> {
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Ends all connections, and refuses new ones. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  publish(count = 1): void {
    for (; count > 0; count--) {
      this.#last++
      for (const stream of this.#streams) stream.write(eventOf(this.#last))
    }
  }

  /** Says that the stream is complete: to clients that come back. */
  finish(): void {
    this.isFinished = true
    for (const stream of this.#streams) stream.destroy()
  }

  #stream(response: ServerResponse, lastEventId: string | undefined): void {
    if (this.isFinished) {
      response.writeHead(204).end()
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    // A position, so that nobody depends on there having been an event.
    response.write(`retry: 200\nid: ${lastEventId ?? this.#last}\n\n`)
    for (let number = Number(lastEventId ?? this.#last) + 1; number <= this.#last; number++)
      response.write(eventOf(number))
    this.#streams.add(response)
    this.opened++
    this.mostStreams = Math.max(this.mostStreams, this.#streams.size)
    response.on('close', () => this.#streams.delete(response))
  }
}

function eventOf(number: number): string {
  return `data: ${number}\nid: ${number}\n\n`
}

const page = `<!doctype html>
<meta charset="utf-8">
<title>A tab</title>
<script type="module">
  import { openTab } from '/tabs.js'
  globalThis.openTab = openTab
</script>
`
