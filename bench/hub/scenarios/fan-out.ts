import { median } from '../../median.ts'
import type { CrowdThreads } from '../crowd/crowd-threads.ts'
import { Histogram } from '../crowd/histogram.ts'
import { eventBytes, type Load, publishAsAcknowledged, publishPaced, type Range, streamsUpTo } from './publishing.ts'
import { deliveryMeasures, joined, type Measured, type Outcome, type Scenario, type Stage } from './stage.ts'

const peers = ['hub', 'hub-threads', 'nchan', 'better-sse', 'naive', 'floor']

/** One topic with many subscribers, to which events are sent as fast as they are acknowledged. */
export const burst = fanOutOf('burst-1', '1,000 subscribers of a topic; 1 publisher, as fast as acknowledged', {
  subscribers: 1000,
  events: 2000,
  publishers: 1,
})

export const burstOf16 = fanOutOf('burst-16', '1,000 subscribers of a topic; 16 publishers, as fast as acknowledged', {
  subscribers: 1000,
  events: 2000,
  publishers: 16,
})

export const wide = fanOutOf('wide', '10,000 subscribers of a topic; 1 publisher, as fast as acknowledged', {
  subscribers: 10_000,
  events: 200,
  publishers: 1,
})

/** Nothing to batch. */
export const paced: Scenario = {
  name: 'paced',
  description: '1,000 subscribers of a topic; 50 events/s for 20 s',
  peers,
  async run(stage) {
    const perSecond = 50
    const warmUp = stage.scaled(100, 10)
    const events = stage.scaled(1000, 50)
    const load: Load = { streams: [0], topicOf: () => 'paced', bytes: eventBytes }
    const crowd = await openCrowd(stage, load, stage.scaled(1000, 10), warmUp + events)
    await stage.measure(crowd, () => publishPaced(stage.peer, crowd, load, perSecond, { from: 0, to: warmUp }))
    const measured = await stage.measure(crowd, () =>
      publishPaced(stage.peer, crowd, load, perSecond, { from: warmUp, to: warmUp + events }),
    )
    return { measures: deliveryMeasures(measured, events), groups: measured.groups }
  },
}

const crowdPeers = ['hub', 'hub-memory', 'nchan', 'better-sse', 'naive', 'floor']

/**
 * A small crowd, as most topics have: what a publish costs matters as much as the writes. 50 at
 * every scale.
 */
export const crowdOf50: Scenario = {
  name: 'crowd-50',
  description: '50 subscribers of a topic; 1 publisher, 200 events/s for 10 s',
  peers: crowdPeers,
  run: (stage) =>
    runCrowdOf50(stage, { parts: stage.scaled(10, 2), perPart: 200 }, (crowd, load, range) =>
      publishPaced(stage.peer, crowd, load, 200, range),
    ),
}

export const crowdOf50Fast: Scenario = {
  name: 'crowd-50-fast',
  description: '50 subscribers of a topic; 1 publisher, as fast as acknowledged',
  peers: crowdPeers,
  run: (stage) =>
    runCrowdOf50(stage, { parts: stage.scaled(10, 2), perPart: 600 }, (crowd, load, range) =>
      publishAsAcknowledged(stage.peer, crowd, load, 1, range),
    ),
}

async function runCrowdOf50(
  stage: Stage,
  { parts, perPart }: { parts: number; perPart: number },
  publish: (crowd: CrowdThreads, load: Load, range: Range) => Promise<Histogram>,
): Promise<Outcome> {
  const { peer } = stage
  // More than in other scenarios: at 200 events/s, it takes long until a server has compiled the
  // code it runs.
  const warmUp = stage.scaled(2000, 100)
  const events = parts * perPart
  const load: Load = { streams: [0], topicOf: () => 'crowd', bytes: eventBytes }
  const crowd = await openCrowd(stage, load, 50, warmUp + events)
  await stage.measure(crowd, () => publishAsAcknowledged(peer, crowd, load, 1, { from: 0, to: warmUp }))
  const answers = new Histogram()
  const measured: Measured[] = []
  for (let from = warmUp; from < warmUp + events; from += perPart) {
    const publishPart = async () => answers.addAll(await publish(crowd, load, { from, to: from + perPart }))
    measured.push(await stage.measure(crowd, publishPart))
  }
  const whole = joined(measured)
  const { othersCpuPercent, ...measures } = deliveryMeasures(whole, events)
  return {
    measures: {
      ...measures,
      // One stall of the machine decides the p99 of the whole, but only that of its own part.
      p99OfPartsMs: median(measured.map((part) => deliveryMeasures(part, perPart).p99Ms!)),
      answerP50Ms: answers.percentile(0.5),
      answerP99Ms: answers.percentile(0.99),
      othersCpuPercent: othersCpuPercent!,
    },
    groups: whole.groups,
  }
}

function fanOutOf(
  name: string,
  description: string,
  size: { subscribers: number; events: number; publishers: number },
): Scenario {
  return { name, description, peers, run: (stage) => runFanOut(stage, size) }
}

async function runFanOut(
  stage: Stage,
  { subscribers, events, publishers }: { subscribers: number; events: number; publishers: number },
): Promise<Outcome> {
  const { peer } = stage
  const perStream = stage.scaled(Math.floor(events / publishers), 5)
  // So that the server has compiled the code it runs.
  const warmUp = Math.ceil(perStream / 10)
  const load: Load = { streams: streamsUpTo(publishers), topicOf: () => 'fan-out', bytes: eventBytes }
  const crowd = await openCrowd(stage, load, stage.scaled(subscribers, 10), warmUp + perStream)
  const publish = (from: number, to: number) => async () => {
    await publishAsAcknowledged(peer, crowd, load, publishers, { from, to })
  }
  await stage.measure(crowd, publish(0, warmUp))
  const measured = await stage.measure(crowd, publish(warmUp, warmUp + perStream))
  return { measures: deliveryMeasures(measured, perStream * publishers), groups: measured.groups }
}

async function openCrowd(stage: Stage, load: Load, count: number, perStream: number) {
  const { streams, topicOf } = load
  const crowd = stage.newCrowd({ streams: streams.length, perStream })
  await crowd.open([{ label: 'subscribers', request: stage.peer.subscribeRequest(topicOf(0)), streams, count }])
  return crowd
}
