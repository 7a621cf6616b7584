import { now } from '../clock.ts'
import { eventData } from '../content.ts'
import { Histogram } from '../crowd/histogram.ts'
import { LinePublisher } from '../line-publisher.ts'
import { isHub, type RunningHub } from '../peers/hub.ts'
import type { RunningPeer } from '../peers/peer.ts'
import { othersCpuShareOf, readCpuMs, readMachineCpuMs } from '../process-tree.ts'
import { eventBytes, withPublishers } from './publishing.ts'
import type { Outcome, Scenario, Stage } from './stage.ts'

const topic = 'publish'

export const publishAlone = eventByEvent('publish-1', 1)
export const publishOf64 = eventByEvent('publish-64', 64)

/** Several events in a request. */
export const publishArrays: Scenario = {
  name: 'publish-json',
  description: 'nobody subscribes; 4 publishers of JSON arrays of 100 events',
  peers: ['hub', 'hub-memory'],
  run(stage) {
    const peer = asHub(stage.peer)
    return measurePublishing(stage, async (until, onAnswer) => {
      await withPublishers(peer.port, 4, async (publisher, index) => {
        for (let seq = 0; now() < until; seq += 100) {
          const events = Array.from({ length: 100 }, (_, offset) => eventOf(index, seq + offset))
          const sentAt = now()
          await publisher.publish(peer.publishJson(events))
          onAnswer(100, now() - sentAt)
        }
      })
    })
  },
}

/** A stream of events in one request. */
export const publishLines: Scenario = {
  name: 'publish-ndjson',
  description: 'nobody subscribes; 1 publisher of a stream of lines, with at most 2,000 not acknowledged',
  peers: ['hub', 'hub-memory'],
  run(stage) {
    const peer = asHub(stage.peer)
    const perChunk = 100
    const mostUnacknowledged = 2000
    return measurePublishing(stage, async (until, onAnswer) => {
      const publisher = await LinePublisher.open(peer.port, peer.publishLinesHead)
      let counted = 0
      for (let seq = 0; now() < until; seq += perChunk) {
        let lines = ''
        for (let offset = 0; offset < perChunk; offset++) lines += `${JSON.stringify(eventOf(0, seq + offset))}\n`
        publisher.send(lines)
        await publisher.untilAcknowledged(seq + perChunk - mostUnacknowledged)
        onAnswer(publisher.acknowledged - counted)
        counted = publisher.acknowledged
      }
      publisher.close()
    })
  },
}

function eventByEvent(name: string, publishers: number): Scenario {
  return {
    name,
    description: `nobody subscribes; ${publishers} ${publishers === 1 ? 'publisher' : 'publishers'}, each as fast as acknowledged`,
    peers: ['hub', 'hub-memory', 'nchan'],
    run: (stage) =>
      measurePublishing(stage, (until, onAnswer) =>
        withPublishers(stage.peer.port, publishers, async (publisher, index) => {
          for (let seq = 0; now() < until; seq++) {
            const request = stage.peer.publishRequest(eventOf(index, seq))
            const sentAt = now()
            await publisher.publish(request)
            onAnswer(1, now() - sentAt)
          }
        }),
      ),
  }
}

/** Publishes for a while to warm up, then for the measurement. */
async function measurePublishing(
  stage: Stage,
  publish: (until: number, onAnswer: (events: number, ms?: number) => void) => Promise<void>,
): Promise<Outcome> {
  const { peer } = stage
  const ms = stage.scaled(5000, 1000)
  await publish(now() + ms / 5, () => {})
  const answers = new Histogram()
  let events = 0
  const client = process.cpuUsage()
  const machineCpuMs = readMachineCpuMs()
  const cpuMs = readCpuMs(peer.pid)
  const startedAt = now()
  await publish(startedAt + ms, (count, answerMs) => {
    events += count
    if (answerMs !== undefined) answers.add(answerMs)
  })
  const tookMs = now() - startedAt
  const { user, system } = process.cpuUsage(client)
  const serverCpuMs = readCpuMs(peer.pid) - cpuMs
  const ownCpuMs = serverCpuMs + (user + system) / 1000
  return {
    measures: {
      publishesPerSecond: (events * 1000) / tookMs,
      cpuUsPerPublish: (serverCpuMs * 1000) / events,
      clientCpuUsPerPublish: (user + system) / events,
      ...(answers.count > 0 && { p50Ms: answers.percentile(0.5), p99Ms: answers.percentile(0.99) }),
      othersCpuPercent: othersCpuShareOf(readMachineCpuMs() - machineCpuMs, ownCpuMs, tookMs) * 100,
    },
    groups: [],
  }
}

function eventOf(stream: number, seq: number) {
  return { topic, data: eventData({ stream, seq }, eventBytes) }
}

function asHub(peer: RunningPeer): RunningHub {
  if (isHub(peer)) return peer
  throw new Error('Only the hub takes several events in a request.')
}
