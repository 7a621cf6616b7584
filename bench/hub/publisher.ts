import { connect, type Socket } from 'node:net'

export interface Reply {
  readonly status: number
  readonly body: string
}

/**
 * A connection that publishes, one request after another. It does as little HTTP as possible, so
 * that the client's share of the CPU is small.
 */
export class Publisher {
  readonly #socket: Socket
  #received = ''
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | undefined

  static open(port: number): Promise<Publisher> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Publisher(socket))
      })
      socket.once('error', reject)
    })
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#read(text))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('The server closed the connection of a publisher.')))
  }

  /**
   * Sends a whole request. Resolves when the answer has arrived. Rejects unless that is a success.
   */
  async publish(request: string | Buffer): Promise<Reply> {
    const reply = await new Promise<Reply>((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
    if (reply.status >= 200 && reply.status < 300) return reply
    throw new Error(`An event was not accepted, but answered ${reply.status}: ${reply.body.slice(0, 300)}`)
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.resetAndDestroy()
  }

  #read(text: string): void {
    this.#received += text
    const reply = parseReply(this.#received)
    if (!reply) return
    this.#received = ''
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(reply)
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}

/** The answer, if it has arrived completely: by its length, or in chunks. */
function parseReply(text: string): Reply | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const status = Number(text.slice(9, 12))
  const head = text.slice(0, headEnd)
  const body = text.slice(headEnd + 4)
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  if (length !== undefined) return body.length < Number(length) ? undefined : { status, body }
  if (/^transfer-encoding: *chunked/im.test(head)) return body.endsWith('0\r\n\r\n') ? { status, body } : undefined
  return { status, body }
}
