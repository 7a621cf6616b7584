/** How a lesson's server answers: a function of what it is asked. See `scripts.ts`. */
export type Script = (asked: Asked) => Reply

/** What a script knows of a request. */
export interface Asked {
  /** 1 for the first request of this client in this run. */
  readonly attempt: number
  /** The milliseconds since that first request. */
  readonly elapsedMs: number
  /** The `Last-Event-ID` of the request; `''` for none. */
  readonly lastEventId: string
  /** The variant of the lesson that the page chose; `''` for none. */
  readonly choice: string
  /** The origin of a page that is not of this server's origin. */
  readonly origin: string | undefined
  /** Whether the lesson's cookie came with the request. */
  readonly hasCookie: boolean
  /** The query of the request, with its `?`: a redirect keeps it. */
  readonly query: string
}

/** The answer of a script. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The milliseconds before the status is sent. Default 0. */
  readonly delayMs?: number
  /** Text and bytes to write, each at once, and milliseconds to wait. */
  readonly steps: readonly Step[]
  /**
   * What happens after the last step: the response ends in order, the connection breaks without its
   * end, or it stays open. `away`: the connection breaks before there is any response.
   */
  readonly end: 'finish' | 'break' | 'stay' | 'away'
}

export type Step = string | Uint8Array | number
