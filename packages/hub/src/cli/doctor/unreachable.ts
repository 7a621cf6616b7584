import { HubError } from '../../base/errors.ts'
import type { Exchange } from './exchange.ts'
import type { Target } from './target.ts'

/** Why an exchange had no response, in words. */
export function unreachable({ end, url }: Exchange, target: Target): HubError {
  return unreachableBy(end?.code, end?.reason ?? 'the connection was closed', { ...target, url })
}

export function unreachableBy(
  code: string | undefined,
  reason: string,
  { url, redact }: Pick<Target, 'url' | 'redact'>,
): HubError {
  const { host, hostname } = url
  return new HubError('ENDPOINT_UNREACHABLE', redact(textOf(code ?? '', reason, host, hostname, url.protocol)))
}

function textOf(code: string, reason: string, host: string, hostname: string, protocol: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `There is no host ${hostname}: its name has no address. Check the URL.`
  if (code === 'ECONNREFUSED') return `Nothing listens at ${host}. Start the server, or check host and port.`
  if (code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH') {
    return `${host} does not answer (${code}). Check the host, the port and firewalls in between.`
  }
  if (code === 'CERT_HAS_EXPIRED') return `The certificate of ${host} has expired. Browsers refuse it. ${lookAnyway}`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `The certificate of ${host} is for another name. Browsers refuse it. ${lookAnyway}`
  }
  if (/SELF_SIGNED|UNABLE_TO|CERT_|_CERT/.test(code)) {
    return `The certificate of ${host} is not one that this machine trusts (${code}). ${lookAnyway}`
  }
  if (protocol === 'https:' && /^(EPROTO|ERR_SSL)/.test(code)) {
    return `${host} does not speak TLS. Try http:// in place of https://.`
  }
  if (code.startsWith('ERR_HTTP2') || code === 'NGHTTP2') {
    return `${host} does not speak HTTP/2 (${reason}). Leave out --http 2, or check the port.`
  }
  if (code.startsWith('HPE_')) {
    return `${host} answers, but does not speak HTTP (${reason}). Check the port.`
  }
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === '') {
    return `${host} closes the connection without an answer. Check the port, and whether it wants https.`
  }
  return `${host} cannot be reached: ${reason}.`
}

const lookAnyway = '--insecure looks in spite of that.'
