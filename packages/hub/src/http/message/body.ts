import { HubError } from '../../base/errors.ts'
import { GatheredBytes } from './gathered-bytes.ts'
import type { HubRequest } from './http-message.ts'

/** How long a body may take to arrive, in milliseconds. A stream of lines may take forever. */
const bodyTimeoutMs = 30_000

/**
 * Reads a request's body. Fails with `TOO_LARGE` beyond `maxBytes`, with `INVALID_REQUEST` if the
 * client stops before the end, and with `TIMEOUT` after 30 seconds.
 */
export function readBody(request: HubRequest, maxBytes: number): Buffer | Promise<Buffer> {
  const { wholeBody } = request
  const length = wholeBody ? wholeBody.length : Number(request.header('content-length') ?? 0)
  if (length > maxBytes) throw tooLarge(maxBytes)
  return wholeBody ?? readPieces(request, maxBytes)
}

function readPieces(request: HubRequest, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const late = new AbortController()
    const timer = setTimeout(() => {
      late.abort()
      reject(new HubError('TIMEOUT', `The body took longer than ${bodyTimeoutMs / 1000} s. Nothing was published.`))
    }, bodyTimeoutMs)
    gather(request.body, maxBytes, late.signal)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

async function gather(body: AsyncIterable<Uint8Array>, maxBytes: number, late: AbortSignal): Promise<Buffer> {
  const bytes = new GatheredBytes()
  for await (const piece of body) {
    // Nobody wants it any more.
    if (late.aborted) break
    if (bytes.length + piece.length > maxBytes) throw tooLarge(maxBytes)
    bytes.add(piece)
  }
  return bytes.take()
}

function tooLarge(maxBytes: number): HubError {
  return new HubError('TOO_LARGE', `The body is larger than ${maxBytes} bytes, which is the most the hub accepts.`)
}
