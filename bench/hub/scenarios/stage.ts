import { now } from '../clock.ts'
import type { GroupReport } from '../crowd/crowd.ts'
import { CrowdThreads } from '../crowd/crowd-threads.ts'
import { Histogram } from '../crowd/histogram.ts'
import type { RunningPeer } from '../peers/peer.ts'
import { othersCpuShareOf, readCpuMs, readMachineCpuMs, readThreads } from '../process-tree.ts'

/** A test of each peer, and its measures. */
export interface Scenario {
  readonly name: string
  readonly description: string
  /** The names of the peers that support it. */
  readonly peers: readonly string[]
  /**
   * Whether peers are started with their allocations counted. Default: no, as counting itself takes
   * time.
   */
  readonly countsAllocation?: boolean
  run(stage: Stage): Promise<Outcome>
}

/** The result of a scenario. */
export interface Outcome {
  readonly measures: Readonly<Record<string, number>>
  /** What the subscribers report: every event arrived, or what was wrong. */
  readonly groups: readonly GroupReport[]
}

/** The environment of a scenario: one peer, just started, and the means to load it. */
export class Stage {
  readonly peer: RunningPeer
  /** CPU time in milliseconds by name of the server's threads, during the last measurement. */
  threadCpuMs: Readonly<Record<string, number>> = {}
  readonly #scale: number
  readonly #clientThreads: number
  readonly #crowds: CrowdThreads[] = []

  constructor(peer: RunningPeer, { scale, clientThreads }: { scale: number; clientThreads: number }) {
    this.peer = peer
    this.#scale = scale
    this.#clientThreads = clientThreads
  }

  /** A number of subscribers, events or seconds at the scale of this run, at least `least`. */
  scaled(count: number, least = 1): number {
    return Math.max(Math.min(count, least), Math.round(count * this.#scale))
  }

  newCrowd(shape: { streams: number; perStream: number }): CrowdThreads {
    const crowd = new CrowdThreads(this.peer.port, shape, this.#clientThreads)
    this.#crowds.push(crowd)
    return crowd
  }

  /**
   * Does something, waits until all subscribers have what it published, and returns what that took.
   */
  async measure(crowd: CrowdThreads, work: () => Promise<unknown>): Promise<Measured> {
    const allocatedBefore = await this.peer.allocatedBytes?.()
    const client = process.cpuUsage()
    const machineCpuMs = readMachineCpuMs()
    const threads = readThreads(this.peer.pid)
    const cpuMs = readCpuMs(this.peer.pid)
    const startedAt = now()
    await work()
    const worked = now() - startedAt
    const groups = await crowd.settle()
    const { user, system } = process.cpuUsage(client)
    this.threadCpuMs = Object.fromEntries(
      Object.entries(readThreads(this.peer.pid)).map(([name, ms]) => [name, ms - (threads[name] ?? 0)]),
    )
    const serverCpuMs = readCpuMs(this.peer.pid) - cpuMs
    const clientCpuMs = (user + system) / 1000
    const ownCpuMs = serverCpuMs + clientCpuMs
    const othersCpuShare = othersCpuShareOf(readMachineCpuMs() - machineCpuMs, ownCpuMs, now() - startedAt)
    const allocated = await this.peer.allocatedBytes?.()
    return {
      groups,
      cpuMs: serverCpuMs,
      ...(allocated !== undefined && allocatedBefore !== undefined && { allocatedBytes: allocated - allocatedBefore }),
      clientCpuMs,
      othersCpuShare,
      workedMs: worked,
      tookMs: Math.max(worked, ...groups.map((group) => group.lastAt - startedAt)),
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#crowds.map((crowd) => crowd.close()))
  }
}

export interface Measured {
  readonly groups: GroupReport[]
  /** Of the server, with all its processes and threads. */
  readonly cpuMs: number
  readonly clientCpuMs: number
  /**
   * The share of the machine's CPU that was used by neither server nor client but by others, from 0
   * to 1.
   */
  readonly othersCpuShare: number
  /** What the server's main thread allocated on its heap, if that is counted. */
  readonly allocatedBytes?: number
  /** The time it took to publish. */
  readonly workedMs: number
  /** The time until the last event arrived. */
  readonly tookMs: number
}

/**
 * Merges measurements of parts, one after another with the same subscribers, into one. Faults add
 * up by themselves.
 */
export function joined(parts: readonly Measured[]): Measured {
  const sum = (of: (part: Measured) => number) => parts.reduce((total, part) => total + of(part), 0)
  const groups = (parts.at(-1)?.groups ?? []).map((last) => {
    const same = parts.flatMap((part) => part.groups.filter(({ label }) => label === last.label))
    const latencies = new Histogram()
    for (const group of same) latencies.addAll(new Histogram(group.latencies))
    const delivered = same.reduce((total, group) => total + group.delivered, 0)
    return { ...last, delivered, latencies: latencies.counts }
  })
  const tookMs = sum((part) => part.tookMs)
  return {
    groups,
    cpuMs: sum((part) => part.cpuMs),
    clientCpuMs: sum((part) => part.clientCpuMs),
    othersCpuShare: sum((part) => part.othersCpuShare * part.tookMs) / tookMs,
    workedMs: sum((part) => part.workedMs),
    tookMs,
  }
}

/** The measures of every scenario that publishes `published` events. */
export function deliveryMeasures(measured: Measured, published: number): Record<string, number> {
  const { groups, cpuMs, clientCpuMs, othersCpuShare, workedMs, tookMs } = measured
  const delivered = groups.reduce((sum, group) => sum + group.delivered, 0)
  const latencies = new Histogram()
  for (const group of groups) latencies.addAll(new Histogram(group.latencies))
  return {
    cpuUsPerDelivery: (cpuMs * 1000) / delivered,
    cpuUsPerPublish: (cpuMs * 1000) / published,
    deliveriesPerSecond: delivered / (tookMs / 1000),
    publishesPerSecond: published / (workedMs / 1000),
    p50Ms: latencies.percentile(0.5),
    p99Ms: latencies.percentile(0.99),
    clientCpuUsPerDelivery: (clientCpuMs * 1000) / delivered,
    othersCpuPercent: othersCpuShare * 100,
  }
}
