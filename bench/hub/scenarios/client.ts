import { now } from '../clock.ts'
import { eventBytes, withPublishers } from './publishing.ts'
import { deliveryMeasures, type Scenario } from './stage.ts'

/**
 * The limit of the benchmark's own client: a server that only writes, 64 events at a time. Not part
 * of a full run.
 */
export const client: Scenario = {
  name: 'client',
  description: 'the ceiling of the client: 1,000 subscribers of a server that writes 64 events at a time',
  peers: ['blast'],
  async run(stage) {
    const { peer } = stage
    const events = stage.scaled(10_000, 64)
    const crowd = stage.newCrowd({ streams: 1, perStream: events })
    const request = peer.subscribeRequest('blast')
    await crowd.open([{ label: 'subscribers', request, streams: [0], count: stage.scaled(1000, 10) }])
    const measured = await stage.measure(crowd, () =>
      withPublishers(peer.port, 1, async (publisher) => {
        const due = now()
        for (let seq = 0; seq < events; seq++) crowd.due(0, seq, due)
        await publisher.publish(peer.publishRequest({ topic: 'blast', data: `${events} 64 ${eventBytes}` }))
      }),
    )
    return { measures: deliveryMeasures(measured, events), groups: measured.groups }
  },
}
