import { setTimeout as wait } from 'node:timers/promises'
import { readProcessTree } from '../process-tree.ts'
import { type Load, publishPaced } from './publishing.ts'
import { deliveryMeasures, type Scenario } from './stage.ts'

/**
 * Some subscribers hardly read, or not at all. Measures what that does to the others, and to the
 * server's memory.
 */
export const slow: Scenario = {
  name: 'slow',
  description:
    '1,000 live subscribers, 20 events/s of 16 KiB; then the same beside 200 that never read and 200 that read 1 KB/s',
  peers: ['hub', 'nchan', 'better-sse', 'naive', 'floor'],
  async run(stage) {
    const { peer } = stage
    const perSecond = 20
    // The kernel holds some 4 MB for a connection that is not read: a server only notices beyond
    // that.
    const [warmUp, without, withSlow] = [stage.scaled(20, 5), stage.scaled(200, 20), stage.scaled(400, 40)]
    const load: Load = { streams: [0], topicOf: () => 'slow', bytes: 16 * 1024 }
    const crowd = stage.newCrowd({ streams: 1, perStream: warmUp + without + withSlow })
    const request = peer.subscribeRequest('slow')
    const publish = (from: number, count: number) => () =>
      publishPaced(peer, crowd, load, perSecond, { from, to: from + count })

    await crowd.open([{ label: 'live', request, streams: [0], count: stage.scaled(1000, 10) }])
    await stage.measure(crowd, publish(0, warmUp))
    const alone = await stage.measure(crowd, publish(warmUp, without))
    const { memoryBytes } = readProcessTree(peer.pid)

    const beside = { request, streams: [0], firstSeq: warmUp + without, count: stage.scaled(200, 2) }
    await crowd.open([
      { ...beside, label: 'never reads', pace: 'never' },
      { ...beside, label: '1 KB/s', pace: '1 KB/s' },
    ])
    const watching = new AbortController()
    const most = watchMemory(peer.pid, watching.signal)
    const accompanied = await stage.measure(crowd, publish(warmUp + without, withSlow))
    watching.abort()

    const live = accompanied.groups.filter(({ label }) => label === 'live')
    const before = deliveryMeasures(alone, without)
    const after = deliveryMeasures({ ...accompanied, groups: live }, withSlow)
    const slowOnes = accompanied.groups.filter(({ label }) => label !== 'live')
    return {
      measures: {
        p50WithoutMs: before.p50Ms!,
        p50WithMs: after.p50Ms!,
        p99WithoutMs: before.p99Ms!,
        p99WithMs: after.p99Ms!,
        p99Ratio: after.p99Ms! / before.p99Ms!,
        memoryBeforeBytes: memoryBytes,
        memoryMostBytes: await most,
        slowClosed: slowOnes.reduce((sum, group) => sum + group.closed, 0),
        cpuUsPerDelivery: after.cpuUsPerDelivery!,
      },
      groups: live,
    }
  },
}

async function watchMemory(pid: number, signal: AbortSignal): Promise<number> {
  let most = 0
  while (!signal.aborted) {
    most = Math.max(most, readProcessTree(pid).memoryBytes)
    await wait(500)
  }
  return most
}
