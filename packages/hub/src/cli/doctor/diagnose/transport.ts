import type { EndpointFacts } from '../endpoint-facts.ts'
import type { Finding } from '../finding.ts'

/** HTTP version and certificate. */
export function* diagnoseTransport({ tls, watched, target }: EndpointFacts): Generator<Finding> {
  if (tls?.invalid) {
    yield {
      id: 'certificate',
      severity: 'fault',
      seen: `The certificate is not valid: ${tls.invalid}.`,
      why: 'Browsers refuse the connection, and an EventSource only reports an error without saying why.',
      fix: [{ where: 'in the server of TLS', lines: ['# a certificate for this name, with its whole chain'] }],
    }
  }
  const { httpVersion } = watched
  if (httpVersion === undefined) return
  if (httpVersion === '2') {
    yield {
      id: 'http-version',
      severity: 'ok',
      seen: 'HTTP/2: a browser can keep about 100 streams open to this host.',
    }
    return
  }
  const isLocal = /^(localhost|127\.|\[::1\])/.test(target.url.hostname)
  const isForced = target.httpVersion === '1.1' && tls?.isHttp2Offered
  if (isForced) {
    yield { id: 'http-version', severity: 'ok', seen: 'HTTP/1.1, as asked for; the server offers HTTP/2 as well.' }
    return
  }
  yield {
    id: 'six-connections',
    // On one's own machine there is nobody with seven tabs who could not be told.
    severity: isLocal ? 'note' : 'warning',
    seen: `HTTP/${httpVersion}: a browser opens at most six connections to a host, and each stream takes one.`,
    why: 'With six tabs open, the seventh stays white, and so does every other request to this host.',
    fix: [
      {
        where: 'in the server of TLS',
        lines: tls
          ? ['# switch on HTTP/2: "http2" in nginx, "alpn h2,http/1.1" in HAProxy']
          : ['# serve it by TLS with HTTP/2'],
      },
    ],
  }
}
