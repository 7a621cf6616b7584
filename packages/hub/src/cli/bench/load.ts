import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { events } from '@headwater/sse/client'
import { HubError } from '../../base/errors.ts'
import { authorizationOf, publishOnce } from '../hub-client.ts'
import { failureText } from '../tail/connection-report.ts'
import { Latencies } from './latencies.ts'

/** How a hub is put under load. */
export interface Load {
  readonly hub: URL
  readonly token: string | undefined
  readonly topic: string
  readonly subscribers: number
  readonly publishers: number
  readonly seconds: number
  /** Events per second of all publishers together. */
  readonly rate: number
  /** The size of an event's data. */
  readonly bytes: number
}

/** What came of it. All of it was measured by this process. */
export interface LoadResult {
  readonly seconds: number
  readonly published: number
  readonly refused: number
  /** Why the first one was refused. */
  readonly refusal: string | undefined
  readonly delivered: number
  /** Deliveries of acknowledged events that did not come within the time to wait for the last ones. */
  readonly lost: number
  readonly doubled: number
  /** From just before a publish until a subscriber has the event, in milliseconds. */
  readonly latency: ReturnType<Latencies['read']>
  /** From just before a publish until it is acknowledged. */
  readonly publishing: ReturnType<Latencies['read']>
  /** How often a connection broke off and came back. */
  readonly reconnects: number
  /** The share of one core that this process used, 0 to 1 and more. */
  readonly cpu: number
  /** How late the timers of this process were, in milliseconds: 99 of 100 times less. */
  readonly lateMs: number
}

/** How long to wait for the last deliveries, without any coming. */
const graceMs = 5000
/** How long all subscribers may take to be connected. */
const connectMs = 30_000

/** Puts a hub under load and counts. Ends early, with what there is, when `stopped` aborts. */
export async function runLoad(
  load: Load,
  stopped: AbortSignal,
  onProgress: (text: string) => void,
): Promise<LoadResult> {
  const ended = new AbortController()
  const latency = new Latencies()
  const publishing = new Latencies()
  const acknowledged = new Set<number>()
  const received = Array.from({ length: load.subscribers }, () => new Set<number>())
  let [doubled, delivered, reconnects, refused, lastAt] = [0, 0, 0, 0, performance.now()]
  let refusal: string | undefined

  function onEvent(data: string, seen: Set<number>): void {
    const [n = '', at = ''] = data.split(' ', 2)
    const number = Number(n)
    lastAt = performance.now()
    if (seen.has(number)) {
      doubled++
      return
    }
    seen.add(number)
    delivered++
    latency.add(lastAt - Number(at))
  }

  async function subscribe(seen: Set<number>, onOpen: () => void): Promise<void> {
    const url = new URL(load.hub)
    url.searchParams.set('match', load.topic)
    let isFirst = true
    const stream = events(url, {
      headers: authorizationOf(load.token),
      // Who does not come in at all is not waited for.
      retry: { maxBackoffMs: 1000, decide: () => (isFirst ? false : undefined) },
      signal: ended.signal,
      onState(state) {
        if (state.name === 'closed' && state.failure) {
          throw new HubError(
            'HUB_REFUSED',
            `No subscriber comes in: ${failureText(state.failure).replace(/[.?]$/, '')}.`,
          )
        }
        if (state.name !== 'open') return
        if (isFirst) onOpen()
        else reconnects++
        isFirst = false
      },
    })
    try {
      for await (const { data } of stream) onEvent(data, seen)
    } catch (error) {
      if (!ended.signal.aborted) throw error
    }
  }

  async function publish(publisher: number, begunAt: number): Promise<void> {
    const everyMs = (1000 * load.publishers) / load.rate
    const until = begunAt + load.seconds * 1000
    for (let turn = 0; ; turn++) {
      const due = begunAt + (turn + publisher / load.publishers) * everyMs
      if (due >= until || stopped.aborted) return
      const early = due - performance.now()
      if (early > 1) await wait(early, undefined, { signal: stopped }).catch(() => {})
      // A hub that does not keep up is not asked for what is overdue.
      if (stopped.aborted || performance.now() >= until) return
      const number = turn * load.publishers + publisher
      const at = performance.now()
      const data = `${number} ${at} `.padEnd(load.bytes, 'x')
      const outcome = await publishOnce(load.hub, new URLSearchParams({ topic: load.topic, data }), {
        token: load.token,
      })
      if (outcome.name === 'published') {
        publishing.add(performance.now() - at)
        acknowledged.add(number)
      } else {
        refused++
        refusal ??= outcome.reason
      }
      onProgress(`${acknowledged.size.toLocaleString('en')} published, ${delivered.toLocaleString('en')} delivered`)
    }
  }

  let open = 0
  const opened = Promise.withResolvers<void>()
  const streams = received.map((seen) => subscribe(seen, () => ++open === load.subscribers && opened.resolve()))
  const failed = Promise.race(streams.map((stream) => stream.then(() => new Promise<never>(() => {}))))
  try {
    const late = wait(connectMs, undefined, { signal: ended.signal }).then(
      () => {
        throw new HubError(
          'HUB_UNREACHABLE',
          `Only ${open} of ${load.subscribers} subscribers were connected within ${connectMs / 1000} s.`,
        )
      },
      () => {},
    )
    const interrupted = new Promise<void>((resolve) => stopped.addEventListener('abort', () => resolve()))
    await Promise.race([opened.promise, failed, late, interrupted])
    const delays = monitorEventLoopDelay({ resolution: 10 })
    delays.enable()
    const cpuBefore = process.cpuUsage()
    const begunAt = performance.now()
    await Promise.race([Promise.all(Array.from({ length: load.publishers }, (_, n) => publish(n, begunAt))), failed])
    const seconds = (performance.now() - begunAt) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    delays.disable()
    const missing = () => received.reduce((sum, seen) => sum + [...acknowledged].filter((n) => !seen.has(n)).length, 0)
    lastAt = performance.now()
    while (missing() > 0 && performance.now() - lastAt < graceMs && !stopped.aborted) await wait(50)
    return {
      seconds,
      published: acknowledged.size,
      refused,
      refusal,
      delivered,
      lost: missing(),
      doubled,
      latency: latency.read(),
      publishing: publishing.read(),
      reconnects,
      cpu: (user + system) / 1e6 / seconds,
      lateMs: Math.max(0, delays.percentile(99) / 1e6 - 10),
    }
  } finally {
    ended.abort()
    await Promise.allSettled(streams)
  }
}
