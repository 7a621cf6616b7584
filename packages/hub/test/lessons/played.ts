import { vi } from 'vitest'
import type { Classroom } from '../../src/lessons/classroom.ts'
import { play } from '../../src/lessons/play.ts'

/** What came of one request for a lesson's stream. */
export interface Played {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** `stays`: until the client left, which it did after `leaveAfterMs`. */
  readonly end: 'finish' | 'break' | 'stays'
}

export interface Asking {
  readonly stream: string
  readonly query?: string
  readonly lastEventId?: string
  readonly method?: string
  readonly origin?: string
  readonly hasCookie?: boolean
}

/** Asks for a stream in memory, with fake timers, and leaves after a minute if it stays. */
export async function playRequest(classroom: Classroom, asking: Asking, leaveAfterMs = 60_000): Promise<Played> {
  const { stream, query = '?run=r&client=native', lastEventId = '', method = 'GET', origin, hasCookie = false } = asking
  const performance = classroom.perform({ method, stream, query, lastEventId, origin, hasCookie })
  if (!performance) throw new Error(`no lesson ${stream}${query}`)
  const left = new AbortController()
  const decoder = new TextDecoder()
  let status: number | undefined
  let headers: Readonly<Record<string, string>> = {}
  let text = ''
  let end: Played['end'] = 'finish'
  const playing = play(
    performance,
    {
      begin(reply) {
        status = reply.status
        headers = reply.headers
      },
      write(piece) {
        text += typeof piece === 'string' ? piece : decoder.decode(piece)
      },
      finish() {
        end = 'finish'
      },
      breakOff() {
        end = left.signal.aborted ? 'stays' : 'break'
      },
    },
    left.signal,
  )
  await vi.advanceTimersByTimeAsync(leaveAfterMs)
  left.abort()
  await playing
  return { status, headers, text, end }
}
