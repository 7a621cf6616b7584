export interface FetchLimits {
  /** For the whole request, in milliseconds. */
  readonly timeoutMs: number
  /** The most bytes of the decoded body. */
  readonly maxBytes: number
}

export type FetchOutcome =
  | { readonly name: 'json'; readonly json: unknown }
  | { readonly name: 'problem'; readonly problem: string }

/**
 * Whether keys from this URL can be trusted: anyone could have changed what comes over plain HTTP
 * from another machine.
 */
export function isTrustworthyUrl({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true
  const isLoopback =
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.[\d.]+$/.test(hostname)
  return protocol === 'http:' && isLoopback
}

/**
 * Fetches JSON from a URL that the operator configured. Does not follow redirects: the operator did
 * not choose their target, which could be something that only this machine can reach. Never
 * rejects.
 */
export async function fetchJson(url: URL, { timeoutMs, maxBytes }: FetchLimits): Promise<FetchOutcome> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const headers = { accept: 'application/jwk-set+json, application/json' }
    const response = await fetch(url, { headers, redirect: 'manual', signal })
    if (response.status !== 200) {
      await response.body?.cancel()
      const isRedirect = response.status >= 300 && response.status < 400
      return problem(`it answered ${response.status}${isRedirect ? '; redirects are not followed' : ''}`)
    }
    const body = await readAtMost(response, maxBytes)
    if (!body) return problem(`it is larger than ${maxBytes} bytes`)
    return { name: 'json', json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown }
  } catch (error) {
    if (signal.aborted) return problem(`it took longer than ${timeoutMs} ms`)
    if (error instanceof SyntaxError) return problem('it is not JSON')
    return problem(causeOf(error))
  }
}

function problem(text: string): FetchOutcome {
  return { name: 'problem', problem: text }
}

/**
 * Returns the body, or `undefined` if it is larger. Counts decoded bytes: a small body can unpack
 * to any size.
 */
async function readAtMost({ body }: Response, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    length += chunk.byteLength
    // Leaving the loop cancels the rest.
    if (length > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The error of `fetch` says only that it failed; its cause says why. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause)
}
