import type { EndpointFacts } from '../endpoint-facts.ts'
import { type Exchange, headerOf, isEventStream } from '../exchange.ts'
import type { Finding } from '../finding.ts'
import type { InBetween } from '../proxies.ts'
import { remediesFor } from '../remedies.ts'
import { seconds } from './wording.ts'

/** Status and headers. */
export function* diagnoseResponse(
  { watched, target, direct, redirects }: EndpointFacts,
  between: InBetween,
): Generator<Finding> {
  if (watched.status === undefined) {
    // Then it is known which of the two it is.
    if (direct?.blocks[0]) return
    const waited = seconds(watched.end?.atMs ?? target.timeoutMs)
    yield {
      id: 'no-answer',
      severity: 'fault',
      seen: `No status came in ${waited}.`,
      why: 'Either the application sends none until its first event, or something in between holds it back. Until then a client does not know that it is connected.',
      fix: [
        { where: 'in the application', lines: ['response.flushHeaders() // or a comment line at once'] },
        ...remediesFor('buffering', between),
      ],
    }
    return
  }
  // Otherwise the redirect is named for it.
  const isLost = redirects.some(
    ({ lostHeaders }) => lostHeaders.includes('authorization') || lostHeaders.includes('cookie'),
  )
  if (watched.status < 400 || !isLost) yield* diagnoseStatus(watched, target.headers)
  if (watched.status !== 200) return
  if (!isEventStream(watched)) {
    yield* diagnoseWrongType(watched)
    return
  }
  yield* diagnoseCharset(watched, between)
  yield* diagnoseHeaders(watched, between)
}

function* diagnoseStatus(
  { status = 0, text, headers }: Exchange,
  asked: Readonly<Record<string, string>>,
): Generator<Finding> {
  if (status === 200) {
    yield { id: 'status', severity: 'ok', seen: 'Status 200.' }
    return
  }
  if (status === 204) {
    yield {
      id: 'status-204',
      severity: 'warning',
      seen: 'Status 204: there is no stream, and an EventSource will not come back.',
      why: 'That is right for a stream that is over, and wrong for one that is to go on.',
    }
    return
  }
  const excerpt = text.trim() === '' ? '' : ` It says: ${text.trim().slice(0, 200)}`
  if (status === 401 || status === 403) {
    const isGiven = asked.authorization !== undefined || asked.cookie !== undefined
    const by = isGiven ? 'with the given credentials' : 'without credentials'
    yield {
      id: 'refused',
      severity: 'fault',
      seen: `Status ${status} ${by}.${excerpt}`,
      why: "An EventSource cannot send an Authorization header: it needs a cookie, or a client that uses fetch, such as Headwater's.",
      fix: isGiven
        ? [{ where: 'in the credentials', lines: ['# have they expired, and do they grant this stream?'] }]
        : [
            {
              where: 'to look with credentials',
              lines: ["headwater doctor URL -H 'Authorization: Bearer …'", "headwater doctor URL -H 'Cookie: …'"],
            },
          ],
    }
    return
  }
  const retryAfter = headers['retry-after']
  yield {
    id: 'status',
    severity: 'fault',
    seen: `Status ${status}${retryAfter === undefined ? '' : `, Retry-After ${retryAfter}`}.${excerpt}`,
    why: 'By the standard an EventSource takes any status but 200 as final: it does not come back until the page is reloaded.',
    fix: [
      {
        where: status >= 500 ? 'in between or in the application' : 'here or in the application',
        lines:
          status >= 500
            ? ['# what stands behind it is not reached: see its log']
            : ['# the path, the method and what the server wants'],
      },
    ],
  }
}

function* diagnoseWrongType(watched: Exchange): Generator<Finding> {
  const type = headerOf(watched, 'content-type')
  const isPage = /^\s*(<!doctype|<html)/i.test(watched.text)
  const looksLikeStream = /^(data|event|id|retry|:)/m.test(watched.text) && watched.text.includes('\n')
  yield {
    id: 'content-type',
    severity: 'fault',
    seen: `${type === undefined ? 'There is no Content-Type' : `Content-Type is ${type}`}, not text/event-stream${isPage ? ': a page came, perhaps a login or the start page' : looksLikeStream ? ', although an event stream comes' : ''}.`,
    why: 'An EventSource closes at once and does not come back.',
    fix: [{ where: 'in the application', lines: ['Content-Type: text/event-stream'] }],
  }
}

function* diagnoseCharset(watched: Exchange, between: InBetween): Generator<Finding> {
  const type = headerOf(watched, 'content-type') ?? ''
  const charset = /charset\s*=\s*"?(?<name>[^\s;"]+)/i.exec(type)?.groups?.name
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    yield {
      id: 'charset',
      severity: 'fault',
      seen: `Content-Type is ${type}, and event streams are always UTF-8.`,
      why: 'Chromium ends the stream because of it; others read the text as UTF-8 nevertheless.',
      fix: [
        { where: 'in the application', lines: ['Content-Type: text/event-stream'] },
        ...remediesFor('response-headers', between),
      ],
    }
    return
  }
  yield { id: 'content-type', severity: 'ok', seen: `Content-Type is ${type}.` }
}

function* diagnoseHeaders(watched: Exchange, between: InBetween): Generator<Finding> {
  const cacheControl = headerOf(watched, 'cache-control') ?? ''
  const age = headerOf(watched, 'age')
  const cache = headerOf(watched, 'x-cache') ?? ''
  if (Number(age) > 0 || /\bhit\b/i.test(cache)) {
    yield {
      id: 'cached',
      severity: 'fault',
      seen: `The response came from a cache (${Number(age) > 0 ? `Age: ${age}` : `X-Cache: ${cache}`}).`,
      why: 'Users get events of the past, and no new ones.',
      fix: [{ where: 'in the application', lines: ['Cache-Control: no-store'] }, ...remediesFor('caching', between)],
    }
  } else if (/\bmax-age=[1-9]|\bs-maxage=[1-9]|\bpublic\b/i.test(cacheControl)) {
    yield {
      id: 'cacheable',
      severity: 'warning',
      seen: `Cache-Control is ${cacheControl}: it allows caches to keep the stream.`,
      why: 'A cache may give users the events of the past.',
      fix: [{ where: 'in the application', lines: ['Cache-Control: no-store, no-transform'] }],
    }
  }
  const length = headerOf(watched, 'content-length')
  if (length !== undefined) {
    yield {
      id: 'content-length',
      severity: 'fault',
      seen: `Content-Length is ${length}: the length was known before the stream was over.`,
      why: 'Something read the whole response before it passed it on, or the application sends everything at once. Users get nothing until it is over.',
      fix: remediesFor('buffering', between),
    }
  }
  const missing = [
    ...(/\bno-transform\b/i.test(cacheControl) ? [] : ['Cache-Control: no-cache, no-transform']),
    // nginx takes this header for itself.
    ...(watched.headers['x-accel-buffering'] === undefined && !between.proxies.includes('nginx')
      ? ['X-Accel-Buffering: no']
      : []),
  ]
  if (missing.length === 0) {
    yield {
      id: 'headers-for-proxies',
      severity: 'ok',
      seen: 'Headers ask proxies neither to change nor to buffer the stream.',
    }
    return
  }
  yield {
    id: 'headers-for-proxies',
    severity: 'note',
    seen: `The response does not ask proxies to leave it alone: it lacks ${missing.map((line) => (line.startsWith('X') ? line : 'no-transform in Cache-Control')).join(', and ')}.`,
    why: 'A proxy with its defaults may compress or buffer it, now or after the next move.',
    fix: [{ where: 'in the application', lines: missing }],
  }
}
