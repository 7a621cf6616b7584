import { HubError } from '../../base/errors.ts'
import { GatheredBytes } from './gathered-bytes.ts'
import type { HubRequest } from './http-message.ts'
import { decodedLength, encodedPerByte } from './percent-encoding.ts'

/** How long a body may take to arrive, in milliseconds. A stream of lines may take forever. */
const bodyTimeoutMs = 30_000

/**
 * Reads a request's body. Fails with `TOO_LARGE` beyond `maxBytes`, with `INVALID_REQUEST` if the
 * client stops before the end, and with `TIMEOUT` after 30 seconds. `reportedBytes` is the limit that
 * the client is told.
 */
export function readBody(
  request: HubRequest,
  maxBytes: number,
  reportedBytes: number = maxBytes,
): Buffer | Promise<Buffer> {
  const { wholeBody } = request
  const length = wholeBody ? wholeBody.length : Number(request.header('content-length') ?? 0)
  if (length > maxBytes) throw tooLarge(reportedBytes)
  return wholeBody ?? readPieces(request, maxBytes, reportedBytes)
}

/**
 * Reads a body that is a form. The bound is on its decoded bytes: a Korean text has three times as
 * many percent-encoded. Fails as {@link readBody} does.
 */
export function readFormBody(request: HubRequest, maxBytes: number): Buffer | Promise<Buffer> {
  const body = readBody(request, encodedPerByte * maxBytes, maxBytes)
  return body instanceof Promise ? body.then((bytes) => assertDecodes(bytes, maxBytes)) : assertDecodes(body, maxBytes)
}

function assertDecodes(body: Buffer, maxBytes: number): Buffer {
  if (body.length > maxBytes && decodedLength(body) > maxBytes) throw tooLarge(maxBytes)
  return body
}

function readPieces(request: HubRequest, maxBytes: number, reportedBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const late = new AbortController()
    const timer = setTimeout(() => {
      late.abort()
      reject(new HubError('TIMEOUT', `The body took longer than ${bodyTimeoutMs / 1000} s. Nothing was published.`))
    }, bodyTimeoutMs)
    gather(request.body, late.signal, (length) => {
      if (length > maxBytes) throw tooLarge(reportedBytes)
    })
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

async function gather(
  body: AsyncIterable<Uint8Array>,
  late: AbortSignal,
  assertFits: (length: number) => void,
): Promise<Buffer> {
  const bytes = new GatheredBytes()
  for await (const piece of body) {
    // Nobody wants it any more.
    if (late.aborted) break
    assertFits(bytes.length + piece.length)
    bytes.add(piece)
  }
  return bytes.take()
}

function tooLarge(maxBytes: number): HubError {
  return new HubError('TOO_LARGE', `The body is larger than ${maxBytes} bytes, which is the most the hub accepts.`)
}
