import { eventBytes, publishAsAcknowledged } from './publishing.ts'
import { deliveryMeasures, type Scenario, type Stage } from './stage.ts'

const topic = 'storm'

/** All subscribers reconnect at once, as after a network failure, and want what they missed. */
export const storm: Scenario = {
  name: 'storm',
  description: '5,000 subscribers return at once, 500 events behind',
  peers: ['hub', 'hub-memory', 'nchan', 'better-sse', 'naive', 'floor'],
  async run(stage) {
    const { peer } = stage
    const missed = stage.scaled(500, 20)
    const count = stage.scaled(5000, 50)
    const lastEventId = await publishMarker(stage)
    const crowd = stage.newCrowd({ streams: 3, perStream: missed })
    const load = { streams: [1], topicOf: () => topic, bytes: eventBytes }
    await publishAsAcknowledged(peer, crowd, load, 1, { from: 0, to: missed })
    const request = peer.subscribeRequest(topic, lastEventId)
    // Some reconnect first, so that the server has compiled the code it runs.
    const warmUp = stage.newCrowd({ streams: 3, perStream: missed })
    for (let seq = 0; seq < missed; seq++) warmUp.due(1, seq, 0)
    await warmUp.open([{ label: 'first', request, streams: [1], count: Math.ceil(count / 10) }])
    await warmUp.settle()
    await warmUp.close()

    const measured = await stage.measure(crowd, async () => {
      await crowd.open([{ label: 'returning', request, streams: [1], count }])
    })
    const { cpuUsPerDelivery, deliveriesPerSecond, clientCpuUsPerDelivery } = deliveryMeasures(measured, 1)
    const seconds = measured.tookMs / 1000
    return {
      measures: { seconds, cpuUsPerDelivery, deliveriesPerSecond, clientCpuUsPerDelivery } as Record<string, number>,
      groups: measured.groups,
    }
  },
}

/** Publishes an event that they have received, which is stream 0, and returns its ID. */
async function publishMarker(stage: Stage): Promise<string> {
  const { peer } = stage
  const crowd = stage.newCrowd({ streams: 1, perStream: 1 })
  await crowd.open([{ label: 'had', request: peer.subscribeRequest(topic), streams: [0], count: 1 }])
  const load = { streams: [0], topicOf: () => topic, bytes: eventBytes }
  await publishAsAcknowledged(peer, crowd, load, 1, { from: 0, to: 1 })
  const [had] = await crowd.settle()
  await crowd.close()
  if (!had?.lastEventId) throw new Error('The event to resume from did not come, or had no ID.')
  return had.lastEventId
}
