import type { PreparedEvent, PublishInit } from './publish-init.ts'
import type { HubSpan, Telemetry } from './telemetry.ts'
import { headersOf, parseTraceContext } from './trace-context.ts'

/** Begins the span of a program that publishes, below the one that is active, or that its event names. */
export function publishSpan(telemetry: Telemetry, inits: readonly PublishInit[]): HubSpan {
  const first = inits[0]
  const topic = Array.isArray(first?.topic) ? first.topic[0] : first?.topic
  return telemetry.start('publish', {
    role: 'producer',
    parent: parseTraceContext(first?.traceparent, first?.tracestate),
    attributes: {
      'messaging.system': 'headwater',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      ...(inits.length === 1 && typeof topic === 'string' && { 'messaging.destination.name': topic }),
      ...(inits.length !== 1 && { 'messaging.batch.message_count': inits.length }),
    },
  })
}

/** The event with the trace context of the span that publishes it, unless it has one of its own. */
export function withTraceOf(span: HubSpan, init: PublishInit): PublishInit {
  const { traceContext } = span
  if (traceContext === undefined || parseTraceContext(init?.traceparent) !== undefined) return init
  return { ...init, ...headersOf(traceContext) }
}

/**
 * Begins the span of storing events together, below that of their publish. Linked to those of the
 * events' traces, if there are several: lines of one request may belong to many.
 */
export function storeSpan(span: HubSpan, events: readonly PreparedEvent[]): HubSpan | undefined {
  if (!span.isRecording) return undefined
  const traces = new Set(events.map(({ event }) => event.traceContext).filter((trace) => trace !== undefined))
  return span.child('headwater store append', {
    attributes: { 'headwater.events': events.length },
    links: traces.size > 1 ? [...traces].slice(0, maxLinks) : [],
  })
}

/** As many as SDKs keep by default. */
const maxLinks = 128

/** Ends a span with what a function does. */
export async function withSpan<T>(span: HubSpan | undefined, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run()
    span?.end()
    return result
  } catch (error) {
    span?.end(error)
    throw error
  }
}
