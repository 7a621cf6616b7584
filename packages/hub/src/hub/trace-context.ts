/**
 * [W3C Trace Context, 3] A trace context as it is kept with an event: the `traceparent`, and after a
 * space the `tracestate` if there is one. `undefined` for what is not valid: whoever receives that
 * begins a trace of its own. An invalid or overlong `tracestate` is dropped.
 */
export function parseTraceContext(traceparent: unknown, tracestate?: unknown): string | undefined {
  if (typeof traceparent !== 'string' || !form.test(traceparent)) return undefined
  const isKept = typeof tracestate === 'string' && tracestate.length <= maxStateCharacters && visible.test(tracestate)
  return isKept ? `${traceparent} ${tracestate}` : traceparent
}

/** Version 00, or a later one whose beginning is the same; neither ID is all zeros, and there is no version ff. */
const form =
  /^(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]{1,200})?)$/
const visible = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/
/** [W3C Trace Context, 3.3.1.5] At least so much should be passed on. */
const maxStateCharacters = 512

/** The two headers of a trace context. */
export function headersOf(traceContext: string): { readonly traceparent: string; readonly tracestate?: string } {
  const space = traceContext.indexOf(' ')
  if (space < 0) return { traceparent: traceContext }
  return { traceparent: traceContext.slice(0, space), tracestate: traceContext.slice(space + 1) }
}

/** Whether whoever began the trace records it. */
export function isSampled(traceContext: string): boolean {
  return (Number.parseInt(traceContext.slice(53, 55), 16) & 1) === 1
}

/** The ID of the trace: 32 hexadecimal digits. */
export function traceIdOf(traceContext: string): string {
  return traceContext.slice(3, 35)
}
