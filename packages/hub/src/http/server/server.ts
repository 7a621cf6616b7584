import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { HubError } from '../../base/errors.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import { ClientAddresses } from '../access/client-address.ts'
import { createCounts } from '../access/client-counts.ts'
import { ConnectionLimiter } from '../access/connection-limiter.ts'
import { withDefaultLimits } from '../access/limits.ts'
import { LearnServer } from '../learn/learn-server.ts'
import { encodedPerByte } from '../message/percent-encoding.ts'
import { createRouter, type HandlerOptions } from '../router.ts'
import { ClientErrors } from './client-errors.ts'
import { DescriptorWatch, isOutOfDescriptors, outOfDescriptors } from './descriptor-watch.ts'
import { DirectConnections } from './direct-connections.ts'
import { handlerFor } from './handler.ts'
import { assertCertificate, type Certificate, createTlsServer, type SecureServer } from './tls.ts'

export interface ListenOptions extends HandlerOptions {
  /** A name or address. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /**
   * Lets several threads listen on the port and share its connections evenly: the first of them,
   * and then the others. Not supported on every system; see `canSharePort`. Default: not shared.
   */
  readonly sharesPort?: 'first' | 'other' | undefined
  /**
   * Serves HTTPS: HTTP/2, and HTTP/1.1 for clients without HTTP/2. Default: HTTP/1.1 without
   * encryption.
   */
  readonly certificate?: Certificate | undefined
  /**
   * How long a client may take for the TLS handshake, and then to send the headers of a request, in
   * milliseconds. Default 10,000.
   */
  readonly headersTimeoutMs?: number | undefined
  /**
   * How long to keep a connection without a request, in milliseconds. Default 75,000, which is
   * longer than proxies keep theirs (60 s is common): if one side closes while the other sends, a
   * request is lost.
   */
  readonly idleTimeoutMs?: number | undefined
  /**
   * Serves the page at `/learn`, which teaches Server-Sent Events, and the streams of its lessons,
   * to requests for loopback names. For development: the streams break on purpose, and anyone may
   * open them. Default: false.
   */
  readonly learn?: boolean | undefined
}

/** A hub that answers HTTP on its own port. */
export interface HubServer {
  /** The hub's URL, with the address that it really listens on. */
  readonly url: string
  readonly port: number
  /** Uses another certificate for new connections. Throws `INVALID_OPTION`. */
  setCertificate(certificate: Certificate): void
  /**
   * Stops accepting connections and finishes the publishes under way, for at most half of
   * `deadlineMs`, so that one that does not end keeps no client from being told to reconnect. Then
   * closes the hub, which ends its streams. Resolves when the last connection has ended. After
   * `deadlineMs` (default 8,000) it cuts off the remaining ones, and calls `onCutOff` with their
   * number.
   */
  close(options?: { deadlineMs?: number; onCutOff?: (connections: number) => void }): Promise<void>
}

/** Serves a hub over HTTP. Rejects with `LISTEN_FAILED` if it cannot listen on the address. */
export async function listen(
  hub: HubCore,
  { host, port, sharesPort, certificate, learn, ...options }: ListenOptions,
): Promise<HubServer> {
  const { headersTimeoutMs = 10_000, idleTimeoutMs = 75_000, onRefused, metrics, onError = console.error } = options
  const limits = withDefaultLimits(options.limits)
  const counts = options.counts ?? createCounts()
  const guard = new ConnectionLimiter({
    limits,
    counts,
    addresses: new ClientAddresses(options.trustedProxies),
    isEncrypted: certificate !== undefined,
    onRefused(refusal, address) {
      options.observatory?.noteConnection(refusal, address)
      onRefused?.(refusal, { method: 'connection', route: 'none', address })
    },
  })
  metrics?.observeConnections(guard)
  const serverOptions = serverOptionsOf(headersTimeoutMs, idleTimeoutMs)
  const stopping = new AbortController()
  const session = { takesConnection: true, ...options.session }
  const handlerOptions = { ...options, counts, session, closing: stopping.signal }
  const router = createRouter(hub, handlerOptions)
  const handle = handlerFor(router, handlerOptions)
  const lessons = learn ? new LearnServer({ hubPath: hub.path, closing: stopping.signal }) : undefined
  const underWay = new Set<Promise<void>>()
  const clientErrors = new ClientErrors()
  let closing: Promise<void> | undefined

  /**
   * Connections without a request so far, as browsers open them in advance. HTTP/2 sessions end in
   * their own way.
   */
  const silent = new Map<string, Socket>()
  const peerOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) =>
    `${remoteAddress} ${remotePort}`

  const answer: RequestListener = (req, res) => {
    silent.delete(peerOf(req.socket))
    if (closing) {
      // A refusal would stop an EventSource for good; after a broken connection it reconnects.
      if (req.method !== 'POST') {
        res.destroy()
        return
      }
      // HTTP/2 has its own way to say so.
      if (req.httpVersionMajor < 2) res.setHeader('connection', 'close')
    }
    if (lessons?.handle(req, res)) return
    const handling = handle(req, res)
    clientErrors.observe(req, res, handling)
    underWay.add(handling)
    handling.then(() => underWay.delete(handling))
  }
  const server = certificate ? createTlsServer(certificate, serverOptions, answer) : createServer(serverOptions, answer)
  const noteSilence = (socket: Socket) => {
    // A closed socket has no peer any more.
    const peer = peerOf(socket)
    silent.set(peer, socket)
    socket.once('close', () => silent.delete(peer))
  }
  const [takeByNode] = server.listeners('connection') as ((socket: Socket) => void)[]
  const direct = new DirectConnections({
    hubPath: hub.path,
    answer: router.answer,
    handOver(socket, bytes) {
      if (lessons?.takeSocket(socket, bytes)) return
      noteSilence(socket)
      takeByNode?.call(server, socket)
      socket.emit('data', bytes)
    },
    refuseSilent: (socket) => clientErrors.answer({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket),
    session,
    headersTimeoutMs,
    idleTimeoutMs,
    onError,
  })
  if (!certificate) server.removeAllListeners('connection')
  const descriptors = new DescriptorWatch(onError)
  server.on('connection', (socket: Socket) => {
    descriptors.look()
    // Reads from a refused connection, or the hub would not see its end.
    if (!guard.take(socket)) socket.resume()
    else if (certificate) noteSilence(socket)
    else direct.take(socket)
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') silent.delete(peerOf(socket))
  })
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    // Without 100 Continue, a client that asked for it does not even send a body that is too large.
    const type = req.headers['content-type']?.toLowerCase() ?? ''
    const isStream = type.includes('ndjson')
    const maxBytes = type.includes('urlencoded') ? encodedPerByte * limits.maxBodyBytes : limits.maxBodyBytes
    const isTooLarge = Number(req.headers['content-length']) > maxBytes
    if (isStream || !isTooLarge) res.writeContinue()
    server.emit('request', req, res)
  })
  server.on('clientError', (error, socket) => clientErrors.answer(error, socket as Socket))
  // Otherwise a second hub that also shares its port would receive half of the connections, and
  // nobody would notice.
  if (sharesPort === 'first' && port !== 0) await assertFree(host, port)
  await bind(server, { host, port, reusePort: sharesPort !== undefined })
  // A connection that cannot be accepted is not a reason to drop the others.
  server.on('error', (error) => onError(isOutOfDescriptors(error) ? outOfDescriptors(error) : error))

  return {
    url: urlOf(server, certificate ? 'https' : 'http'),
    port: (server.address() as AddressInfo).port,
    setCertificate(next) {
      if (!('setSecureContext' in server)) {
        throw new HubError('INVALID_OPTION', 'This server has no certificate to replace: it serves HTTP.')
      }
      assertCertificate(next)
      server.setSecureContext({ ...next })
    },
    close({ deadlineMs = 8000, onCutOff } = {}) {
      closing ??= finish(deadlineMs, onCutOff)
      return closing
    },
  }

  async function finish(deadlineMs: number, onCutOff?: (connections: number) => void): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve))
    let deadline: NodeJS.Timeout | undefined
    const isLate = new Promise<void>((resolve) => {
      deadline = setTimeout(() => {
        onCutOff?.(guard.open)
        guard.cutOff()
        resolve()
      }, deadlineMs)
    })
    stopping.abort()
    descriptors.stop()
    // Node considers these busy.
    for (const socket of silent.values()) socket.destroy()
    await withTimeout(deadlineMs / 2, Promise.all([...underWay, direct.close()]), undefined)
    // Connections that were kept alive while their last request was answered.
    server.closeIdleConnections()
    // The last events published are on their way to the streams, and go out in the next turn.
    await new Promise((resolve) => setImmediate(resolve))
    // A store that never answers may keep the hub from closing.
    await Promise.race([hub.close({ deadlineMs: Infinity }), isLate])
    await closed
    clearTimeout(deadline)
  }
}

function serverOptionsOf(headersTimeoutMs: number, idleTimeoutMs: number) {
  return {
    // A silent connection, or a request that trickles in, occupies only a connection, but not for
    // long. A body has its own limit, because a publisher of a stream may take forever; `keepAlive`
    // detects that its sender is gone.
    headersTimeout: headersTimeoutMs,
    handshakeTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    keepAliveTimeout: idleTimeoutMs,
    connectionsCheckingInterval: Math.max(1, Math.min(5000, headersTimeoutMs / 2)),
  }
}

/**
 * Whether several threads can listen on one port while the system shares its connections among
 * them.
 */
export const canSharePort = ['linux', 'freebsd'].includes(process.platform)

/** Rejects if anything already listens there, whether or not it shares the port. */
async function assertFree(host: string, port: number): Promise<void> {
  const server = createNetServer()
  await bind(server, { host, port })
  await new Promise((resolve) => server.close(resolve))
}

function bind(server: NetServer, address: { host: string; port: number; reusePort?: boolean }): Promise<void> {
  const { host, port } = address
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const advice = listenAdvice[error.code ?? ''] ?? error.message
      reject(new HubError('LISTEN_FAILED', `Cannot listen on ${host}:${port}: ${advice}`, { cause: error }))
    }
    server.once('error', refuse)
    server.listen(address, () => {
      server.off('error', refuse)
      resolve()
    })
  })
}

const listenAdvice: Record<string, string> = {
  EADDRINUSE: 'something else already does. Stop it, or choose another port with --listen (port 0: any free port).',
  EACCES: 'this process has no permission to. Choose a port above 1023 with --listen.',
  EADDRNOTAVAIL: 'this machine does not have that address. Choose one of its own with --listen, such as 127.0.0.1.',
  ENOTFOUND: 'there is no such host. Choose an address of this machine with --listen, such as 127.0.0.1.',
}

function urlOf(server: Server | SecureServer, scheme: string): string {
  const { address, family, port } = server.address() as AddressInfo
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
