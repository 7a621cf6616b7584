import { setTimeout as wait } from 'node:timers/promises'
import { type EventIdentity, eventData } from '../hub/content.ts'
import { Histogram } from '../hub/crowd/histogram.ts'
import { LinePublisher } from '../hub/line-publisher.ts'
import { httpRequest } from '../hub/peers/peer.ts'
import { Publisher } from '../hub/publisher.ts'
import type { Faults } from './order.ts'
import { bulkStream, bytesOf, isPrivate, isRoom, type Topics, topicOf } from './topics.ts'

export interface PublishersOptions {
  readonly port: number
  readonly token: string
  readonly eventsPerSecond: number
  readonly topics: Topics
  readonly faults: Faults
}

/**
 * Publishes at a steady rate, whether or not the hub keeps up. An event is due at its place in the
 * schedule, and waits behind those of its publisher that were not answered yet. News, private and
 * large events are forms, one request each. One half of the rooms are published as JSON arrays, the
 * other as lines of one request that lasts as long as the soak.
 */
export class Publishers {
  published = 0
  /**
   * The times from when events were due until they were answered, in milliseconds. Events that
   * gather for an array are due when it is.
   */
  readonly latencies = new Histogram()
  readonly #options: PublishersOptions
  readonly #lanes: readonly Lane[]

  static async open(options: PublishersOptions): Promise<Publishers> {
    const { port, token } = options
    const authorization = { Authorization: `Bearer ${token}` }
    const lines = await LinePublisher.open(
      port,
      httpRequest('POST', path, {
        'Content-Type': 'application/x-ndjson',
        'Transfer-Encoding': 'chunked',
        ...authorization,
      }),
    )
    let linesSent = 0
    const lanes = [
      asLane({
        takes: (stream) => isRoom(stream) && stream % 2 === 0,
        send: async (events) => {
          lines.send(events.map((event) => `${JSON.stringify(jsonOf(event))}\n`).join(''))
          linesSent += events.length
          await lines.untilAcknowledged(linesSent)
        },
        close: () => lines.close(),
      }),
    ]
    const json = await Publisher.open(port)
    lanes.push(
      asLane({
        takes: isRoom,
        restMs: 250,
        send: async (events) => {
          const headers = { 'Content-Type': 'application/json', ...authorization }
          await json.publish(httpRequest('POST', path, headers, JSON.stringify(events.map(jsonOf))))
        },
        close: () => json.close(),
      }),
    )
    for (const takes of [isPrivate, (stream: number) => stream === bulkStream, isOdd, () => true]) {
      const publisher = await Publisher.open(port)
      lanes.push(
        asLane({
          takes,
          most: 1,
          send: async ([event]) => {
            await publisher.publish(formOf(event!, authorization))
          },
          close: () => publisher.close(),
        }),
      )
    }
    return new Publishers(options, lanes)
  }

  private constructor(options: PublishersOptions, lanes: readonly Lane[]) {
    this.#options = options
    this.#lanes = lanes
  }

  /** Publishes until the signal. Resolves when everything that was published is answered. */
  async run(signal: AbortSignal): Promise<void> {
    const { topics, eventsPerSecond } = this.#options
    const startedAt = performance.now()
    while (!signal.aborted) {
      const due = ((performance.now() - startedAt) * eventsPerSecond) / 1000
      while (this.published < due) {
        const identity = topics.next(this.published)
        const dueAt = startedAt + (this.published++ * 1000) / eventsPerSecond
        const lane = this.#lanes.find(({ takes }) => takes(identity.stream))!
        lane.waiting.push({ identity, dueAt })
        lane.working ??= this.#work(lane).finally(() => {
          lane.working = undefined
        })
      }
      await wait(tickMs)
    }
    await Promise.all(this.#lanes.map(({ working }) => working))
  }

  close(): void {
    for (const lane of this.#lanes) lane.close()
  }

  async #work(lane: Lane): Promise<void> {
    const { topics, faults } = this.#options
    while (lane.waiting.length > 0) {
      if (lane.restMs > 0) await wait(lane.restMs)
      const events = lane.waiting.splice(0, lane.most)
      try {
        await lane.send(events.map(({ identity }) => identity))
      } catch (error) {
        faults.refused += events.length
        console.error(String(error))
        continue
      }
      for (const { identity, dueAt } of events) {
        topics.acknowledge(identity)
        this.latencies.add(performance.now() - dueAt - lane.restMs)
      }
    }
  }
}

/** One publisher: sends the events of its streams, one request after the other. */
interface Lane extends LaneOptions {
  /** The most events that are sent at once. */
  readonly most: number
  /** How long events gather before they are sent. */
  readonly restMs: number
  readonly waiting: { readonly identity: EventIdentity; readonly dueAt: number }[]
  working: Promise<void> | undefined
}

interface LaneOptions {
  /** The first of the publishers that takes a stream publishes it. */
  readonly takes: (stream: number) => boolean
  readonly most?: number
  readonly restMs?: number
  readonly send: (events: readonly EventIdentity[]) => Promise<void>
  readonly close: () => void
}

const path = '/.well-known/mercure'
const tickMs = 10

function asLane({ most = 100, restMs = 0, ...rest }: LaneOptions): Lane {
  return { ...rest, most, restMs, waiting: [], working: undefined }
}

function isOdd(stream: number): boolean {
  return stream % 2 === 1
}

function jsonOf(event: EventIdentity): { topic: string; data: string } {
  return { topic: topicOf(event.stream), data: eventData(event, bytesOf(event.stream)) }
}

function formOf(event: EventIdentity, authorization: Record<string, string>): string {
  const { topic, data } = jsonOf(event)
  const body = new URLSearchParams({ topic, data, ...(isPrivate(event.stream) && { private: 'on' }) }).toString()
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded', ...authorization }
  const isLarge = event.stream === bulkStream
  return httpRequest('POST', path, { ...headers, ...(isLarge && { 'Idempotency-Key': `"large-${event.seq}"` }) }, body)
}
