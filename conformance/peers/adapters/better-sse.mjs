// Its API over ours, as far as the concepts meet: push() is send(), stream() and iterate() are pipe().
import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { encodeEvent } from '../../../packages/sse/dist/protocol/index.js'
import {
  createChannel as createOurChannel,
  createResponse as createOurResponse,
  createSession as createOurs,
} from '../../../packages/sse/dist/server/index.js'

export class EventBuffer {
  #text = ''
  push(data, type = 'message', id = crypto.randomUUID()) {
    this.#text += encodeEvent({ data: JSON.stringify(data), type, id })
    return this
  }
  read() {
    return this.#text
  }
}

export class Session extends EventEmitter {
  lastId = ''
  isConnected = false

  constructor(request, response, options = {}) {
    super()
    const {
      retry = 2000,
      keepAlive = 10_000,
      headers,
      state = {},
      trustClientEventId = true,
      ...rest
    } = request instanceof Request && !(response instanceof Response) ? { ...response, ...options } : options
    if (request instanceof IncomingMessage && !(response instanceof ServerResponse))
      throw new Error('A ServerResponse is missing')
    if (request instanceof Http2ServerRequest && !(response instanceof Http2ServerResponse))
      throw new Error('An Http2ServerResponse is missing')
    this.state = state
    this.request = request
    this.response = response
    const ours = {
      ...rest,
      heartbeatMs: keepAlive ?? Number.POSITIVE_INFINITY,
      ...(headers && { headers }),
      retryMs: retry,
      onError: () => {},
    }
    const begin = (session) => {
      this.session = session
      if (trustClientEventId) this.lastId = session.lastEventId
      session.signal.addEventListener('abort', () => {
        this.isConnected = false
        this.emit('disconnected')
      })
      this.isConnected = session.isOpen
      if (session.isOpen) this.emit('connected')
    }
    // Theirs sends its headers in the next turn of the event loop, ours at once.
    if (request instanceof Request) {
      this.response = createOurResponse(request, ours, (session) => void setImmediate(begin, session))
    } else setImmediate(() => begin(createOurs(request, response, ours)))
  }

  push = (data, type = 'message', id = crypto.randomUUID()) => {
    if (!this.isConnected) throw new Error('Cannot push data to a non-active session')
    this.session.send({ data: JSON.stringify(data) ?? 'null', type, id })
    this.lastId = id
    this.emit('push', data, type, id)
    return this
  }

  async batch(batcher) {
    const buffer = batcher instanceof EventBuffer ? batcher : new EventBuffer()
    if (buffer !== batcher) await batcher(buffer)
    await this.session.write(buffer.read())
  }

  getRequest = () => this.request
  getResponse = () => this.response
}

export async function createSession(...args) {
  const session = new Session(...args)
  if (!session.isConnected) await new Promise((resolve) => session.once('connected', resolve))
  return session
}

export function createResponse(request, ...rest) {
  const callback = rest.pop()
  if (typeof callback !== 'function') throw new Error('A callback is missing')
  const session = new Session(request, ...rest)
  session.once('connected', () => callback(session))
  return session.response
}

/** Its channels keep no history and call push(); ours encode once. This asks ours who is subscribed. */
export class Channel extends EventEmitter {
  #sessions = new Map()
  constructor({ state = {} } = {}) {
    super()
    this.state = state
    this.channel = createOurChannel({
      onUnsubscribe: (ours) => {
        const session = [...this.#sessions.keys()].find((each) => each.session === ours)
        if (!session) return
        if (!ours.isOpen) this.emit('session-disconnected', session)
        this.deregister(session)
      },
    })
  }
  get activeSessions() {
    return [...this.#sessions.keys()]
  }
  get sessionCount() {
    return this.channel.size
  }
  register(session) {
    if (this.#sessions.has(session)) return this
    if (!session.isConnected) throw new Error('Cannot register a non-active session')
    this.#sessions.set(session, this.channel.subscribe(session.session))
    this.emit('session-registered', session)
    return this
  }
  deregister(session) {
    const unsubscribe = this.#sessions.get(session)
    if (!unsubscribe) return this
    this.#sessions.delete(session)
    unsubscribe()
    this.emit('session-deregistered', session)
    return this
  }
  broadcast = (data, type = 'message', { eventId, filter } = {}) => {
    const left = filter ? this.activeSessions.filter((session) => !filter(session)) : []
    const except = left.map(({ session }) => session)
    this.channel.broadcast({ data, type, ...(eventId && { id: eventId }) }, { except })
    this.emit('broadcast', data, type, eventId ?? '')
    return this
  }
}

export const createChannel = (...args) => new Channel(...args)

/** What we have not: its classes of connections. */
export class Connection {}
Connection.constants = { RESPONSE_CODE: 200, RESPONSE_HEADERS: {} }
export class FetchConnection extends Connection {}
export class NodeHttp1Connection extends Connection {}
