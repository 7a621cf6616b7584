import { createGunzip, type Gunzip } from 'node:zlib'

/** A block of an event stream that has data. */
export interface ReadEvent {
  readonly id: string
  readonly type: string
  readonly data: string
}

/**
 * Reads the response of one subscriber from its connection: head, chunks, compression, blocks. It
 * shares no code with what is tested. All that the soak publishes is ASCII, so that a byte is a
 * character here.
 */
export class EventStreamReader {
  /** The ID of the last event, as in `Last-Event-ID`. */
  lastEventId = ''
  readonly #onOpen: () => void
  readonly #onEvent: (event: ReadEvent) => void
  /** What was read but not yet parsed: of the head or the chunks, then of the blocks. */
  #wire = ''
  #text = ''
  #isOpen = false
  #gunzip: Gunzip | undefined

  constructor(listener: { onOpen: () => void; onEvent: (event: ReadEvent) => void }) {
    this.#onOpen = listener.onOpen
    this.#onEvent = listener.onEvent
  }

  /** Throws a {@link BrokenResponse} if the bytes are not an event stream in chunks. */
  read(bytes: Buffer): void {
    this.#wire += bytes.toString('latin1')
    if (!this.#isOpen && !this.#readHead()) return
    this.#readChunks()
  }

  close(): void {
    this.#gunzip?.destroy()
  }

  #readHead(): boolean {
    const end = this.#wire.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = this.#wire.slice(0, end)
    const isEventStream = /^HTTP\/1\.1 200 /.test(head) && /^content-type: *text\/event-stream/im.test(head)
    if (!isEventStream || !/^transfer-encoding: *chunked/im.test(head)) {
      throw new BrokenResponse(`The answer is no event stream in chunks: ${this.#wire.slice(0, 400)}`)
    }
    if (/^content-encoding: *gzip/im.test(head)) {
      this.#gunzip = createGunzip().on('data', (bytes: Buffer) => this.#readBlocks(bytes.toString('latin1')))
      // A subscriber that was cut off in the middle is not a fault: it returns.
      this.#gunzip.on('error', () => {})
    }
    this.#wire = this.#wire.slice(end + 4)
    this.#isOpen = true
    this.#onOpen()
    return true
  }

  /** [RFC 9112, 7.1] */
  #readChunks(): void {
    let next = 0
    for (;;) {
      const sizeEnd = this.#wire.indexOf('\r\n', next)
      if (sizeEnd < 0) break
      const line = this.#wire.slice(next, sizeEnd)
      const digits = /^([0-9a-f]+)(;|$)/i.exec(line)?.[1]
      if (digits === undefined) throw new BrokenResponse(`A chunk has the size ${JSON.stringify(line.slice(0, 40))}.`)
      const size = Number.parseInt(digits, 16)
      const from = sizeEnd + 2
      if (this.#wire.length < from + size + 2) break
      const text = this.#wire.slice(from, from + size)
      if (this.#gunzip) this.#gunzip.write(Buffer.from(text, 'latin1'))
      else this.#readBlocks(text)
      next = from + size + 2
    }
    this.#wire = this.#wire.slice(next)
  }

  #readBlocks(text: string): void {
    this.#text += text
    let next = 0
    for (let end = this.#text.indexOf('\n\n'); end >= 0; end = this.#text.indexOf('\n\n', next)) {
      this.#readBlock(this.#text.slice(next, end))
      next = end + 2
    }
    this.#text = this.#text.slice(next)
  }

  #readBlock(block: string): void {
    let [data, type]: [string | undefined, string] = [undefined, '']
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      const field = line.slice(0, colon < 0 ? undefined : colon)
      const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
      if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
      else if (field === 'event') type = value
      else if (field === 'id') this.lastEventId = value
    }
    if (data !== undefined) this.#onEvent({ id: this.lastEventId, type, data })
  }
}

/** Bytes that are not a response to a subscription. */
export class BrokenResponse extends Error {}
