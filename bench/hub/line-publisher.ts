import { connect, type Socket } from 'node:net'

/**
 * Publishes lines of JSON in one request, and counts the lines that acknowledge them. The number of
 * events without an acknowledgement is bounded, as for any publisher that does not want to hold all
 * of them.
 */
export class LinePublisher {
  acknowledged = 0
  readonly #socket: Socket
  #hasHead = false
  /** The beginning of a line whose end has not arrived. */
  #rest = ''
  #failure: Error | undefined
  #wake: () => void = () => {}

  static open(port: number, head: string): Promise<LinePublisher> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('connect', () => {
        socket.off('error', reject)
        socket.write(head)
        resolve(new LinePublisher(socket))
      })
      socket.once('error', reject)
    })
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => this.#read(bytes))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('The server closed the connection of a publisher of lines.')))
  }

  /** Sends lines as one chunk of the body. */
  send(lines: string): void {
    this.#socket.write(`${Buffer.byteLength(lines).toString(16)}\r\n${lines}\r\n`)
  }

  /**
   * Resolves when this many events have been acknowledged. Rejects when the connection ends first.
   */
  async untilAcknowledged(count: number): Promise<void> {
    while (this.acknowledged < count) {
      if (this.#failure) throw this.#failure
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.resetAndDestroy()
  }

  #read(bytes: Buffer): void {
    let from = 0
    if (!this.#hasHead) {
      const text = bytes.toString('latin1')
      if (!text.startsWith('HTTP/1.1 200')) {
        this.#fail(new Error(`Lines were answered ${text.slice(0, 300)}`))
        return
      }
      this.#hasHead = true
      from = Math.max(0, text.indexOf('\r\n\r\n') + 4)
    }
    // Each acknowledgement is a line with an "id".
    const text = this.#rest + bytes.toString('latin1', from)
    const end = text.lastIndexOf('\n') + 1
    this.#rest = text.slice(end)
    for (let at = text.indexOf('"id":'); at >= 0 && at < end; at = text.indexOf('"id":', at + 5)) this.acknowledged++
    if (text.includes('"code":')) this.#fail(new Error(`A line was not accepted: ${text.slice(0, 300)}`))
    this.#wake()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }
}
