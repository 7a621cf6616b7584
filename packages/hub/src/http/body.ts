import type { IncomingMessage } from 'node:http'
import { HubError } from '../errors.ts'

/**
 * Reads a request's body. Rejects with `TOO_LARGE` past `maxBytes`, and with `INVALID_REQUEST` when the client stops before
 * the end.
 */
export function readBody(req: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const declared = Number(req.headers['content-length'] ?? 0)
    const chunks: Buffer[] = []
    let length = 0
    let isTooLarge = declared > maxBytes
    const refuse = () =>
      reject(new HubError('TOO_LARGE', `The body is larger than ${maxBytes} bytes, the most there may be.`))
    if (isTooLarge) refuse()

    req.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBytes && !isTooLarge) {
        isTooLarge = true
        chunks.length = 0
        refuse()
      }
      // The rest is read and dropped, because a client that is still sending may not see the answer when it is cut off. But
      // only so much of it.
      if (length > maxBytes * 16) req.socket.destroy()
      else if (!isTooLarge) chunks.push(chunk)
    })
    req.on('end', () => resolve(Buffer.concat(chunks)))
    const fail = () =>
      reject(new HubError('INVALID_REQUEST', 'The connection ended before the body did. Nothing was published.'))
    req.on('error', fail)
    req.on('close', fail)
  })
}
