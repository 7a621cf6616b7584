import type { LogEntry } from '../../../hub/src/lessons/lesson-log.ts'

/**
 * A `fetch` for ours that reports what it asks for and what it receives, as the log of a lesson's
 * server would: for servers that keep none.
 */
export function reportingFetch(report: (entry: LogEntry) => void) {
  const client = 'ours'
  let endedAt: number | undefined
  return async (url: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> => {
    const at = Date.now()
    report({
      kind: 'request',
      at,
      client,
      method: 'GET',
      stream: new URL(url).pathname,
      lastEventId: init.headers['last-event-id'] ?? '',
      origin: undefined,
      hasCookie: false,
      sinceMs: endedAt === undefined ? undefined : at - endedAt,
    })
    const end = (how: 'finish' | 'break') => {
      endedAt = Date.now()
      if (!init.signal?.aborted) report({ kind: 'end', at: endedAt, client, how })
    }
    const response = await fetch(url, init).catch((error) => {
      end('break')
      throw error
    })
    const type = response.headers.get('content-type')
    report({
      kind: 'response',
      at: Date.now(),
      client,
      status: response.status,
      headers: type === null ? {} : { 'content-type': type },
    })
    const { body } = response
    if (!body) return response
    const decoder = new TextDecoder()
    const reader = body.getReader()
    // The bytes are reported on their way.
    const reported = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) {
            end('finish')
            controller.close()
            return
          }
          report({ kind: 'bytes', at: Date.now(), client, text: decoder.decode(value, { stream: true }) })
          controller.enqueue(value)
        } catch (error) {
          end('break')
          controller.error(error)
        }
      },
      cancel: (reason) => reader.cancel(reason),
    })
    const { status, headers } = response
    const copy = new Response(reported, { status, headers })
    // An event's origin is that of the URL which the response came from.
    return Object.defineProperty(copy, 'url', { value: response.url })
  }
}
