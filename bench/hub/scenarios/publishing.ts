import { setTimeout as wait } from 'node:timers/promises'
import { now } from '../clock.ts'
import { eventData } from '../content.ts'
import type { CrowdThreads } from '../crowd/crowd-threads.ts'
import { Histogram } from '../crowd/histogram.ts'
import type { PublishedEvent, RunningPeer } from '../peers/peer.ts'
import { Publisher } from '../publisher.ts'

/** What to publish: the streams, the topic of each, and the size of their events. */
export interface Load {
  readonly streams: readonly number[]
  readonly topicOf: (stream: number) => string
  readonly bytes: number
  /** How to publish each event. Default: as the peer does. */
  readonly request?: (event: PublishedEvent) => string
}

/** Events of every stream, by their numbers. */
export interface Range {
  readonly from: number
  readonly to: number
}

export const eventBytes = 100

export function streamsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, stream) => stream)
}

/**
 * Publishes as fast as it is acknowledged: each publisher has streams of its own, and sends its
 * next event when the last one was answered. Resolves to the response times.
 */
export async function publishAsAcknowledged(
  peer: RunningPeer,
  crowd: CrowdThreads,
  load: Load,
  publishers: number,
  { from, to }: Range,
): Promise<Histogram> {
  const answers = new Histogram()
  const publish = async (publisher: Publisher, index: number) => {
    for (let seq = from; seq < to; seq++) {
      for (let at = index; at < load.streams.length; at += publishers) {
        const stream = load.streams[at]!
        const request = requestOf(peer, load, stream, seq)
        const sentAt = now()
        crowd.due(stream, seq, sentAt)
        await publisher.publish(request)
        answers.add(now() - sentAt)
      }
    }
  }
  await withPublishers(peer.port, publishers, publish)
  return answers
}

/**
 * Publishes the events of the first stream at a steady rate. Each is due at its time, and latencies
 * count from there, whether or not the server was ready to accept it then. The schedule only waits
 * for the publisher itself. Resolves to the response times, each from when its event was sent.
 */
export async function publishPaced(
  peer: RunningPeer,
  crowd: CrowdThreads,
  load: Load,
  perSecond: number,
  { from, to }: Range,
): Promise<Histogram> {
  const answers = new Histogram()
  const stream = load.streams[0]!
  await withPublishers(peer.port, 1, async (publisher) => {
    let startedAt = now() + 10
    for (let seq = from; seq < to; seq++) {
      let due = startedAt + ((seq - from) * 1000) / perSecond
      const request = requestOf(peer, load, stream, seq)
      if (now() < due) {
        await until(due)
        // A publisher that was free and woke late waited for a processor, not for the server.
        const late = now() - due
        startedAt += late
        due += late
      }
      crowd.due(stream, seq, due)
      const sentAt = now()
      await publisher.publish(request)
      answers.add(now() - sentAt)
    }
  })
  return answers
}

export async function withPublishers(
  port: number,
  count: number,
  publish: (publisher: Publisher, index: number) => Promise<void>,
): Promise<void> {
  const publishers = await Promise.all(Array.from({ length: count }, () => Publisher.open(port)))
  try {
    await Promise.all(publishers.map(publish))
  } finally {
    for (const publisher of publishers) publisher.close()
  }
}

function requestOf(peer: RunningPeer, load: Load, stream: number, seq: number): string {
  const event = { topic: load.topicOf(stream), data: eventData({ stream, seq }, load.bytes) }
  return load.request ? load.request(event) : peer.publishRequest(event)
}

/** A timer is up to 1 ms late, which would be part of every latency: the rest is a busy wait. */
async function until(time: number): Promise<void> {
  const ms = time - now()
  if (ms > 2) await wait(ms - 2)
  while (now() < time) await new Promise((resolve) => setImmediate(resolve))
}
