import type { HubSpan, Telemetry } from '../hub/telemetry.ts'
import { parseTraceContext } from '../hub/trace-context.ts'
import type { HubRequest } from './message/http-message.ts'

/**
 * Begins the span of a request to publish, below that of its client. By the semantic conventions of
 * HTTP servers. No query: it may have a token.
 */
export function requestSpan(telemetry: Telemetry, request: HubRequest, path: string): HubSpan {
  const { method, header, httpVersion } = request
  return telemetry.start(`${method} ${path}`, {
    role: 'server',
    parent: parseTraceContext(header('traceparent'), header('tracestate')),
    attributes: {
      'http.request.method': method,
      'http.route': path,
      'url.path': path,
      'messaging.system': 'headwater',
      'messaging.operation.name': 'publish',
      ...(httpVersion !== undefined && { 'network.protocol.version': httpVersion === 1 ? '1.1' : '2' }),
    },
  })
}
