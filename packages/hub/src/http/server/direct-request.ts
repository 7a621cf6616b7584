import { hubPath } from '../../base/hub-path.ts'
import type { HubRequest } from '../message/http-message.ts'

/** Node's own bound of a request's head. */
const maxHeadBytes = 16 * 1024
const requestLine = /^(GET|POST) ([\x21-\x22\x24-\x7e]+) HTTP\/1\.1$/
const headerLine = /^([\w!#$%&'*+.^`|~-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/
/** What changes how the rest of a connection is to be read, or wants an answer of its own. */
const unusualNames = new Set(['transfer-encoding', 'upgrade', 'expect', 'trailer', 'te', 'http2-settings'])

/** What the head of a plain request says. */
interface Head {
  readonly text: string
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: ReadonlyMap<string, string>
  /** How many bytes of body follow. */
  readonly length: number
}

/** Reads the requests of one connection, as far as they are plain. */
export class DirectRequestReader {
  /** A publisher sends much the same head each time. It is understood once. */
  #last: Head | undefined

  /**
   * Reads a request to publish or to subscribe that is as plain as nearly all are: whole in one piece, followed by nothing,
   * each header given once, nothing of it open to interpretation. Of any other it makes nothing, `undefined`: that is for the
   * server of Node, which knows all of HTTP.
   */
  read(bytes: Buffer, remoteAddress: string | undefined): HubRequest | undefined {
    const headEnd = bytes.indexOf('\r\n\r\n')
    if (headEnd < 0 || headEnd > maxHeadBytes) return undefined
    const text = bytes.toString('latin1', 0, headEnd)
    if (this.#last?.text !== text) this.#last = readHead(text)
    if (!this.#last) return undefined
    const { method, url, rawHeaders, headers, length } = this.#last
    const wholeBody = bytes.subarray(headEnd + 4)
    if (wholeBody.length !== length) return undefined
    return {
      method,
      url,
      rawHeaders,
      wholeBody,
      body: new Whole(wholeBody),
      remoteAddress,
      header: (name) => headers.get(name),
    }
  }
}

function readHead(text: string): Head | undefined {
  const [first, ...lines] = text.split('\r\n')
  const [, method, url] = requestLine.exec(first!) ?? []
  if ((method !== 'GET' && method !== 'POST') || url === undefined || !isForHub(url)) return undefined

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

  const length = headers.get('content-length') ?? (method === 'GET' ? '0' : '')
  if (!/^\d{1,9}$/.test(length)) return undefined
  // A subscription has no body; lines of JSON are answered line by line, however few.
  if (method === 'GET' ? Number(length) > 0 : headers.get('content-type')?.toLowerCase().includes('ndjson'))
    return undefined
  return { text, method, url, rawHeaders, headers, length: Number(length) }
}

function isForHub(url: string): boolean {
  return url.startsWith(hubPath) && (url.length === hubPath.length || url[hubPath.length] === '?')
}

/** Bytes for whoever reads them as those are read that come in pieces. */
class Whole implements AsyncIterable<Uint8Array> {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    yield this.#bytes
  }
}
