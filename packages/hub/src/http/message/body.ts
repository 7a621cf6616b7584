import { HubError } from '../../base/errors.ts'
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

async function readPieces(request: HubRequest, maxBytes: number): Promise<Buffer> {
  let timer: NodeJS.Timeout | undefined
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HubError('TIMEOUT', `The body took longer than ${bodyTimeoutMs / 1000} s. Nothing was published.`))
    }, bodyTimeoutMs)
  })
  const chunks: Uint8Array[] = []
  let length = 0
  const iterator = request.body[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value: chunk } = await Promise.race([iterator.next(), timedOut])
      if (done) return Buffer.concat(chunks)
      length += chunk.length
      if (length > maxBytes) throw tooLarge(maxBytes)
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(timer)
  }
}

function tooLarge(maxBytes: number): HubError {
  return new HubError('TOO_LARGE', `The body is larger than ${maxBytes} bytes, which is the most the hub accepts.`)
}
