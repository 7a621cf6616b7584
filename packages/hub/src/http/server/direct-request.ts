import type { HubRequest } from '../message/http-message.ts'

/** Node's own limit for the head of a request. */
const maxHeadBytes = 16 * 1024
const requestLine = /^(GET|POST) ([\x21-\x22\x24-\x7e]+) HTTP\/1\.1$/
/** Blanks around a value are trimmed later. Two parts that both match blanks would be quadratic. */
const headerLine = /^([\w!#$%&'*+.^`|~-]+):([\t\x20-\x7e\x80-\xff]*)$/
/** Headers that change how the rest of a connection is read, or that need their own answer. */
const unusualNames = new Set(['transfer-encoding', 'upgrade', 'expect', 'trailer', 'te', 'http2-settings'])

/** The head of a plain request. */
interface Head {
  /** Its bytes, including the blank line. */
  readonly bytes: number
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly header: (name: string) => string | undefined
  /** The bytes of the body that follows. */
  readonly length: number
}

/** Reads the requests of one connection, as far as they are plain. */
export class DirectRequestReader {
  readonly #hubPath: string
  /** A publisher sends much the same head each time, so it is parsed once. */
  #last: Head | undefined
  #lastBytes: Buffer | undefined

  constructor(hubPath: string) {
    this.#hubPath = hubPath
  }

  /**
   * Reads a request to publish or subscribe that is as plain as nearly all are: whole in one piece,
   * followed by nothing, with each header once and nothing open to interpretation. Returns
   * `undefined` for any other: that is for Node's server, which knows all of HTTP.
   */
  read(
    bytes: Buffer,
    remoteAddress: string | undefined,
    clientSignal: HubRequest['clientSignal'],
  ): HubRequest | undefined {
    const head = this.#readHead(bytes)
    if (!head || bytes.length - head.bytes !== head.length) return undefined
    return new DirectRequest(head, bytes.subarray(head.bytes), remoteAddress, clientSignal)
  }

  #readHead(bytes: Buffer): Head | undefined {
    const last = this.#lastBytes
    if (last && bytes.indexOf(last) === 0) return this.#last
    const headEnd = bytes.indexOf('\r\n\r\n')
    if (headEnd < 0 || headEnd > maxHeadBytes) return undefined
    this.#last = readHead(bytes.toString('latin1', 0, headEnd), this.#hubPath)
    // A copy: the piece is a view of what was read from the connection, and would keep all of that.
    this.#lastBytes = this.#last && Buffer.from(bytes.subarray(0, headEnd + 4))
    return this.#last
  }
}

class DirectRequest implements HubRequest {
  readonly #head: Head
  readonly wholeBody: Buffer
  readonly remoteAddress: string | undefined
  readonly clientSignal: HubRequest['clientSignal']

  constructor(
    head: Head,
    wholeBody: Buffer,
    remoteAddress: string | undefined,
    clientSignal: HubRequest['clientSignal'],
  ) {
    this.#head = head
    this.wholeBody = wholeBody
    this.remoteAddress = remoteAddress
    this.clientSignal = clientSignal
  }

  get httpVersion(): number {
    return 1
  }

  get head(): object {
    return this.#head
  }

  get method(): string {
    return this.#head.method
  }

  get url(): string {
    return this.#head.url
  }

  get rawHeaders(): readonly string[] {
    return this.#head.rawHeaders
  }

  get header(): (name: string) => string | undefined {
    return this.#head.header
  }

  get body(): AsyncIterable<Uint8Array> {
    return oneChunk(this.wholeBody)
  }
}

function readHead(text: string, hubPath: string): Head | undefined {
  const [first, ...lines] = text.split('\r\n')
  const [, method, url] = requestLine.exec(first!) ?? []
  if ((method !== 'GET' && method !== 'POST') || url === undefined || !isForHub(url, hubPath)) return undefined

  const rawHeaders: string[] = []
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, rawName, padded] = headerLine.exec(line) ?? []
    if (rawName === undefined || padded === undefined) return undefined
    const name = rawName.toLowerCase()
    if (headers.has(name) || unusualNames.has(name)) return undefined
    const value = trimBlanks(padded)
    headers.set(name, value)
    rawHeaders.push(rawName, value)
  }
  const connection = headers.get('connection')
  if (!headers.has('host') || (connection !== undefined && connection.toLowerCase() !== 'keep-alive')) return undefined

  const length = headers.get('content-length') ?? (method === 'GET' ? '0' : '')
  if (!/^\d{1,9}$/.test(length)) return undefined
  // A request to subscribe has no body. Lines of JSON are answered line by line, however few.
  if (method === 'GET' ? Number(length) > 0 : headers.get('content-type')?.toLowerCase().includes('ndjson'))
    return undefined
  const header = (name: string) => headers.get(name)
  return { bytes: text.length + 4, method, url, rawHeaders, header, length: Number(length) }
}

/** [RFC 9112, 5] Only spaces and tabs surround a value; `trim` would remove more. */
function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text, start)) start++
  while (end > start && isBlank(text, end - 1)) end--
  return text.slice(start, end)
}

function isBlank(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  return code === 0x20 || code === 0x09
}

function isForHub(url: string, hubPath: string): boolean {
  return url.startsWith(hubPath) && (url.length === hubPath.length || url[hubPath.length] === '?')
}

/** The bytes as an iterable, for readers of bodies that arrive in pieces. */
async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
