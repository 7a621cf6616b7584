import { RecentMap } from '../base/recent-map.ts'
import { LessonLog, type LogEntry } from './lesson-log.ts'
import type { Reply } from './script.ts'
import { scripts } from './scripts.ts'

/** A request for a lesson's stream, whoever serves it: a hub or a service worker. */
export interface LessonRequest {
  readonly method: string
  /** The name of the stream. */
  readonly stream: string
  /** The query, with its `?`; `''` for none. */
  readonly query: string
  readonly lastEventId: string
  /** The `Origin` of a page that is not of this server's origin. */
  readonly origin: string | undefined
  /** Whether the lesson's cookie came with the request. */
  readonly hasCookie: boolean
}

/** How to answer a request, and what to report meanwhile. */
export interface Performance {
  readonly reply: Reply
  /** The status and headers are sent. */
  begun(): void
  /** A piece of the body is sent. */
  wrote(piece: string | Uint8Array): void
  /** The response is over. Has no effect the second time. */
  ended(how: 'finish' | 'break' | 'left' | 'away'): void
}

/** How much lessons may take of the server, whoever asks. */
export interface ClassroomLimits {
  /** Runs that are remembered; the oldest are forgotten. Default 100. */
  readonly maxRuns: number
  /** Streams open at a time. Default 48. */
  readonly maxStreams: number
  /** Requests in one run of a lesson. Default 80. */
  readonly maxRequests: number
  /** Requests per second, over all runs. Default 60. */
  readonly maxPerSecond: number
}

const defaultLimits: ClassroomLimits = { maxRuns: 100, maxStreams: 48, maxRequests: 80, maxPerSecond: 60 }

/** What is kept of a header: lessons' own are shorter. */
const maxHeaderLength = 200

/** Plays the scripts of the lessons, and keeps what happened in each run of one, within bounds. */
export class Classroom {
  readonly #limits: ClassroomLimits
  readonly #now: () => number
  readonly #runs: RecentMap<Run>
  #openStreams = 0
  #second = 0
  #requestsOfSecond = 0

  constructor({ now = Date.now, ...limits }: Partial<ClassroomLimits> & { readonly now?: () => number } = {}) {
    this.#limits = { ...defaultLimits, ...limits }
    this.#now = now
    this.#runs = new RecentMap(this.#limits.maxRuns)
  }

  /**
   * The log of a run, which begins with the first request for it. `undefined` for what is no name
   * of a run.
   */
  logOf(run: string | null): LessonLog | undefined {
    return this.#runOf(run)?.log
  }

  /**
   * How to answer a request; the caller does it. `undefined`: there is no such stream, or the run
   * has no proper name.
   */
  perform(request: LessonRequest): Performance | undefined {
    const script = Object.hasOwn(scripts, request.stream) ? scripts[request.stream] : undefined
    const query = new URLSearchParams(request.query)
    const run = this.#runOf(query.get('run'))
    const client = nameOf(query.get('client'))
    if (!script || !run || client === undefined) return undefined
    const at = this.#now()
    const isPreflight = request.method === 'OPTIONS'
    const { method, stream, hasCookie } = request
    const lastEventId = request.lastEventId.slice(0, maxHeaderLength)
    const origin = request.origin?.slice(0, maxHeaderLength)
    const of = run.client(client, at)
    const sinceMs = of.endedAt === undefined ? undefined : at - of.endedAt
    run.log.add({ kind: 'request', at, client, method, stream, lastEventId, origin, hasCookie, sinceMs })
    const refusal = this.#refuse(run, at)
    const asked = {
      attempt: isPreflight ? 1 : ++of.attempts,
      elapsedMs: at - of.beganAt,
      lastEventId,
      choice: query.get('choice') ?? '',
      origin,
      hasCookie,
      query: request.query,
    }
    const reply = refusal ?? (isPreflight ? preflightOf(script(asked)) : script(asked))
    return this.#track(run.log, client, reply, () => {
      if (!isPreflight) of.endedAt = this.#now()
    })
  }

  #track(log: LessonLog, client: string, reply: Reply, onEnd: () => void): Performance {
    this.#openStreams++
    let isOver = false
    const add = (entry: DistributiveOmit<LogEntry, 'at' | 'client'>) =>
      log.add({ ...entry, at: this.#now(), client } as LogEntry)
    const decoder = new TextDecoder()
    return {
      reply,
      begun: () => add({ kind: 'response', status: reply.status, headers: reply.headers }),
      wrote: (piece) => add({ kind: 'bytes', text: typeof piece === 'string' ? piece : decoder.decode(piece) }),
      ended: (how) => {
        if (isOver) return
        isOver = true
        this.#openStreams--
        add({ kind: 'end', how })
        onEnd()
      },
    }
  }

  #refuse(run: Run, at: number): Reply | undefined {
    const { maxRequests, maxStreams, maxPerSecond } = this.#limits
    const second = Math.floor(at / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#requestsOfSecond = 0
    }
    this.#requestsOfSecond++
    // 204 ends an EventSource in order.
    if (++run.requests > maxRequests) return refusalOf(204)
    if (this.#requestsOfSecond > maxPerSecond) return refusalOf(429)
    return this.#openStreams >= maxStreams ? refusalOf(503) : undefined
  }

  #runOf(name: string | null): Run | undefined {
    const id = nameOf(name)
    if (id === undefined) return undefined
    const known = this.#runs.get(id)
    if (known) return known
    const run = new Run()
    this.#runs.set(id, run)
    return run
  }
}

class Run {
  readonly log = new LessonLog()
  readonly #clients = new Map<string, ClientOfRun>()
  requests = 0

  client(name: string, now: number): ClientOfRun {
    const known = this.#clients.get(name)
    if (known) return known
    const client: ClientOfRun = { beganAt: now, attempts: 0, endedAt: undefined }
    // A page has two; one that goes on inventing names counts as one client.
    if (this.#clients.size < 16) this.#clients.set(name, client)
    return client
  }
}

interface ClientOfRun {
  readonly beganAt: number
  attempts: number
  /** When its previous response ended. */
  endedAt: number | undefined
}

function nameOf(text: string | null): string | undefined {
  return text !== null && /^[\w-]{1,64}$/.test(text) ? text : undefined
}

/** [Fetch, CORS-preflight] What the script would answer says whether a script may ask so. */
function preflightOf({ headers }: Reply): Reply {
  const allowed = Object.entries(headers).filter(([name]) => name.startsWith('access-control-') || name === 'vary')
  const asking = allowed.length > 0 && {
    'access-control-allow-headers': 'Last-Event-ID, Cache-Control',
    'access-control-max-age': '0',
  }
  return { status: 204, headers: { ...Object.fromEntries(allowed), ...asking }, steps: [], end: 'finish' }
}

function refusalOf(status: number): Reply {
  return { status, headers: { 'cache-control': 'no-store' }, steps: [], end: 'finish' }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
