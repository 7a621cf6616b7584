import type { IncomingMessage, RequestListener, ServerOptions } from 'node:http'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { HubError } from '../../base/errors.ts'

/** The server's certificate and key, as PEM. */
export interface Certificate {
  /** The certificate, and those between it and a root. */
  readonly cert: string | Buffer
  /** Its private key. */
  readonly key: string | Buffer
}

/**
 * A server for HTTP/2 and HTTP/1.1 over TLS, with the methods that `node:http` has to end its
 * connections.
 */
export interface SecureServer extends Http2SecureServer {
  closeAllConnections(): void
  closeIdleConnections(): void
}

/** Throws `INVALID_OPTION` if the certificate or the key is not valid, or if they do not match. */
export function createTlsServer(
  certificate: Certificate,
  options: ServerOptions & { readonly handshakeTimeout: number; readonly keepAliveTimeout: number },
  listener: RequestListener,
): SecureServer {
  assertCertificate(certificate)
  const server = createSecureServer({
    ...certificate,
    ...options,
    allowHTTP1: true,
    minVersion: 'TLSv1.2',
    // Each may be an event stream, of a browser with many tabs.
    settings: { maxConcurrentStreams: 256 },
  })
  // The API of `node:http2` is compatible with that of `node:http`, although its types differ.
  server.on('request', (req, res) => listener(req as unknown as IncomingMessage, res as never))

  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    // Open requests are finished first.
    session.setTimeout(options.keepAliveTimeout, () => session.close())
    // The connection broke. Without a listener, this error would end the process.
    session.on('error', () => session.destroy())
  })
  // For HTTP/1.1. Not in every version of Node, nor in its types.
  const closeIdle = (server as Partial<SecureServer>).closeIdleConnections?.bind(server)
  return Object.assign(server, {
    closeAllConnections() {
      for (const socket of sockets) socket.destroy()
    },
    closeIdleConnections() {
      closeIdle?.()
      for (const session of sessions) session.close()
    },
  }) as SecureServer
}

/** Throws `INVALID_OPTION` if a certificate cannot be used. */
export function assertCertificate(certificate: Certificate): void {
  try {
    createSecureContext({ ...certificate })
  } catch (cause) {
    throw new HubError(
      'INVALID_OPTION',
      `The certificate and its key cannot be used: ${(cause as Error).message}. Both must be PEM files that match each other.`,
      { cause },
    )
  }
}
