import { eventBytes, type Load, publishAsAcknowledged, streamsUpTo } from './publishing.ts'
import { deliveryMeasures, type Scenario } from './stage.ts'

/** Nobody shares anything: what it costs to take an event and to find the one subscriber whom it is for. */
export const topics: Scenario = {
  name: 'topics',
  description: '10,000 topics with 1 subscriber each; 16 publishers, as fast as acknowledged',
  peers: ['hub', 'hub-memory', 'nchan', 'better-sse', 'naive', 'floor'],
  async run(stage) {
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
    const publish = (from: number, to: number) => async () => {
      await publishAsAcknowledged(peer, crowd, load, 16, { from, to })
    }
    await stage.measure(crowd, publish(0, 1))
    const measured = await stage.measure(crowd, publish(1, rounds))
    return { measures: deliveryMeasures(measured, load.streams.length * (rounds - 1)), groups: measured.groups }
  },
}
