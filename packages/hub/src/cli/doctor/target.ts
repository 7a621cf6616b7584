import { readFileSync } from 'node:fs'
import { HubError } from '../../base/errors.ts'
import { version } from '../../base/version.ts'
import { isProxyName, type ProxyName, proxyNames } from './proxies.ts'
import { createRedactor, type Redactor } from './redact.ts'

/** The flags of `headwater doctor URL`. */
export interface EndpointOptions {
  request?: string
  header: string[]
  data?: string
  origin?: string
  credentials?: true
  direct?: string
  publishUrl?: string
  proxy?: string
  deep?: string | true
  timeout?: string
  http?: string
  insecure?: true
}

/** What to look at, and how. */
export interface Target {
  readonly url: URL
  readonly method: string
  /** With lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** The origin of the page that subscribes; `undefined` if CORS is not asked for. */
  readonly origin: string | undefined
  /** The page sends cookies to the other origin. */
  readonly withCredentials: boolean
  /** The same endpoint without what is in between. */
  readonly direct: URL | undefined
  /** Where to publish a probe event. */
  readonly publishUrl: URL | undefined
  /** What the user says is in between. */
  readonly proxy: ProxyName | undefined
  /** The longest silence to try, in milliseconds; `undefined` if none is tried. */
  readonly deepMs: number | undefined
  /** How long to watch, in milliseconds. */
  readonly timeoutMs: number
  /** `undefined`: the best that both speak, as a browser chooses. */
  readonly httpVersion: '1.1' | '2' | undefined
  readonly isInsecure: boolean
  readonly redact: Redactor
}

/** How a browser's EventSource and `fetch` ask, as far as it matters to servers and proxies. */
const defaultHeaders = {
  accept: 'text/event-stream',
  'accept-encoding': 'gzip, deflate, br',
  'cache-control': 'no-cache',
  'user-agent': `headwater-doctor/${version}`,
}

/**
 * Reads the flags.
 *
 * @throws HubError `INVALID_OPTION`, which shows no password
 */
export function parseTarget(text: string, options: EndpointOptions): Target {
  const { url, authorization } = parseUrl('The URL', text)
  const given = parseHeaders(options.header)
  const body = options.data === undefined ? undefined : parseBody(options.data)
  const method = parseMethod(options.request ?? (body === undefined ? 'GET' : 'POST'))
  if (body !== undefined && method === 'GET') {
    throw new HubError('INVALID_OPTION', '-d is a body, and GET has none. Leave out -X GET, or -d.')
  }
  const headers = {
    ...defaultHeaders,
    ...(authorization !== undefined && { authorization }),
    ...(body !== undefined && {
      'content-type': isJson(body) ? 'application/json' : 'application/x-www-form-urlencoded',
    }),
    ...given,
  }
  if (options.proxy !== undefined && !isProxyName(options.proxy)) {
    throw new HubError('INVALID_OPTION', `--proxy ${options.proxy} is not one of ${proxyNames.join(', ')}.`)
  }
  if (options.http !== undefined && options.http !== '1.1' && options.http !== '2') {
    throw new HubError('INVALID_OPTION', `--http ${options.http} is not 1.1 or 2.`)
  }
  const direct = options.direct === undefined ? undefined : parseUrl('--direct', options.direct).url
  const publishUrl = options.publishUrl === undefined ? undefined : parseUrl('--publish-url', options.publishUrl).url
  const urls = [text, options.direct ?? '', options.publishUrl ?? '']
  return {
    url,
    method,
    headers,
    body,
    origin: options.origin === undefined ? undefined : parseOrigin(options.origin),
    withCredentials: options.credentials === true,
    direct,
    publishUrl,
    proxy: options.proxy,
    deepMs:
      options.deep === undefined ? undefined : parseSeconds('--deep', options.deep === true ? '120' : options.deep),
    timeoutMs: parseSeconds('--timeout', options.timeout ?? '10'),
    httpVersion: options.http as '1.1' | '2' | undefined,
    isInsecure: options.insecure === true,
    redact: createRedactor(urls, { ...given, ...(authorization !== undefined && { authorization }) }),
  }
}

function parseUrl(what: string, text: string): { url: URL; authorization: string | undefined } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    // It may contain a password.
    const shown = /[@?]/.test(text) ? '' : ` ${JSON.stringify(text)}`
    throw new HubError(
      'INVALID_OPTION',
      `${what}${shown} is not an http or https URL. Write it as https://example.com/events.`,
    )
  }
  const user = url.username === '' && url.password === '' ? undefined : [url.username, url.password]
  url.username = url.password = url.hash = ''
  if (!user) return { url, authorization: undefined }
  const pair = user.map(decodeOrKeep).join(':')
  return { url, authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function decodeOrKeep(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}

/** Errors show a name at most: a value may be a token. */
function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines.flatMap((each) =>
    each.startsWith('@') ? readText('-H', each.slice(1)).split('\n') : each,
  )) {
    const { name = '', value = '' } = /^(?<name>[\w!#$%&'*+.^`|~-]+):(?<value>.*)$/s.exec(line.trimEnd())?.groups ?? {}
    if (line.trim() === '') continue
    if (name === '') {
      throw new HubError('INVALID_OPTION', "-H has a line that is not a header. Write it as 'Name: value'.")
    }
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new HubError('INVALID_OPTION', `-H ${name} has a character that no header may have.`)
    }
    if (ofConnection.has(name.toLowerCase())) {
      throw new HubError(
        'INVALID_OPTION',
        `-H ${name} is about the connection, which is the doctor's own. Leave it out.`,
      )
    }
    headers[name.toLowerCase()] = value.trim()
  }
  return headers
}

/** Made by who sends the message, and not allowed at all in HTTP/2. */
const ofConnection = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'content-length'],
  ...['te', 'trailer', 'expect', 'http2-settings'],
])

function parseBody(data: string): string {
  return data.startsWith('@') ? readText('-d', data.slice(1)) : data
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    throw new HubError('INVALID_OPTION', `${flag} @${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function parseMethod(method: string): string {
  if (/^[A-Z]+$/.test(method) && method !== 'CONNECT') return method
  throw new HubError('INVALID_OPTION', `-X ${method} is not a method such as GET or POST.`)
}

function isJson(body: string): boolean {
  try {
    JSON.parse(body)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function parseOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new HubError(
    'INVALID_OPTION',
    `--origin ${text} is not the origin of a page. Write it without a path, as https://app.example.com.`,
  )
}

function parseSeconds(flag: string, text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 1 && seconds <= 3600) return seconds * 1000
  throw new HubError('INVALID_OPTION', `${flag} ${text} is not a number of seconds from 1 to 3600.`)
}
