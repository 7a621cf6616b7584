import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fill } from './fill.ts'
import { HubUnderSoak } from './hub-under-soak.ts'
import { type Faults, noFaults } from './order.ts'
import { Population } from './population.ts'
import { Publishers } from './publishers.ts'
import { type Sample, type SamplerOptions, sample } from './sampler.ts'
import { sendStrays } from './strays.ts'
import { Topics } from './topics.ts'

export interface SoakOptions {
  readonly seconds: number
  /** The part of that which does not count. */
  readonly warmUpSeconds: number
  readonly eventsPerSecond: number
  /** The subscribers that stay from beginning to end. */
  readonly subscribers: number
  readonly threads: number
  /** The number of events that the hub keeps; it trims the rest. */
  readonly maxEvents: number
  readonly sampleSeconds: number
  readonly collectSeconds: number
  /**
   * The directory for snapshots of the heap at the end of the warm-up and of the soak. Default:
   * none are written.
   */
  readonly snapshotDirectory?: string | undefined
  readonly onSample?: (sample: Sample) => void
}

/** Everything that a soak found. */
export interface SoakResult {
  readonly startedAt: string
  readonly machine: string
  readonly options: Omit<SoakOptions, 'onSample' | 'snapshotDirectory'>
  readonly published: number
  /** The time from when an event was due until it was answered. */
  readonly publishP50Ms: number
  readonly publishP99Ms: number
  /** The deliveries that were verified, one by one. */
  readonly delivered: number
  readonly topics: number
  readonly returned: number
  readonly gone: number
  readonly strays: number
  readonly hubCpuSeconds: number
  readonly clientCpuSeconds: number
  readonly faults: Faults
  readonly samples: readonly Sample[]
}

/** Starts a hub, keeps it under load for this long, and samples it meanwhile. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { seconds, eventsPerSecond, subscribers, threads, maxEvents } = options
  const directory = mkdtempSync(join(tmpdir(), 'headwater-soak-'))
  const startedAt = new Date().toISOString().slice(0, 16)
  let hub: HubUnderSoak | undefined
  try {
    hub = await HubUnderSoak.start({ directory, maxEvents, threads, lifetimeSeconds: Math.ceil(seconds) + 900 })
    const token = await hub.publisherToken()
    await fill({ port: hub.port, token, maxEvents })
    const topics = new Topics()
    const faults = noFaults()
    const population = new Population({ hub, topics, faults, steady: subscribers })
    await population.openSteady()
    const publishers = await Publishers.open({ port: hub.port, token, eventsPerSecond, topics, faults })

    const ending = new AbortController()
    const { signal } = ending
    // The first failure ends the soak.
    const all = Promise.all([
      sample(hub, samplingOf(options), signal),
      publishers.run(signal),
      population.comeAndGo(signal),
      sendStrays(hub.port, signal),
      endRooms(topics, population, signal),
    ])
    await Promise.race([all, wait(seconds * 1000)]).finally(() => ending.abort())
    const [samples, , , strays] = await all
    await population.settle()
    population.leave()
    publishers.close()

    return {
      startedAt,
      machine: `Node ${process.version}, ${process.platform}, ${cpus().length} x ${cpus()[0]?.model}`,
      options: figuresOf(options),
      published: publishers.published,
      publishP50Ms: publishers.latencies.percentile(0.5),
      publishP99Ms: publishers.latencies.percentile(0.99),
      delivered: population.delivered,
      topics: topics.roomsOpened + topics.published.size,
      returned: population.returned,
      gone: population.gone,
      strays,
      hubCpuSeconds: (samples.at(-1)?.cpuMs ?? 0) / 1000,
      clientCpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
      faults,
      samples,
    }
  } catch (error) {
    throw hub ? new Error(`${String(error)}\nThe hub wrote:\n${hub.output}`, { cause: error }) : error
  } finally {
    await hub?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function samplingOf(options: SoakOptions): SamplerOptions {
  const { snapshotDirectory: directory, onSample } = options
  return {
    everyMs: options.sampleSeconds * 1000,
    collectEveryMs: options.collectSeconds * 1000,
    ...(directory !== undefined && { snapshots: { directory, afterMs: options.warmUpSeconds * 1000 } }),
    ...(onSample && { onSample }),
  }
}

/**
 * All subscribers have every event of a room that ended a minute ago, including those that were
 * away for some seconds.
 */
async function endRooms(topics: Topics, population: Population, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const [stream, published] of topics.takeEnded(performance.now() - 60_000)) population.end(stream, published)
    await wait(1000)
  }
}

function figuresOf({ onSample: _, snapshotDirectory: __, ...figures }: SoakOptions): SoakResult['options'] {
  return figures
}
