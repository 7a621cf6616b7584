import { here, hubUrl, newRun, otherOrigin, streamUrl } from '../server.ts'
import type { Texts } from '../texts/en.ts'
import { fill } from '../texts/texts.ts'

export type RowName = keyof Texts['websocket']['rows']

/** What a row of the table found out, for each side. */
export interface RowResult {
  readonly sse: string
  readonly webSocket: string
}

type Results = Texts['websocket']['results']

/** Tries each row on the server, and says what happened. What fails rejects. */
export const rows: Readonly<Record<RowName, (texts: Results) => Promise<RowResult>>> = {
  async direction(texts) {
    const source = open('receive')
    const { data } = await messageOf(source)
    source.close()
    const { status } = await fetch(hubUrl(), {
      method: 'POST',
      body: new URLSearchParams({ topic: 'learn/table', data: 'from the page' }),
    })
    const socket = await openSocket()
    const sent = 'hello'
    socket.send(sent)
    const echo = await socketMessage(socket)
    socket.close()
    return {
      sse: fill(texts.sseDirection, { data, status }),
      webSocket: fill(texts.wsDirection, { sent, data: String(echo.data) }),
    }
  },

  async data(texts) {
    const source = open('text')
    const { data } = await messageOf(source)
    const invalid = await messageOf(source)
    source.close()
    const socket = await openSocket()
    socket.binaryType = 'arraybuffer'
    socket.send('한국어 👋')
    const text = await socketMessage(socket)
    socket.send(Uint8Array.of(0, 0xff, 0xfe))
    const bytes = await socketMessage(socket)
    socket.close()
    return {
      sse: fill(texts.sseData, { data, invalid: invalid.data }),
      webSocket: fill(texts.wsData, { data: String(text.data), bytes: (bytes.data as ArrayBuffer).byteLength }),
    }
  },

  async reconnect(texts) {
    const source = open('cut')
    await eventOf(source, 'error')
    const lostAt = performance.now()
    await eventOf(source, 'open')
    const seconds = ((performance.now() - lostAt) / 1000).toFixed(1)
    source.close()
    const socket = await openSocket()
    socket.send('break')
    const { code } = (await eventOf(socket, 'close')) as CloseEvent
    await new Promise((resolve) => setTimeout(resolve, 1000))
    return {
      sse: fill(texts.sseReconnect, { seconds }),
      webSocket: fill(texts.wsReconnect, { code, seconds: 1 }),
    }
  },

  async resume(texts) {
    const source = open('cut')
    await messageOf(source)
    // The second connection's event says what the server was asked for.
    const { data: id } = await messageOf(source)
    source.close()
    const socket = await openSocket()
    socket.send('break')
    await eventOf(socket, 'close')
    const next = await openSocket()
    next.close()
    return { sse: fill(texts.sseResume, { id }), webSocket: texts.wsResume }
  },

  async types(texts) {
    const source = open('types')
    await eventOf(source, 'join')
    const { type: other } = await messageOf(source)
    source.close()
    const socket = await openSocket()
    socket.send('join: Bob')
    const { type } = await socketMessage(socket)
    socket.close()
    return { sse: fill(texts.sseTypes, { other }), webSocket: fill(texts.wsTypes, { type }) }
  },

  async protocol(texts) {
    const leaving = new AbortController()
    const response = await fetch(urlOf('receive'), { signal: leaving.signal })
    leaving.abort()
    const socket = await openSocket()
    socket.close()
    return {
      sse: fill(texts.sseProtocol, {
        status: response.status,
        type: response.headers.get('content-type') ?? '',
      }),
      webSocket: fill(texts.wsProtocol, { scheme: new URL(socket.url).protocol }),
    }
  },

  async origins(texts) {
    if (!otherOrigin) throw new Error(texts.needsOther)
    const source = open('cors', otherOrigin, 'none')
    await eventOf(source, 'error')
    const state = source.readyState
    source.close()
    const socket = await openSocket(otherOrigin)
    socket.close()
    return { sse: fill(texts.sseOrigins, { state }), webSocket: texts.wsOrigins }
  },

  async connections(texts) {
    // At the other origin, so that nothing else on this page has to wait.
    if (!otherOrigin) throw new Error(texts.needsOther)
    const base = otherOrigin
    const sources = Array.from({ length: 8 }, () => open('hold', base))
    await Promise.all(sources.slice(0, 6).map((source) => eventOf(source, 'open')))
    await new Promise((resolve) => setTimeout(resolve, 800))
    const opened = sources.filter(({ readyState }) => readyState === 1).length
    for (const source of sources) source.close()
    const sockets = await Promise.all(Array.from({ length: 8 }, () => openSocket(base)))
    for (const socket of sockets) socket.close()
    return {
      sse: fill(texts.sseConnections, { open: opened, waiting: 8 - opened }),
      webSocket: texts.wsConnections,
    }
  },
}

function urlOf(stream: string, base?: URL, choice?: string): string {
  return streamUrl({ stream, run: newRun(), client: 'table', base, choice })
}

function open(stream: string, base?: URL, choice?: string): EventSource {
  return new EventSource(urlOf(stream, base, choice))
}

async function openSocket(base = here): Promise<WebSocket> {
  const url = new URL('websocket', base)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  await eventOf(socket, 'open')
  return socket
}

async function messageOf(source: EventSource): Promise<MessageEvent<string>> {
  return (await eventOf(source, 'message')) as MessageEvent<string>
}

async function socketMessage(socket: WebSocket): Promise<MessageEvent> {
  return (await eventOf(socket, 'message')) as MessageEvent
}

/** The next event of a type. Rejects if it does not come. */
function eventOf(target: EventTarget, type: string): Promise<Event> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${type} event within 10 s`)), 10_000)
    target.addEventListener(
      type,
      (event) => {
        clearTimeout(timer)
        resolve(event)
      },
      { once: true },
    )
  })
}
