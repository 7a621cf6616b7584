import type { IncomingMessage, ServerResponse } from 'node:http'
import { namesOf, refuseUnknownName } from '../server/names.ts'
import { Arrivals } from './arrivals.ts'
import { rest } from './real-time.ts'
import { readScript, type Script } from './script.ts'
import { Connection, type Outlet, type ScriptedConnection } from './scripted-connection.ts'
import { decodeHeader, type TestRequest } from './test-request.ts'

export interface TestServerOptions {
  /** The port. Default 0: a free one. */
  port?: number | undefined
  /** The address to listen at. Default `127.0.0.1`. */
  host?: string | undefined
}

/** A server on a real socket that answers from a script. */
export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/`. Any path of it is answered from the script. */
  readonly url: string
  /** The requests so far. */
  readonly requests: readonly TestRequest[]
  /** Resolves when the nth request has arrived, counted from 1. */
  request(number: number): Promise<TestRequest>
  /** Resolves with the nth request's connection, through which a test can send more. */
  connection(number: number): Promise<ScriptedConnection>
  /**
   * Cuts every open response and stops listening. Whoever waits for a request gets the error
   * `WAIT_ENDED`. `await using server = …` calls it.
   */
  close(): Promise<void>
}

/**
 * Starts a server that answers from a script, on a free port of 127.0.0.1, in Node, Bun and Deno.
 *
 * It allows every origin, and answers a preflight request (`OPTIONS`) by itself, so that pages of
 * tests in browsers can use it; such a request is not counted.
 *
 * @throws {SseError} rejects for a wrong script or option.
 */
export async function createTestServer(script: Script, options: TestServerOptions = {}): Promise<TestServer> {
  refuseUnknownName("createTestServer()'s options", options, optionNames)
  const { port = 0, host = '127.0.0.1' } = options
  const answerTo = readScript(script)
  const arrivals = new Arrivals()
  // Only when it is called: the rest of this module also runs where there is no Node.
  const { createServer } = await import('node:http')
  const server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', request.headers.origin ?? '*')
    response.setHeader('access-control-allow-credentials', 'true')
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method']) {
      response.setHeader('access-control-allow-methods', request.headers['access-control-request-method'])
      response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
      response.writeHead(204).end()
      return
    }
    void receive(request, response, arrivals, answerTo)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address() as { port: number }
  const close = () =>
    new Promise<void>((resolve) => {
      arrivals.close()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}/`,
    get requests() {
      return arrivals.all.map(({ request }) => request)
    },
    request: async (number) => (await arrivals.at(number)).request,
    connection: async (number) => arrivals.at(number),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const optionNames = namesOf<TestServerOptions>({ port: true, host: true })

async function receive(
  incoming: IncomingMessage,
  response: ServerResponse,
  arrivals: Arrivals,
  answerTo: ReturnType<typeof readScript>,
): Promise<void> {
  const number = arrivals.next()
  let body = ''
  incoming.setEncoding('utf8')
  try {
    for await (const chunk of incoming) body += chunk
  } catch {
    // The client left within its own body: what came of it was the request.
  }
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  )
  const request: TestRequest = {
    number,
    method: incoming.method ?? 'GET',
    url: `http://${headers.host}${incoming.url}`,
    headers,
    lastEventId: decodeHeader(headers['last-event-id'] ?? ''),
    body,
  }
  const connection = new Connection(request, answerTo(request), outletOf(response))
  // Not of the request: it is closed as soon as its body was read.
  response.on('close', () => connection.leave())
  response.on('error', () => {})
  arrivals.add(connection)
}

function outletOf(response: ServerResponse): Outlet {
  return {
    begin: (status, headers) => {
      response.writeHead(status, headers)
      response.flushHeaders()
    },
    write: (bytes) =>
      new Promise((resolve) => {
        // A client that has left answers no more.
        const done = () => {
          response.off('close', done)
          resolve()
        }
        response.once('close', done)
        response.write(bytes, done)
      }),
    // A broken connection discards what the client has received and not read yet, and a client reads
    // in later turns of the event loop: ours only after its `open` event.
    read: async () => {
      for (let turn = 0; turn < 10; turn++) await rest()
    },
    end: () => response.end(),
    // The end of the connection, without a last chunk.
    cut: () => response.destroy(),
  }
}
