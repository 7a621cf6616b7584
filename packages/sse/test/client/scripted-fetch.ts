import { vi } from 'vitest'

/** A response body in the test's hands. */
export interface ScriptedBody {
  readonly response: Response
  write(text: string): void
  end(): void
  fail(error: Error): void
  /** Whether the client gave the body up. */
  readonly cancelled: boolean
}

export function openBody(init: ResponseInit = {}): ScriptedBody {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given
    },
    cancel() {
      cancelled = true
    },
  })
  return {
    response: new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' }, ...init }),
    write: (text) => controller.enqueue(new TextEncoder().encode(text)),
    end: () => controller.close(),
    fail: (error) => controller.error(error),
    get cancelled() {
      return cancelled
    },
  }
}

export interface FetchCall {
  readonly url: string
  readonly init: RequestInit & { headers: Headers; signal: AbortSignal }
}

/** A `fetch` that answers from a list (the last answer for ever), and writes down what it was asked. */
export function scriptedFetch(...answers: (Response | Error | (() => Response | Promise<Response>))[]) {
  const calls: FetchCall[] = []
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    calls.push({ url, init: { ...init, headers: new Headers(init.headers), signal: init.signal! } })
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    if (answer instanceof Error) throw answer
    return typeof answer === 'function' ? answer() : answer
  }
  // Not enumerable: `{ ...scriptedFetch() }` are options, of which `calls` is none.
  return Object.defineProperty({ fetch } as { fetch: typeof fetch; readonly calls: FetchCall[] }, 'calls', {
    value: calls,
  })
}

/** Timers stand still until told otherwise; sockets, streams and `setImmediate` go on. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
}

/** Lets everything run that waits for neither the clock nor a socket. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 25; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Moves the clock, and lets everything run that this sets off. */
export async function advance(milliseconds: number): Promise<void> {
  await settle()
  await vi.advanceTimersByTimeAsync(milliseconds)
  await settle()
}
