import { setTimeout as pause } from 'node:timers/promises'
import type { DeliveryChecker } from '../crash/delivery-checker.ts'
import { publisherHeaders, type SystemEvent, someTime } from '../crash/system-events.ts'
import type { Deliveries } from './deliveries.ts'
import type { Outages, Want } from './outages.ts'

/** What is told of what publishers send, and what becomes of it. */
export type PublisherChecker = Pick<DeliveryChecker, 'publish' | 'acknowledge' | 'commit' | 'rollBack' | 'fail'>

export interface ClusterPublisherOptions {
  readonly publisher: number
  readonly checker: PublisherChecker
  readonly outages: Outages
  readonly deliveries: Deliveries
  readonly random: () => number
  readonly eventOf: (number: number) => SystemEvent
  /** The longest that it waits between two events, in milliseconds. */
  readonly maxPauseMs: number
  readonly stopping: AbortSignal
  /** Called each time that something it began at that time was acknowledged. */
  readonly onDone: (begunAt: number) => void
}

export interface HttpPublisherOptions extends ClusterPublisherOptions {
  /** Where it publishes. Each attempt may go elsewhere: the key makes that safe. */
  readonly urls: readonly string[]
  /** What it counts as to wait for an acknowledgement, if anything. */
  readonly want: Want | undefined
}

/** How long it waits for an answer before it asks again, in milliseconds. */
const answerMs = 15_000

/** Publishes one event or three as one at a time, each until it is acknowledged. */
export async function publishByHttp(options: HttpPublisherOptions): Promise<void> {
  const { publisher, random, eventOf, maxPauseMs, stopping } = options
  for (let number = 0; !stopping.aborted; ) {
    const count = publisher % 2 === 0 ? 1 : 3
    await publishUntilAcknowledged(
      options,
      Array.from({ length: count }, (_, index) => eventOf(number + index)),
    )
    number += count
    await someTime(random, maxPauseMs)
  }
}

export async function publishUntilAcknowledged(
  { urls, want, random, checker, outages, deliveries, onDone }: Omit<HttpPublisherOptions, 'eventOf'>,
  events: readonly SystemEvent[],
): Promise<void> {
  const [{ publisher, number }] = events as [SystemEvent]
  const key = `key of ${publisher}:${number}`
  for (const event of events) {
    checker.publish(events.length > 1 ? { ...event, batch: key } : event)
    deliveries.begun(event)
  }
  const body = JSON.stringify(events.map(jsonOf))
  const begunAt = performance.now()
  const end = want ? outages.begin(want) : () => {}
  for (;;) {
    const url = urls[Math.floor(random() * urls.length)]!
    const ids = await post(url, checker, key, body)
    if (ids) {
      end()
      for (const [index, event] of events.entries()) {
        checker.acknowledge(event, ids[index]!.id)
        deliveries.stored(event)
      }
      onDone(begunAt)
      return
    }
    await pause(50)
  }
}

/** Returns the answer; nothing if there was none, or the hub could not store the events now. */
async function post(
  url: string,
  checker: PublisherChecker,
  key: string,
  body: string,
): Promise<{ id: string }[] | undefined> {
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { ...publisherHeaders, 'idempotency-key': key, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(answerMs),
    })
    text = await response.text()
  } catch {
    // Whatever it was: the key makes another attempt safe.
    return undefined
  }
  if (response.status === 200) return JSON.parse(text)
  // Of a hub that cannot store it now, or of a balancer that has no hub.
  if (![502, 503, 504].includes(response.status)) {
    checker.fail(`publishing was answered ${response.status} ${text}`)
  }
  return undefined
}

function jsonOf({ topics, data, isPrivate, type, id, retryMs }: SystemEvent): Record<string, unknown> {
  return { topic: topics, data, private: isPrivate, type, id, retry: retryMs }
}
