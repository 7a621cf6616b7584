import type { GroupSpec } from '../crowd/crowd.ts'
import { isHub, type RunningHub } from '../peers/hub.ts'
import { eventBytes, type Load, publishAsAcknowledged, streamsUpTo } from './publishing.ts'
import { deliveryMeasures, type Scenario, type Stage } from './stage.ts'

// Only the hub knows these ways to select: no other server can be compared.
const peers = ['hub', 'hub-memory']

export const manyTopics = mixed('mixed-topics', '10,000 topics; 1,000 subscribers, each of 100 of them', {
  topics: 10_000,
  rounds: 2,
  topicOf: (stream) => `mixed/${stream}`,
  groupsFor: async (hub, topics, scaled) =>
    Array.from({ length: scaled(1000, 10) }, (_, index) => {
      // Steps that share no factor with the number of topics reach all of them.
      const streams = [...new Set(streamsUpTo(100).map((step) => (index * 37 + step * 101) % topics))]
      const matchers = streams.map((stream) => ({ name: 'match' as const, value: `mixed/${stream}` }))
      return { label: 'of 100 topics', request: hub.subscribeToAll(matchers), streams, count: 1 }
    }),
})

const itemsPerShop = 100

export const patterns = mixed(
  'mixed-patterns',
  '10,000 topics; 1,000 subscribers by URL patterns, each selects 100 of them',
  {
    topics: 10_000,
    rounds: 2,
    topicOf: (stream) => `https://bench.test/shops/${Math.floor(stream / itemsPerShop)}/items/${stream % itemsPerShop}`,
    groupsFor: async (hub, topics, scaled) =>
      Array.from({ length: Math.ceil(topics / itemsPerShop) }, (_, shop) => ({
        label: 'by URL pattern',
        request: hub.subscribeToAll([
          { name: 'match_urlpattern', value: `https://bench.test/shops/${shop}/items/:item` },
        ]),
        streams: streamsUpTo(topics).filter((stream) => Math.floor(stream / itemsPerShop) === shop),
        count: scaled(10),
      })),
  },
)

export const privateEvents = mixed(
  'mixed-private',
  '1,000 subscribers with a token of their own, each for its private topic',
  {
    topics: 1000,
    rounds: 10,
    topicOf: (stream) => `https://bench.test/users/${stream}`,
    isPrivate: true,
    groupsFor: (hub, topics) =>
      Promise.all(
        streamsUpTo(topics).map(async (stream) => {
          const topic = `https://bench.test/users/${stream}`
          const request = hub.subscribeToAll([{ name: 'match', value: topic }], await hub.tokenFor([topic]))
          return { label: 'private', request, streams: [stream], count: 1 }
        }),
      ),
  },
)

interface Mix {
  readonly topics: number
  /** The number of events of each topic. */
  readonly rounds: number
  readonly topicOf: (stream: number) => string
  readonly isPrivate?: boolean
  readonly groupsFor: (hub: RunningHub, topics: number, scaled: Stage['scaled']) => Promise<GroupSpec[]>
}

function mixed(name: string, description: string, mix: Mix): Scenario {
  return {
    name,
    description: `${description}; 16 publishers, as fast as acknowledged`,
    peers,
    async run(stage) {
      const { peer } = stage
      if (!isHub(peer)) throw new Error(`${name} is for the hub alone.`)
      const topics = stage.scaled(mix.topics, 200)
      const load: Load = {
        streams: streamsUpTo(topics),
        topicOf: mix.topicOf,
        bytes: eventBytes,
        ...(mix.isPrivate && { request: peer.publishPrivately }),
      }
      const crowd = stage.newCrowd({ streams: topics, perStream: mix.rounds + 1 })
      await crowd.open(await mix.groupsFor(peer, topics, (count, least) => stage.scaled(count, least)))
      const publish = (from: number, to: number) => async () => {
        await publishAsAcknowledged(peer, crowd, load, 16, { from, to })
      }
      await stage.measure(crowd, publish(0, 1))
      const measured = await stage.measure(crowd, publish(1, mix.rounds + 1))
      return { measures: deliveryMeasures(measured, topics * mix.rounds), groups: measured.groups }
    },
  }
}
