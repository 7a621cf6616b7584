/** One request that a scripted server received. */
export interface TestRequest {
  /** Counted from 1, over the whole script. */
  readonly number: number
  readonly method: string
  /** The whole URL. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** What `Last-Event-ID` says, decoded from UTF-8; empty if there is none. */
  readonly lastEventId: string
  /** The body as text; empty if there is none. */
  readonly body: string
}

/** The text of a header whose bytes were received as one character each. */
export function decodeHeader(value: string): string {
  try {
    return decodeURIComponent(escape(value))
  } catch {
    // Not UTF-8, or decoded by the runtime already.
    return value
  }
}
