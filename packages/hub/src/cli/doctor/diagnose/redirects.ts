import type { EndpointFacts } from '../endpoint-facts.ts'
import type { Finding } from '../finding.ts'

/** What gets lost on the way to another URL. */
export function* diagnoseRedirects({ redirects, watched, target }: EndpointFacts): Generator<Finding> {
  if (redirects.length === 0) {
    yield { id: 'redirects', severity: 'ok', seen: 'The URL answers itself, without a redirect.' }
    return
  }
  const last = redirects.at(-1)!
  const way = redirects.map(({ status, to }) => `${status} to ${to?.href ?? 'no URL'}`).join(', then ')
  const fix = [{ where: 'in the client', lines: [`# ask ${last.to?.href ?? 'the right URL'} itself`] }]
  const isEndless = [301, 302, 303, 307, 308].includes(watched.status ?? 0)
  if (!last.to || isEndless) {
    yield {
      id: 'redirect-nowhere',
      severity: 'fault',
      seen: `The redirects lead nowhere: ${way}.`,
      why: 'An EventSource reports an error and does not come back.',
      fix: [{ where: 'in the server', lines: ['# the Location of the redirect'] }],
    }
    return
  }
  const lost = redirects
    .flatMap(({ lostHeaders }) => lostHeaders)
    .filter((name) => name === 'authorization' || name === 'cookie')
  if (lost.length > 0) {
    yield {
      id: 'redirect-loses-credentials',
      severity: (watched.status ?? 0) >= 400 ? 'fault' : 'warning',
      seen: `The redirect leads to another origin (${way}), and clients do not send ${lost.join(' and ')} there: the answer is ${watched.status}.`,
      why: 'Users are refused, although their credentials are right.',
      fix,
    }
  }
  if (redirects.some(({ isMethodLost }) => isMethodLost)) {
    yield {
      id: 'redirect-loses-body',
      severity: 'fault',
      seen: `The redirect makes a GET without a body of the ${target.method} (${way}).`,
      why: 'The server never gets what was sent. 307 and 308 keep method and body.',
      fix,
    }
  }
  if (redirects.some(({ from, to }) => from.protocol === 'https:' && to?.protocol === 'http:')) {
    yield {
      id: 'redirect-to-http',
      severity: 'fault',
      seen: `The redirect leads from https to http (${way}).`,
      why: 'Browsers block it on a page of https.',
      fix: [{ where: 'in the application', lines: ['# believe X-Forwarded-Proto of the proxy in front'] }],
    }
  }
  yield {
    id: 'redirect',
    severity: 'note',
    seen: `The URL redirects: ${way}. Each reconnection makes that detour.`,
    fix,
  }
}
