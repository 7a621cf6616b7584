import { randomUUID } from 'node:crypto'
import { type LiveExchange, openExchange } from './open-exchange.ts'
import { commandParameter, helloHeader, type ProbeState, type ResponseKind } from './probe-protocol.ts'
import type { Target } from './target.ts'

/** A stream of the probe server, which does what it is told by further requests. */
export interface ProbeStream {
  readonly live: LiveExchange
  /**
   * Has it do something, and gives its state afterwards. `undefined` if no answer came: then the stream
   * does not count either.
   */
  command(operation: 'event' | 'end' | 'break' | 'state' | `comment,${number}`): Promise<ProbeState | undefined>
}

/** What makes one request differ from those that the target describes. */
export interface ProbeRequest {
  readonly kind: ResponseKind
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: string
  readonly body?: string
}

/** Talks to the probe server through whatever is in between. */
export function createProbeClient(target: Target, url: URL, httpVersion: '1.1' | '2') {
  const { isInsecure, timeoutMs } = target
  const at = (...command: (string | number)[]) => {
    const withCommand = new URL(url)
    withCommand.searchParams.set(commandParameter, command.join(','))
    return withCommand
  }
  return {
    /** Whether a command gets lost on the way, though the server answers: it says hello in place of an answer. */
    async isCommandLost(): Promise<boolean> {
      const request = openExchange({
        url: at('state', 'none'),
        method: 'GET',
        headers: { ...target.headers, accept: 'application/json', [helloHeader]: 'hello' },
        httpVersion,
        isInsecure,
      })
      await request.until(() => false, timeoutMs)
      request.close()
      return request.facts.status === 200
    },
    open({ kind, headers = {}, method = 'GET', body }: ProbeRequest): ProbeStream {
      const id = randomUUID()
      const { 'content-type': _, ...base } = target.headers
      const live = openExchange({
        url: at('open', id, kind),
        method,
        headers: { ...base, 'accept-encoding': 'identity', ...headers },
        body,
        httpVersion,
        isInsecure,
      })
      return {
        live,
        async command(operation) {
          const request = openExchange({
            url: at(...operation.split(',').toSpliced(1, 0, id)),
            method: 'GET',
            headers: { ...base, accept: 'application/json', 'accept-encoding': 'identity' },
            httpVersion,
            isInsecure,
          })
          await request.until(() => false, timeoutMs)
          request.close()
          return request.facts.status === 200 ? parseState(request.facts.text) : undefined
        },
      }
    },
  }
}

export type ProbeClient = ReturnType<typeof createProbeClient>

function parseState(text: string): ProbeState | undefined {
  try {
    return JSON.parse(text) as ProbeState
  } catch (error) {
    // Something in between answered in its place.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
