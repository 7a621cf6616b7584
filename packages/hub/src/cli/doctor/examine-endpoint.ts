import { needsPreflight, unsafeHeadersOf } from './cors.ts'
import type { EndpointFacts, ResumeFacts } from './endpoint-facts.ts'
import { examineHub } from './examine-hub.ts'
import { examineProbe } from './examine-probe.ts'
import { type Block, type Exchange, isEventStream } from './exchange.ts'
import { followRedirects } from './follow-redirects.ts'
import { type ExchangeRequest, type LiveExchange, openExchange } from './open-exchange.ts'
import { type Hello, helloHeader } from './probe-protocol.ts'
import type { Target } from './target.ts'
import { examineTls } from './tls.ts'
import { unreachable } from './unreachable.ts'

/**
 * Looks at an endpoint through whatever is in between. A method other than GET may cost money or change
 * something: then one such request is sent, and one to `--direct`.
 *
 * @throws HubError `ENDPOINT_UNREACHABLE` if nothing that speaks HTTP answers
 */
export async function examineEndpoint(target: Target, onProgress: (text: string) => void): Promise<EndpointFacts> {
  const { timeoutMs, deepMs } = target
  onProgress('connecting')
  const tls = target.url.protocol === 'https:' ? await examineTls(target) : undefined
  const first = requestTo(target, tls?.isHttp2Offered ? '2' : '1.1')
  const { live, request, redirects } = await followRedirects(
    { ...first, headers: { ...first.headers, [helloHeader]: 'hello' } },
    timeoutMs,
  )
  const watched = live.facts
  if (watched.end?.how === 'failed') throw unreachable(watched, target)
  const about = { target, tls, redirects, watched }
  const { [helloHeader]: _, ...headers } = request.headers
  const again: ExchangeRequest = { ...request, headers }
  try {
    if (await isProbeServer(live, timeoutMs)) {
      // Without what a redirect to another origin loses: credentials are for the first alone.
      const there = { ...target, headers }
      const probe = await examineProbe(there, request.url, request.httpVersion, onProgress)
      return { ...about, ...nothing, preflight: await preflight(target, again), probe }
    }
    if (watched.status === undefined) {
      const direct = target.direct && (await ask(directRequest(again, target.direct), timeoutMs, hasBlocks))
      return { ...about, ...nothing, direct, preflight: undefined, probe: undefined }
    }
    const isRepeatable = request.method === 'GET'
    const beside: LiveExchange[] = []
    if (target.direct) beside.push(openExchange(directRequest(again, target.direct)))
    if (isRepeatable && isEventStream(watched) && watched.headers['content-encoding'] !== undefined) {
      beside.push(openExchange({ ...again, headers: { ...headers, 'accept-encoding': 'identity' } }))
    }
    onProgress(`watching for up to ${Math.round((deepMs ?? timeoutMs) / 1000)} s`)
    await watch(live, timeoutMs, deepMs)
    for (const each of [live, ...beside]) each.close()
    const direct = target.direct ? beside[0]?.facts : undefined
    const uncompressed = beside.find(({ facts }) => facts !== direct)?.facts
    onProgress('cutting the connection and coming back')
    const resume = isRepeatable && isEventStream(watched) ? await comeBack(again, watched, timeoutMs) : undefined
    return {
      ...about,
      uncompressed,
      direct,
      resume,
      preflight: await preflight(target, again),
      published: await examineHub(target, again, onProgress),
      probe: undefined,
    }
  } finally {
    live.close()
  }
}

const nothing = {
  uncompressed: undefined,
  direct: undefined,
  resume: undefined,
  published: undefined,
}

function requestTo(target: Target, best: '1.1' | '2'): ExchangeRequest {
  const { url, method, body, origin, isInsecure, httpVersion = best } = target
  const headers = { ...target.headers, ...(origin !== undefined && { origin }) }
  return { url, method, headers, body, httpVersion, isInsecure }
}

/** Whether what answers is `headwater doctor --serve`. */
async function isProbeServer({ facts, until }: LiveExchange, timeoutMs: number): Promise<boolean> {
  if (facts.status !== 200) return false
  if (isEventStream(facts)) return facts.headers[helloHeader] !== undefined
  await until(() => false, /json/.test(String(facts.headers['content-type'])) ? timeoutMs : 0)
  try {
    return (JSON.parse(facts.text) as Hello).headwater === 'doctor'
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return false
    throw error
  }
}

/** Watches a stream until it has shown how it comes, or the time is over. */
async function watch(live: LiveExchange, timeoutMs: number, deepMs: number | undefined): Promise<void> {
  const isEnough = ({ arrivals, blocks }: Exchange) => {
    // A stream that is this fast has shown it, and would fill the memory.
    if (blocks.length > 50_000) return true
    if (deepMs !== undefined) return false
    const withBlocks = arrivals.filter(({ blocks }) => blocks > 0)
    return withBlocks.length >= 4 && withBlocks.at(-1)!.atMs - withBlocks[0]!.atMs >= 2500
  }
  await live.until(isEnough, deepMs ?? timeoutMs)
}

function directRequest(request: ExchangeRequest, url: URL): ExchangeRequest {
  return { ...request, url, httpVersion: '1.1' }
}

async function ask(
  request: ExchangeRequest,
  timeoutMs: number,
  isEnough: (facts: Exchange) => boolean = ({ status }) => status !== undefined,
): Promise<Exchange> {
  const live = openExchange(request)
  await live.until(isEnough, timeoutMs)
  live.close()
  return live.facts
}

function hasBlocks({ blocks }: Exchange): boolean {
  return blocks.length > 0
}

/** Comes back with the first ID that came, so that what followed it has to come again. */
async function comeBack(
  request: ExchangeRequest,
  before: Exchange,
  timeoutMs: number,
): Promise<ResumeFacts | undefined> {
  const ids = [...new Set(before.blocks.flatMap(({ id }) => (id === undefined || id === '' ? [] : [id])))]
  const [lastEventId, ...expected] = ids
  if (lastEventId === undefined || !/^[\t\x20-\x7e\x80-\xff]*$/.test(lastEventId)) return undefined
  const live = openExchange({ ...request, headers: { ...request.headers, 'last-event-id': lastEventId } })
  await live.until(({ blocks }) => blocks.some(isWithId), Math.min(5000, timeoutMs))
  live.close()
  return { lastEventId, expected, exchange: live.facts }
}

function isWithId({ kind, id }: Block): boolean {
  return kind === 'event' && id !== undefined
}

async function preflight(target: Target, { url, method, httpVersion }: ExchangeRequest): Promise<Exchange | undefined> {
  const { origin, isInsecure } = target
  if (origin === undefined || origin === url.origin || !needsPreflight(target)) return undefined
  const headers = {
    origin,
    'access-control-request-method': method,
    'access-control-request-headers': unsafeHeadersOf(target).join(','),
    'user-agent': target.headers['user-agent'] ?? '',
  }
  return ask({ url, method: 'OPTIONS', headers, httpVersion, isInsecure }, target.timeoutMs)
}
