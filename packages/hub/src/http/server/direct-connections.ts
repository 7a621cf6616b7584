import type { Socket } from 'node:net'
import { createSocketSession } from '@headwater/sse/internal'
import type { SessionOptions } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import { ClientPresence } from '../message/client-presence.ts'
import type { EventStreamResponse, HubRequest, HubResponse, TextResponse } from '../message/http-message.ts'
import { responseText } from '../message/response-text.ts'
import { DirectRequestReader } from './direct-request.ts'
import { openStream } from './open-stream.ts'

export interface DirectConnectionsOptions {
  /** The path of the hub. */
  readonly hubPath: string
  /** Answers a request. Never rejects. */
  readonly answer: (request: HubRequest) => Promise<HubResponse>
  /**
   * Takes over a connection with a request that is not plain, and the bytes received on it that
   * were not answered.
   */
  readonly handOver: (socket: Socket, bytes: Buffer) => void
  readonly session: SessionOptions
  /** Ends a connection that did not send a request in time. */
  readonly refuseSilent: (socket: Socket) => void
  /**
   * How long a connection may be silent before its first request, and between two requests, in
   * milliseconds.
   */
  readonly headersTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly onError: (error: unknown) => void
}

/**
 * Answers plain requests directly on their connections, and leaves the others to Node's server. For
 * a request that is read and answered in one piece, a parser, two streams and their events are most
 * of the work. Both ways lead to the same router and the same answers.
 */
export class DirectConnections {
  readonly options: DirectConnectionsOptions
  readonly #open = new Set<DirectConnection>()
  #answering = 0
  #onNoneAnswering = () => {}
  /** Internal: whether each connection ends after its current request. */
  isClosing = false

  constructor(options: DirectConnectionsOptions) {
    this.options = options
  }

  /** Accepts a new connection. */
  take(socket: Socket): void {
    this.#open.add(new DirectConnection(socket, this))
  }

  /** Ends each connection after its current request. Resolves when all those are answered. */
  async close(): Promise<void> {
    this.isClosing = true
    for (const connection of this.#open) connection.closeIfIdle()
    if (this.#answering === 0) return
    await new Promise<void>((resolve) => {
      this.#onNoneAnswering = resolve
    })
  }

  /** Internal: a connection begins to answer. */
  began(): void {
    this.#answering++
  }

  /** Internal: a connection has answered. */
  ended(): void {
    this.#answering--
    if (this.#answering === 0) this.#onNoneAnswering()
  }

  /** Internal: a connection has ended, or was handed over. */
  forget(connection: DirectConnection): void {
    this.#open.delete(connection)
  }
}

/**
 * How many bytes are kept that arrive while a request is answered, so that the hub sees the end of
 * the connection behind them.
 */
const maxUnreadBytes = 4 * 1024

/** One connection: reads a request, answers it, and reads the next. */
class DirectConnection {
  readonly #socket: Socket
  readonly #all: DirectConnections
  readonly #reader: DirectRequestReader
  readonly #listeners: readonly (readonly [name: string, listener: (...args: never[]) => void])[]
  #isAnswering = false
  #hasAnswered = false
  #hasEnded = false
  /** The bytes that arrived while the previous request was being answered. */
  #unread: Buffer | undefined
  /** The client of the current request, if its signal was asked for. */
  #client: ClientPresence | undefined
  readonly #clientSignal = (): AbortSignal => {
    this.#client ??= new ClientPresence()
    if (this.#hasEnded || this.#socket.destroyed) this.#client.leave()
    return this.#client.signal
  }

  constructor(socket: Socket, all: DirectConnections) {
    this.#socket = socket
    this.#all = all
    this.#reader = new DirectRequestReader(all.options.hubPath)
    this.#listeners = [
      ['data', (bytes: Buffer) => this.#onData(bytes)],
      ['end', () => this.#onEnd()],
      ['timeout', () => this.#onTimeout()],
      // 'close' follows it.
      ['error', () => {}],
      ['close', () => this.#onClose()],
    ]
    for (const [name, listener] of this.#listeners) socket.on(name, listener as (...args: unknown[]) => void)
    socket.setTimeout(all.options.headersTimeoutMs)
  }

  closeIfIdle(): void {
    if (!this.#isAnswering) this.#socket.destroy()
  }

  #onTimeout(): void {
    if (this.#hasAnswered) this.closeIfIdle()
    else if (!this.#isAnswering) this.#all.options.refuseSilent(this.#socket)
  }

  #onData(bytes: Buffer): void {
    if (this.#isAnswering) {
      this.#unread = this.#unread ? Buffer.concat([this.#unread, bytes]) : bytes
      // Reads no more until the current request is answered.
      if (this.#unread.length > maxUnreadBytes) this.#socket.pause()
      return
    }
    const request = this.#reader.read(bytes, this.#socket.remoteAddress, this.#clientSignal)
    if (!request) {
      this.#release()
      this.#all.options.handOver(this.#socket, bytes)
      return
    }
    if (this.#all.isClosing && request.method !== 'POST') {
      // A refusal would stop an EventSource for good; after a broken connection it reconnects.
      this.#socket.destroy()
      return
    }
    this.#isAnswering = true
    void this.#answer(request)
  }

  #onClose(): void {
    this.#client?.leave()
    this.#all.forget(this)
  }

  /**
   * The client sends no more. What it sent is answered, except for work that needs the client to
   * stay.
   */
  #onEnd(): void {
    this.#hasEnded = true
    this.#client?.leave()
    if (!this.#isAnswering) this.#socket.end()
  }

  /** Never rejects. */
  async #answer(request: HubRequest): Promise<void> {
    const { answer, onError } = this.#all.options
    this.#all.began()
    try {
      this.#send(request, await answer(request))
    } catch (error) {
      if (!(error instanceof HubError)) onError(error)
      this.#socket.destroy()
    } finally {
      this.#all.ended()
    }
  }

  #send(request: HubRequest, response: HubResponse): void {
    const socket = this.#socket
    this.#client = undefined
    if (response.eventStream) {
      this.#beginStream(request, response)
      return
    }
    const { body } = response
    if (typeof body !== 'string') throw new Error(`A request to ${request.url} was answered in pieces.`)
    const isLast = this.#all.isClosing || this.#hasEnded
    socket.write(responseText(response as TextResponse, isLast ? 'close' : 'keep-alive'), 'latin1')
    if (isLast) {
      socket.destroySoon()
      return
    }
    this.#isAnswering = false
    // The timeout starts again whenever bytes are received or sent.
    if (!this.#hasAnswered) socket.setTimeout(this.#all.options.idleTimeoutMs)
    this.#hasAnswered = true
    const unread = this.#unread
    if (!unread) return
    this.#unread = undefined
    socket.resume()
    this.#onData(unread)
  }

  #beginStream(request: HubRequest, response: EventStreamResponse): void {
    const socket = this.#socket
    this.#release()
    // A further request on this connection could not be answered.
    socket.resume()
    openStream(response, this.#all.options.session, (options, begin) =>
      begin(createSocketSession(socket, request, options)),
    )
  }

  /** Gives up the connection, which something else owns from now on. */
  #release(): void {
    this.#socket.setTimeout(0)
    for (const [name, listener] of this.#listeners) this.#socket.off(name, listener as (...args: unknown[]) => void)
    this.#all.forget(this)
  }
}
