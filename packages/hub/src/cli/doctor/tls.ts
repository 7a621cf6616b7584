import { isIP } from 'node:net'
import { connect } from 'node:tls'
import type { TlsFacts } from './endpoint-facts.ts'
import type { Target } from './target.ts'
import { unreachableBy } from './unreachable.ts'

/**
 * Shakes hands as a browser does, to see which HTTP the server offers.
 *
 * @throws HubError `ENDPOINT_UNREACHABLE` if there is no handshake
 */
export function examineTls(target: Target): Promise<TlsFacts> {
  const { url, timeoutMs, isInsecure } = target
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      ALPNProtocols: ['h2', 'http/1.1'],
      rejectUnauthorized: !isInsecure,
    })
    socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error instanceof AggregateError ? (error.errors[0] as Error).message : error.message
      reject(unreachableBy(error.code, reason, target))
    })
    socket.once('secureConnect', () => {
      const { authorized, authorizationError } = socket
      resolve({
        isHttp2Offered: socket.alpnProtocol === 'h2',
        invalid: authorized ? undefined : String(authorizationError),
      })
      socket.destroy()
    })
  })
}
