import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import type { Origins, RecordedRequest, Script, ScriptedResponse, Step } from '../cases/harness/script.ts'

/** Which origin a request came to, and what the others are. */
export interface Doorway {
  name: RecordedRequest['to']
  origins: Origins
}

/**
 * One script being carried out: answers the nth request with the nth response to the byte and the write, records
 * every request, and takes signals. It never sleeps: what must happen in order waits for a signal.
 */
export class ScriptedStream {
  readonly requests: RecordedRequest[] = []
  readonly #script: Script
  readonly #token: string
  readonly #signals = new Map<string, Signal>()
  readonly #left: Signal[] = []
  readonly #open = new Set<ServerResponse>()
  readonly #flooded = new Set<number>()
  #answered = 0
  #whenRequested = new Set<() => void>()

  constructor(token: string, script: Script) {
    this.#token = token
    this.#script = script
  }

  async answer(request: IncomingMessage, response: ServerResponse, doorway: Doorway): Promise<void> {
    const recorded = await record(request, this.#token, doorway.name)
    this.requests.push(recorded)
    if (recorded.method === 'OPTIONS') answerPreflight(request, response, this.#script.preflight ?? 'allow')
    const nth = recorded.method === 'OPTIONS' ? undefined : this.#answered++
    for (const wake of this.#whenRequested) wake()
    if (nth === undefined) return

    this.#open.add(response)
    response.on('close', () => {
      // A response that this script finished has 'close' too; only the client's leaving counts.
      if (this.#open.delete(response)) this.#leftOf(nth).send()
    })
    // A write after the client has gone is what many cases provoke.
    response.on('error', () => response.destroy())
    const scripted = this.#script.responses[nth] ?? (this.#script.thenAgain ? this.#script.responses.at(-1)! : noMore)
    await this.#play(scripted, request, response, doorway)
    if (scripted.body?.some((step) => 'flood' in step) && this.#open.has(response)) this.#flooded.add(nth)
  }

  /** Resolves when at least so many requests, preflights not counted, have come. */
  async requested(atLeast: number): Promise<RecordedRequest[]> {
    while (this.#answered < atLeast) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#whenRequested.delete(wake)
          resolve()
        }
        this.#whenRequested.add(wake)
      })
    }
    return this.requests
  }

  left(nth: number): Promise<void> {
    return this.#leftOf(nth).received()
  }

  flooded(nth: number): boolean {
    return this.#flooded.has(nth)
  }

  async signal(name: string): Promise<void> {
    this.#signalOf(name).send()
    // The step behind the signal writes in a microtask of this turn.
    await setImmediate()
  }

  close(): void {
    for (const response of this.#open) response.destroy()
  }

  async #play(scripted: ScriptedResponse, request: IncomingMessage, response: ServerResponse, doorway: Doorway) {
    if (scripted.headersAfter !== undefined) await this.#signalOf(scripted.headersAfter).received()
    if (scripted.refuse) return this.#finish('break', response)
    const headers = scripted.headers ?? [['content-type', 'text/event-stream']]
    const fill = (value: string) =>
      value.replace(/\$(same|cross|elsewhere|origin|token)/g, (_, name: string) => {
        if (name === 'origin') return request.headers.origin ?? ''
        if (name === 'token') return this.#token
        return `${doorway.origins[name as RecordedRequest['to']]}/s/${this.#token}`
      })
    // The raw form: names keep their case and may repeat.
    response.writeHead(
      scripted.status ?? 200,
      headers.flatMap(([name, value]) => [name, fill(value)]),
    )
    response.flushHeaders()
    for (const step of scripted.body ?? []) await this.#take(step, response)
    const status = scripted.status ?? 200
    // Without a body to hold open there is nothing more to say: a redirect, a 204, an error status.
    if (scripted.body === undefined && status !== 200) this.#finish('end', response)
  }

  async #take(step: Step, response: ServerResponse): Promise<void> {
    if ('wait' in step) await this.#signalOf(step.wait).received()
    else if ('write' in step) await write(response, Buffer.from(step.write, 'utf8'))
    else if ('bytes' in step) await write(response, Buffer.from(step.bytes))
    else if ('flood' in step) await flood(response, step.flood)
    else this.#finish(step.finish, response)
  }

  #finish(how: Finish, response: ServerResponse): void {
    this.#open.delete(response)
    if (how === 'end') response.end()
    else if (how === 'break') response.destroy()
    else response.socket?.resetAndDestroy()
  }

  #signalOf(name: string): Signal {
    const signal = this.#signals.get(name) ?? new Signal()
    this.#signals.set(name, signal)
    return signal
  }

  #leftOf(nth: number): Signal {
    this.#left[nth] ??= new Signal()
    return this.#left[nth]
  }
}

type Finish = Extract<Step, { finish: unknown }>['finish']

/** After the script's last response: the standard's way to end every client, readable from any origin. */
const noMore: ScriptedResponse = {
  status: 204,
  headers: [
    ['access-control-allow-origin', '$origin'],
    ['access-control-allow-credentials', 'true'],
  ],
}

/** Counts what was sent, so that a signal sent early is not lost. */
class Signal {
  #sent = 0
  #waiting: (() => void)[] = []

  send(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#sent++
  }

  async received(): Promise<void> {
    if (this.#sent > 0) this.#sent--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

/** A server on 127.0.0.1 that gives each request to `answer`, and can be closed with its connections open. */
export async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void,
  port = 0,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server: Server = createServer((request, response) => {
    void (async () => answer(request, response))().catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)))
    })
  })
  // The cases count connections and bytes; an idle server must not end a response by itself.
  server.requestTimeout = 0
  server.on('connection', (socket) => socket.setNoDelay(true))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

let places = 0

async function record(request: IncomingMessage, token: string, to: RecordedRequest['to']): Promise<RecordedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const headers: Record<string, string> = {}
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!.toLowerCase()
    const value = request.rawHeaders[i + 1]!
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  return {
    method: request.method ?? '',
    path: (request.url ?? '').slice(`/s/${token}`.length),
    to,
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
    place: places++,
  }
}

function answerPreflight(request: IncomingMessage, response: ServerResponse, how: 'allow' | 'refuse'): void {
  if (how === 'refuse') {
    response.writeHead(403).end()
    return
  }
  response
    .writeHead(204, {
      'access-control-allow-origin': request.headers.origin ?? '*',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '',
      'access-control-max-age': '0',
    })
    .end()
}

/** Resolves when the kernel has the bytes, so that the next step's are a write, and mostly a packet, of their own. */
function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed || response.writableEnded) resolve()
    else response.write(bytes, () => resolve())
  })
}

async function flood(response: ServerResponse, bytes: number): Promise<void> {
  const comment = Buffer.alloc(64 * 1024, `: ${'x'.repeat(61)}\n`)
  for (let written = 0; written < bytes && !response.destroyed; written += comment.length)
    await write(response, comment)
}
