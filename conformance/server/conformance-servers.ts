import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Orders, Origins } from '../cases/harness/script.ts'
import { RelayProcess } from './relay-process.ts'
import { listen, ScriptedStream } from './scripted-server.ts'

/**
 * The servers of one run of the cases: two origins that carry scripts out, and a third that takes the orders. With
 * `files`, the first also serves the page and the bundle that run the cases in a browser.
 */
export class ConformanceServers {
  readonly origins: Origins = { same: '', cross: '', elsewhere: '', control: '' }
  readonly #files: Record<string, string>
  readonly #streams = new Map<string, ScriptedStream>()
  readonly #listeners = new Map<At, Listener>()
  readonly #relays = new Map<At, RelayProcess>()
  #control: Listener | undefined

  static async start(files: Record<string, string> = {}): Promise<ConformanceServers> {
    const servers = new ConformanceServers(files)
    await servers.#listen()
    return servers
  }

  private constructor(files: Record<string, string>) {
    this.#files = files
  }

  async close(): Promise<void> {
    for (const stream of this.#streams.values()) stream.close()
    await Promise.all([...this.#relays.values()].map((relay) => relay.kill()))
    await Promise.all([...this.#listeners.values(), this.#control].map((listener) => listener?.close()))
  }

  async #listen(): Promise<void> {
    const same = await this.#listenAs('same')
    const cross = await this.#listenAs('cross')
    this.#control = await listen((request, response) => this.#takeOrder(request, response))
    this.origins.same = `http://127.0.0.1:${same.port}`
    this.origins.cross = `http://127.0.0.1:${cross.port}`
    this.origins.elsewhere = `http://localhost:${cross.port}`
    this.origins.control = `http://127.0.0.1:${this.#control.port}`
  }

  async #listenAs(at: At): Promise<Listener> {
    const listener = await listen((request, response) => this.#answer(at, request, response))
    this.#listeners.set(at, listener)
    return listener
  }

  /** From the first time on the origin's port belongs to a process, which relays to a listener on another port. */
  async #startProcess(at: At): Promise<void> {
    let relay = this.#relays.get(at)
    if (!relay) {
      const direct = this.#listeners.get(at)!
      await direct.close()
      relay = new RelayProcess(direct.port, (await this.#listenAs(at)).port)
      this.#relays.set(at, relay)
    }
    await relay.start()
  }

  #answer(at: At, request: IncomingMessage, response: ServerResponse): Promise<void> | void {
    const url = request.url ?? ''
    const [, area, token] = url.split(/[/?]/)
    const stream = area === 's' ? this.#streams.get(token ?? '') : undefined
    if (stream === undefined) return serveFile(at === 'same' ? this.#files[url] : undefined, request, response)
    const to = at === 'cross' && request.headers.host?.startsWith('localhost') ? 'elsewhere' : at
    return stream.answer(request, response, { name: to, origins: this.origins })
  }

  async #takeOrder(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    let status = 200
    let answer: unknown
    try {
      const name = (request.url ?? '').slice(1)
      const order = this.#orders[name as keyof Orders] as ((ask: unknown) => Promise<unknown>) | undefined
      if (!order) throw new Error(`No order is called ${JSON.stringify(name)}`)
      answer = await order(JSON.parse(text))
    } catch (error) {
      status = 500
      answer = error instanceof Error ? error.message : String(error)
    }
    response.writeHead(status, { 'content-type': 'application/json', 'access-control-allow-origin': '*' })
    response.end(JSON.stringify(answer))
  }

  readonly #orders: { [Name in keyof Orders]: (ask: Orders[Name]['ask']) => Promise<Orders[Name]['answer']> } = {
    script: async ({ script, ended }) => {
      for (const token of ended) {
        this.#streams.get(token)?.close()
        this.#streams.delete(token)
      }
      const token = crypto.randomUUID()
      this.#streams.set(token, new ScriptedStream(token, script))
      return { token }
    },
    requests: ({ token, atLeast }) => this.#stream(token).requested(atLeast),
    left: async ({ token, nth }) => {
      await this.#stream(token).left(nth)
      return true
    },
    flooded: async ({ token, nth }) => this.#stream(token).flooded(nth),
    signal: async ({ tokens, name }) => {
      await Promise.all(tokens.map((token) => this.#stream(token).signal(name)))
      return true
    },
    startProcess: async ({ origin }) => {
      await this.#startProcess(origin)
      return true
    },
    killProcess: async ({ origin }) => {
      await this.#relays.get(origin)?.kill()
      return true
    },
  }

  #stream(token: string): ScriptedStream {
    const stream = this.#streams.get(token)
    if (!stream) throw new Error(`No script has the token ${JSON.stringify(token)}`)
    return stream
  }
}

type At = 'same' | 'cross'
type Listener = Awaited<ReturnType<typeof listen>>

function serveFile(text: string | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (text === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end(`Nothing at ${request.url}\n`)
    return
  }
  const type = request.url?.endsWith('.js') ? 'text/javascript' : 'text/html'
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' }).end(text)
}
