import { unsafeHeadersOf } from '../cors.ts'
import type { EndpointFacts } from '../endpoint-facts.ts'
import { type Exchange, headerOf } from '../exchange.ts'
import type { Finding } from '../finding.ts'

/** Whether a page of another origin may read the stream, and with cookies. */
export function* diagnoseCors({ watched, preflight, target, probe }: EndpointFacts): Generator<Finding> {
  const { origin, withCredentials, headers } = target
  yield* diagnoseCookies(watched, target.url)
  const secret = [...target.url.searchParams.keys()].find((name) =>
    /token|authorization|jwt|key|password|secret/i.test(name),
  )
  if (secret !== undefined) {
    yield {
      id: 'token-in-url',
      severity: 'note',
      seen: `The URL carries ${secret}, which ends up in the logs of everything in between.`,
      why: 'Whoever reads such a log can use it. A cookie, or a client that sends headers, keeps it out.',
    }
  }
  if (headers.authorization !== undefined && target.method === 'GET') {
    yield {
      id: 'needs-header',
      severity: 'note',
      seen: "The request had an Authorization header, which a browser's EventSource cannot send.",
      why: "Pages need a cookie, or a client that uses fetch, such as Headwater's.",
    }
  }
  if (origin === undefined) return
  if (origin === target.url.origin) {
    yield { id: 'cors', severity: 'ok', seen: `${origin} is the origin of the stream itself: CORS does not matter.` }
    return
  }
  const allowed = headerOf(watched, 'access-control-allow-origin')
  // The probe server does not know about origins. Something in between may.
  if (probe && allowed === undefined) return
  if (watched.status !== undefined) yield* diagnoseAllowed(watched, allowed, origin, withCredentials)
  if (preflight) yield* diagnosePreflight(preflight, target)
}

function* diagnoseAllowed(
  watched: Exchange,
  allowed: string | undefined,
  origin: string,
  withCredentials: boolean,
): Generator<Finding> {
  const lines = [
    `Access-Control-Allow-Origin: ${origin}`,
    ...(withCredentials ? ['Access-Control-Allow-Credentials: true'] : []),
    'Vary: Origin',
  ]
  const fix = [{ where: 'in the application', lines }]
  const why = `A page of ${origin} gets an error without a reason, and no event.`
  if (allowed === undefined) {
    yield {
      id: 'cors-missing',
      severity: 'fault',
      seen: `The response has no Access-Control-Allow-Origin, so ${origin} may not read it.`,
      why,
      fix,
    }
  } else if (allowed.includes(',')) {
    yield {
      id: 'cors-twice',
      severity: 'fault',
      seen: `Access-Control-Allow-Origin is there twice (${allowed}): the application and something in between both set it.`,
      why,
      fix: [{ where: 'in one of the two', lines: ['# remove Access-Control-Allow-Origin'] }],
    }
  } else if (allowed !== '*' && allowed !== origin) {
    yield {
      id: 'cors-other-origin',
      severity: 'fault',
      seen: `Access-Control-Allow-Origin is ${allowed}, not ${origin}.`,
      why,
      fix,
    }
  } else if (withCredentials && (allowed === '*' || headerOf(watched, 'access-control-allow-credentials') !== 'true')) {
    yield {
      id: 'cors-credentials',
      severity: 'fault',
      seen:
        allowed === '*'
          ? 'Access-Control-Allow-Origin is *, which does not count for a request with cookies.'
          : 'Access-Control-Allow-Credentials is not true.',
      why: `${why} That is so only with withCredentials: true.`,
      fix,
    }
  } else {
    yield {
      id: 'cors',
      severity: 'ok',
      seen: `${origin} may read the stream${withCredentials ? ', with cookies' : ''}.`,
    }
  }
}

function* diagnosePreflight(preflight: Exchange, target: EndpointFacts['target']): Generator<Finding> {
  const { origin = '', method } = target
  const { status = 0 } = preflight
  const wanted = unsafeHeadersOf(target)
  const lines = [
    '# answer OPTIONS with 204, without asking for credentials, and',
    `Access-Control-Allow-Origin: ${origin}`,
    ...(wanted.length > 0 ? [`Access-Control-Allow-Headers: ${wanted.join(', ')}`] : []),
    ...(['GET', 'HEAD', 'POST'].includes(method) ? [] : [`Access-Control-Allow-Methods: ${method}`]),
  ]
  const fault = (seen: string): Finding => ({
    id: 'preflight',
    severity: 'fault',
    seen,
    why: `Before such a request, a page of ${origin} asks with OPTIONS, and sends nothing if the answer is not yes.`,
    fix: [{ where: 'in the application', lines }],
  })
  const allowedOrigin = headerOf(preflight, 'access-control-allow-origin')
  const split = (name: string) => (headerOf(preflight, name) ?? '').toLowerCase().split(/\s*,\s*/)
  const allowedHeaders = split('access-control-allow-headers')
  const allowedMethods = split('access-control-allow-methods')
  // [Fetch] the asterisk does not cover Authorization.
  const refused = wanted.filter(
    (name) => !allowedHeaders.includes(name) && (name === 'authorization' || !allowedHeaders.includes('*')),
  )
  if (status < 200 || status > 299) yield fault(`The preflight is answered with ${status || 'nothing'}.`)
  else if (allowedOrigin !== '*' && allowedOrigin !== origin) {
    yield fault(`The preflight allows ${allowedOrigin ?? 'no origin'}, not ${origin}.`)
  } else if (refused.length > 0) yield fault(`The preflight does not allow the headers ${refused.join(', ')}.`)
  else if (
    !['GET', 'HEAD', 'POST'].includes(method) &&
    !allowedMethods.includes(method.toLowerCase()) &&
    !allowedMethods.includes('*')
  ) {
    yield fault(`The preflight does not allow ${method}.`)
  } else yield { id: 'preflight', severity: 'ok', seen: `The preflight allows ${[method, ...wanted].join(', ')}.` }
}

function* diagnoseCookies({ headers }: Exchange, url: URL): Generator<Finding> {
  for (const cookie of headers['set-cookie'] ?? []) {
    const name = cookie.split('=')[0]
    const isNone = /;\s*samesite=none/i.test(cookie)
    const isSecure = /;\s*secure/i.test(cookie)
    if (isNone && !isSecure) {
      yield {
        id: 'cookie',
        severity: 'fault',
        seen: `The cookie ${name} is SameSite=None without Secure.`,
        why: 'Browsers drop it, so the next connection comes without it.',
        fix: [{ where: 'in the application', lines: [`Set-Cookie: ${name}=…; SameSite=None; Secure`] }],
      }
    } else if (isSecure && url.protocol === 'http:') {
      yield {
        id: 'cookie',
        severity: 'warning',
        seen: `The cookie ${name} is Secure, and the URL is http.`,
        why: 'Browsers do not send it here, except on localhost.',
      }
    } else
      yield {
        id: 'cookie',
        severity: 'note',
        seen: `The response sets the cookie ${name}${isNone ? '' : ', which pages of other sites do not send'}.`,
      }
  }
}
