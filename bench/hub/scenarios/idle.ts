import { setTimeout as wait } from 'node:timers/promises'
import { heartbeatMs } from '../peers/peer.ts'
import { readCpuMs, readProcessTree } from '../process-tree.ts'
import { eventBytes, publishAsAcknowledged } from './publishing.ts'
import type { Scenario } from './stage.ts'

/** What idle subscribers cost. */
export const idle: Scenario = {
  name: 'idle',
  description: '15,000 subscribers of a topic, and a heartbeat every 10 s',
  peers: ['hub', 'hub-memory', 'nchan', 'better-sse', 'naive', 'floor'],
  async run(stage) {
    const { peer } = stage
    const count = stage.scaled(15_000, 100)
    const crowd = stage.newCrowd({ streams: 1, perStream: 1 })
    const before = readProcessTree(peer.pid)
    await crowd.open([{ label: 'subscribers', request: peer.subscribeRequest('idle'), streams: [0], count }])
    const opened = readCpuMs(peer.pid)
    // Waits until what is only needed to connect is released, and the CPU time for that is over: V8
    // tidies up ten seconds later.
    await wait(15_000)
    await crowd.report()
    const cpuMs = readCpuMs(peer.pid)
    await wait(2 * heartbeatMs)
    const heartbeatCpuMs = readCpuMs(peer.pid) - cpuMs
    const [quiet] = await crowd.report()
    const { memoryBytes } = readProcessTree(peer.pid)
    // All of them were there.
    const load = { streams: [0], topicOf: () => 'idle', bytes: eventBytes }
    const { groups } = await stage.measure(crowd, async () => {
      await publishAsAcknowledged(peer, crowd, load, 1, { from: 0, to: 1 })
    })
    return {
      measures: {
        bytesPerConnection: (memoryBytes - before.memoryBytes) / count,
        cpuUsPerHeartbeat: (heartbeatCpuMs * 1000) / (quiet?.heartbeats ?? 0),
        cpuUsPerConnect: ((opened - before.cpuMs) * 1000) / count,
        heartbeats: quiet?.heartbeats ?? 0,
      },
      groups,
    }
  },
}
