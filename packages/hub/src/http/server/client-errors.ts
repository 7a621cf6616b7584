import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Problem } from '../message/problem.ts'
import { responseText } from '../message/response-text.ts'

/**
 * Answers what a client sends that is not HTTP, is too long or takes too long. A response belongs to
 * its own request: bytes that make no sense behind a request do not change what that one is
 * answered.
 */
export class ClientErrors {
  /** The requests of each HTTP/1 connection whose responses are not sent yet. */
  readonly #underWay = new WeakMap<Socket, Set<Exchange>>()
  /** The connections that end when those are sent. */
  readonly #ending = new WeakSet<Socket>()

  /** Notes a request that is being handled. `handling` resolves when it is answered, or its stream begins. */
  observe(req: IncomingMessage, res: ServerResponse, handling: Promise<void>): void {
    const { socket } = req
    if (req.httpVersionMajor > 1) return
    let exchanges = this.#underWay.get(socket)
    if (!exchanges) {
      exchanges = new Set()
      this.#underWay.set(socket, exchanges)
    }
    const exchange = { req, res }
    exchanges.add(exchange)
    res.once('close', () => {
      exchanges.delete(exchange)
      if (this.#ending.has(socket) && ![...exchanges].some(isWhole)) socket.destroySoon()
    })
    handling.then(() => {
      // An event stream has no end to wait for, and its client reconnects.
      if (!res.writableEnded && this.#ending.has(socket)) socket.destroy()
    })
  }

  /** Answers the client, unless that could end up in the response to an earlier request. */
  answer(error: Pick<NodeJS.ErrnoException, 'code'>, socket: Socket): void {
    const exchanges = [...(this.#underWay.get(socket) ?? [])]
    if (exchanges.some(isWhole) && !exchanges.some(isStreaming)) {
      this.#ending.add(socket)
      // What follows cannot be read either.
      socket.pause()
      return
    }
    // An answer to a client that does not complete the TLS handshake would wait for it forever.
    const isUnencrypted = /^ERR_(TLS|SSL)_/.test(error.code ?? '')
    if (isUnencrypted || !socket.writable || socket.bytesWritten > 0) {
      socket.destroy()
      return
    }
    const [status, detail] = clientErrors[error.code ?? ''] ?? [400, 'That was not a well-formed HTTP request.']
    const problem: Problem = { title: STATUS_CODES[status], status, detail, code: 'INVALID_REQUEST' }
    const headers = { 'content-type': 'application/problem+json' }
    socket.end(responseText({ status, headers, body: `${JSON.stringify(problem)}\n` }, 'close'), 'latin1')
  }
}

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

/** Whether the request arrived to its end. A form or JSON that did not is not stored. */
function isWhole({ req }: Exchange): boolean {
  return req.complete
}

function isStreaming({ res }: Exchange): boolean {
  return res.headersSent && !res.writableEnded
}

const clientErrors: Record<string, [status: number, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The request line and headers are larger than 16 KiB together.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions are larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The headers of the request took too long to arrive.'],
}
