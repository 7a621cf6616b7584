/** Why a request could not be sent or answered. */
export interface NetworkFailure {
  /** In words for the person at the terminal. Begins in lower case and has no full stop. */
  readonly text: string
  /** Whether another attempt may succeed without anybody changing anything. */
  readonly mayPass: boolean
}

/**
 * Says why `fetch` failed, or `events()` by it: the error itself says only that it did, its cause why.
 * Without the URL, which may contain a password or a token.
 */
export function networkFailureOf(error: unknown): NetworkFailure {
  for (let each: unknown = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const code = String((each as NodeJS.ErrnoException).code ?? '')
    if (each instanceof AggregateError && code === '') return networkFailureOf(each.errors[0])
    const known = knownFailure(code, each.message)
    if (known) return known
  }
  const last = deepest(error)
  const code = (last as NodeJS.ErrnoException).code
  return { text: withoutUrls(code ?? last.message), mayPass: true }
}

function knownFailure(code: string, message: string): NetworkFailure | undefined {
  const host = /(?:ENOTFOUND|EAI_AGAIN) (?<host>\S+)/.exec(message)?.groups?.host
  if (code === 'ECONNREFUSED') return { text: 'nothing listens there (ECONNREFUSED)', mayPass: true }
  if (code === 'ENOTFOUND') return { text: `there is no host named ${host ?? 'that'} (ENOTFOUND)`, mayPass: false }
  if (code === 'EAI_AGAIN') return { text: `the name ${host ?? ''} cannot be looked up now (EAI_AGAIN)`, mayPass: true }
  if (code === 'ECONNRESET' || code === 'EPIPE') return { text: `the connection was cut off (${code})`, mayPass: true }
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') {
    return { text: `no connection came about in time (${code})`, mayPass: true }
  }
  if (code === 'UND_ERR_SOCKET') return { text: 'the connection was closed without an answer', mayPass: true }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return { text: 'no answer came in time', mayPass: true }
  if (code.startsWith('HPE_') || /does not match the HTTP/.test(message)) {
    return { text: 'the server does not speak HTTP. Is it the right port?', mayPass: false }
  }
  if (code in certificateFailures) {
    return { text: `the server's certificate ${certificateFailures[code]} (${code})`, mayPass: false }
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || code === 'EPROTO') {
    return { text: `the server does not speak TLS (${code}). Is it http:, not https:?`, mayPass: false }
  }
  if (/^ERR_(SSL|TLS)/.test(code)) return { text: `TLS failed (${code})`, mayPass: false }
  if (/bad port/.test(message))
    return { text: 'fetch sends nothing to that port, which other protocols use', mayPass: false }
  if (/unexpected redirect/.test(message)) return { text: 'the server answered with a redirect', mayPass: false }
  return undefined
}

const useAuthority = 'Name its authority in NODE_EXTRA_CA_CERTS=FILE'

const certificateFailures: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: `is signed by itself. ${useAuthority}`,
  SELF_SIGNED_CERT_IN_CHAIN: `is signed by an unknown authority. ${useAuthority}`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `is signed by an unknown authority. ${useAuthority}`,
  UNABLE_TO_GET_ISSUER_CERT: `is signed by an unknown authority. ${useAuthority}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `is signed by an unknown authority. ${useAuthority}`,
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet. Is the clock right?',
  CERT_REVOKED: 'was revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another host name',
}

function deepest(error: unknown): Error {
  let last = error instanceof Error ? error : new Error(String(error))
  for (let depth = 0; last.cause instanceof Error && depth < 5; depth++) last = last.cause
  return last
}

function withoutUrls(text: string): string {
  return text.replace(/\bhttps?:\/\/\S+/g, 'the URL')
}
