import type { Context, Span, Tracer } from '@opentelemetry/api'
import { HubError } from '../base/errors.ts'
import { headersOf, parseTraceContext } from './trace-context.ts'

/** Values of a span by name, in the words of OpenTelemetry's semantic conventions where it has some. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** With which tracer of OpenTelemetry a hub makes spans. */
export interface TelemetryOptions {
  /** Makes the spans. Default: the global tracer named `headwater`. */
  readonly tracer?: { startSpan(name: string, ...more: never[]): unknown } | undefined
}

/** What a span is. */
export type SpanRole = 'server' | 'producer' | 'internal'

export interface SpanOptions {
  readonly role?: SpanRole | undefined
  readonly attributes?: Attributes | undefined
  /**
   * The trace context to continue. Default, and for a server inside another span: the span that is
   * active.
   */
  readonly parent?: string | undefined
  /** Trace contexts of further causes. */
  readonly links?: readonly string[] | undefined
}

/** Makes the spans of a hub. */
export interface Telemetry {
  /** Begins a span. */
  start(name: string, options: SpanOptions): HubSpan
}

/** A span of the hub. If its trace is not sampled, it costs little and its children nothing. */
export interface HubSpan {
  readonly isRecording: boolean
  /** To be kept with an event that has none of its publisher; `undefined` if nobody records. */
  readonly traceContext: string | undefined
  /** Begins a span below this one; `undefined` if nobody records. */
  child(name: string, options?: Omit<SpanOptions, 'parent'>): HubSpan | undefined
  set(attributes: Attributes): void
  /** Ends it, because of an error or not. */
  end(error?: unknown): void
}

/**
 * Connects a hub to OpenTelemetry. Loads `@opentelemetry/api` only here: without telemetry a hub does
 * not need it.
 *
 * @throws HubError `INVALID_OPTION` if that package is not installed.
 */
export async function openTelemetry(options: TelemetryOptions, version: string): Promise<Telemetry> {
  const api = await import('@opentelemetry/api').catch((cause: unknown) => {
    throw new HubError(
      'INVALID_OPTION',
      'telemetry needs the package @opentelemetry/api, which is not installed. Install it, with an SDK that exports the spans: npm install @opentelemetry/api',
      { cause },
    )
  })
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, context, createTraceState, isSpanContextValid, trace } = api
  const tracer = (options.tracer as Tracer | undefined) ?? trace.getTracer('headwater', version)
  const kinds = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, internal: SpanKind.INTERNAL }

  return {
    start(name, given) {
      const active = context.active()
      // Of a request, instrumentation of the program has continued the sender's trace already.
      const isInside =
        given.parent === undefined || (given.role === 'server' && trace.getSpanContext(active) !== undefined)
      return begin(name, given, isInside ? active : contextOf(given.parent!))
    },
  }

  function begin(name: string, { role = 'internal', attributes, links }: SpanOptions, parent: Context): HubSpan {
    const span = tracer.startSpan(
      name,
      {
        kind: kinds[role],
        ...(attributes && { attributes: { ...attributes } }),
        ...(links && links.length > 0 && { links: links.map((link) => ({ context: spanContextOf(link) })) }),
      },
      parent,
    )
    // Not asked again: a span that has ended records no more, and may still have children.
    const isRecording = span.isRecording()
    return {
      isRecording,
      get traceContext() {
        return isRecording ? format(span) : undefined
      },
      child: (name, options = {}) => (isRecording ? begin(name, options, trace.setSpan(parent, span)) : undefined),
      set: (attributes) => void span.setAttributes({ ...attributes }),
      end(error) {
        if (error !== undefined) {
          const message = error instanceof Error ? error.message : String(error)
          span.setAttribute('error.type', error instanceof HubError ? error.code : '_OTHER')
          span.setStatus({ code: SpanStatusCode.ERROR, message })
        }
        span.end()
      },
    }
  }

  function contextOf(traceContext: string): Context {
    return trace.setSpanContext(ROOT_CONTEXT, spanContextOf(traceContext))
  }

  function spanContextOf(traceContext: string) {
    const { traceparent, tracestate } = headersOf(traceContext)
    const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-')
    return {
      traceId,
      spanId,
      traceFlags: Number.parseInt(flags, 16),
      isRemote: true,
      ...(tracestate && { traceState: createTraceState(tracestate) }),
    }
  }

  function format(span: Span): string | undefined {
    const own = span.spanContext()
    if (!isSpanContextValid(own)) return undefined
    const flags = own.traceFlags.toString(16).padStart(2, '0')
    return parseTraceContext(`00-${own.traceId}-${own.spanId}-${flags}`, own.traceState?.serialize() || undefined)
  }
}
