import { eventBytes, type Load, publishAsAcknowledged, streamsUpTo } from './publishing.ts'
import { deliveryMeasures, type Measured, type Scenario, type Stage } from './stage.ts'

const description = '10,000 topics with 1 subscriber each; 16 publishers, as fast as acknowledged'

/**
 * No subscriber shares a topic: measures what it costs to accept an event and to find its one
 * subscriber.
 */
export const topics: Scenario = {
  name: 'topics',
  description,
  peers: ['hub', 'hub-memory', 'nchan', 'better-sse', 'naive', 'floor'],
  async run(stage) {
    const { measured, published } = await publishToTopics(stage)
    return { measures: deliveryMeasures(measured, published), groups: measured.groups }
  },
}

/**
 * The same with its garbage counted: most of what a publish allocates. Time is not measured,
 * because counting takes some.
 */
export const garbage: Scenario = {
  name: 'garbage',
  description: `${description}; what the main thread allocates on its heap`,
  peers: ['hub', 'hub-memory', 'better-sse', 'naive'],
  countsAllocation: true,
  async run(stage) {
    const { measured, published } = await publishToTopics(stage)
    const { allocatedBytes = Number.NaN } = measured
    return { measures: { allocatedPerPublish: allocatedBytes / published }, groups: measured.groups }
  },
}

async function publishToTopics(stage: Stage): Promise<{ measured: Measured; published: number }> {
  const { peer } = stage
  const load: Load = {
    streams: streamsUpTo(stage.scaled(10_000, 50)),
    topicOf: (stream) => `topics/${stream}`,
    bytes: eventBytes,
  }
  const rounds = 4
  const crowd = stage.newCrowd({ streams: load.streams.length, perStream: rounds })
  await crowd.open(
    load.streams.map((stream) => ({
      label: 'subscribers',
      request: peer.subscribeRequest(load.topicOf(stream)),
      streams: [stream],
      count: 1,
    })),
  )
  const publish = (from: number, to: number) => () => publishAsAcknowledged(peer, crowd, load, 16, { from, to })
  await stage.measure(crowd, publish(0, 1))
  const measured = await stage.measure(crowd, publish(1, rounds))
  return { measured, published: load.streams.length * (rounds - 1) }
}
