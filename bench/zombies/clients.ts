import { connect, type Socket } from 'node:net'

/** How a client misbehaves. All of them ask for the stream as an `EventSource` does. */
export type Kind = 'healthy' | 'never reads' | 'pauses' | 'half-closed' | 'reset' | 'half-open'

/** Those that need no network of their own. */
export const kinds: readonly Kind[] = ['healthy', 'never reads', 'pauses', 'half-closed', 'reset']

/** How a client that pauses spends each minute: it reads for this long, and then not at all. */
const readsForMs = 5000

/** Connects a client, and resolves when the response has begun, or when it never reads. */
export async function connectClient(kind: Kind, host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true })
  // What a server does to it is what the bench looks at.
  socket.on('error', () => {})
  socket.write(`GET /events HTTP/1.1\r\nHost: ${host}:${port}\r\nAccept: text/event-stream\r\n\r\n`)
  if (kind === 'never reads') {
    await new Promise((resolve) => socket.once('connect', resolve))
    return socket
  }
  await new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve())
    socket.once('close', () => reject(new Error(`${host}:${port} closed the connection of a client that is ${kind}.`)))
  })
  socket.resume()
  socket.on('end', () => socket.end())
  if (kind === 'half-closed') socket.end()
  if (kind === 'reset') socket.resetAndDestroy()
  if (kind === 'pauses') {
    const pause = () => socket.pause()
    setTimeout(pause, readsForMs)
    const timer = setInterval(() => {
      socket.resume()
      setTimeout(pause, readsForMs)
    }, 60_000)
    socket.once('close', () => clearInterval(timer))
  }
  return socket
}
