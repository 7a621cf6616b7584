import { hubPath } from '../hub-path.ts'
import type { HubRequest } from './exchange.ts'

/** Node's own bound of a request's head. */
const maxHeadBytes = 16 * 1024
const requestLine = /^(GET|POST) ([\x21-\x22\x24-\x7e]+) HTTP\/1\.1$/
const headerLine = /^([\w!#$%&'*+.^`|~-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/
/** What changes how the rest of a connection is to be read, or wants an answer of its own. */
const unusualNames = new Set(['transfer-encoding', 'upgrade', 'expect', 'trailer', 'te', 'http2-settings'])

/**
 * Reads a request to publish or to subscribe that is as plain as nearly all are: whole in one piece, followed by nothing,
 * each header given once, nothing of it open to interpretation. Of any other it makes nothing, `undefined`: that is for the
 * server of Node, which knows all of HTTP.
 */
export function readDirectRequest(bytes: Buffer, remoteAddress: string | undefined): HubRequest | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0 || headEnd > maxHeadBytes) return undefined
  const [first, ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const [, method, url] = requestLine.exec(first!) ?? []
  if (method === undefined || url === undefined || !isForHub(url)) return undefined

  const rawHeaders: string[] = []
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, rawName, padded] = headerLine.exec(line) ?? []
    if (rawName === undefined || padded === undefined) return undefined
    const name = rawName.toLowerCase()
    if (headers.has(name) || unusualNames.has(name)) return undefined
    const value = padded.replace(/[\t ]+$/, '')
    headers.set(name, value)
    rawHeaders.push(rawName, value)
  }
  const connection = headers.get('connection')
  if (!headers.has('host') || (connection !== undefined && connection.toLowerCase() !== 'keep-alive')) return undefined

  const wholeBody = bytes.subarray(headEnd + 4)
  const length = headers.get('content-length') ?? (method === 'GET' ? '0' : '')
  if (!/^\d{1,9}$/.test(length) || Number(length) !== wholeBody.length) return undefined
  // A subscription has no body; lines of JSON are answered line by line, however few.
  if (method === 'GET' ? wholeBody.length > 0 : headers.get('content-type')?.toLowerCase().includes('ndjson'))
    return undefined
  return {
    method,
    url,
    rawHeaders,
    wholeBody,
    body: piecesOf(wholeBody),
    remoteAddress,
    header: (name) => headers.get(name),
  }
}

function isForHub(url: string): boolean {
  return url.startsWith(hubPath) && (url.length === hubPath.length || url[hubPath.length] === '?')
}

/** For whoever reads it as bodies are read that come in pieces. */
function piecesOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      yield bytes
    },
  }
}
