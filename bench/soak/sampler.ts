import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readCpuMs } from '../hub/process-tree.ts'
import type { HubUnderSoak } from './hub-under-soak.ts'
import { Inspector } from './inspector.ts'

/** The hub at one moment. Sizes are in bytes. */
export interface Sample {
  /** Seconds since the load began. */
  readonly at: number
  readonly rss: number
  readonly heapUsed: number
  readonly heapTotal: number
  /** Memory outside the heap that its objects hold, array buffers included. */
  readonly external: number
  readonly arrayBuffers: number
  readonly openFiles: number
  readonly storeBytes: number
  readonly subscribers: number
  readonly connections: number
  readonly feeds: number
  /** Collections of the whole heap since the hub began. */
  readonly majorCollections: number
  readonly eventLoopP99Ms: number
  readonly cpuMs: number
  /**
   * Whether all garbage was collected right before: then `heapUsed` and `external` are exactly what
   * is in use.
   */
  readonly isCollected: boolean
}

export interface SamplerOptions {
  readonly everyMs: number
  /**
   * How often garbage is collected on demand. Rarely: in between, the hub uses memory as it would
   * by itself.
   */
  readonly collectEveryMs: number
  /**
   * The directory for a snapshot of the heap after this long, and one at the end. Default: none are
   * written.
   */
  readonly snapshots?: { readonly directory: string; readonly afterMs: number } | undefined
  readonly onSample?: (sample: Sample) => void
}

/**
 * Takes samples until the signal. The last one is taken when the subscribers that come and go are
 * gone.
 */
export async function sample(hub: HubUnderSoak, options: SamplerOptions, signal: AbortSignal): Promise<Sample[]> {
  const inspector = await Inspector.open(hub.inspectorUrl)
  const samples: Sample[] = []
  const startedAt = performance.now()
  let collectAt = options.collectEveryMs
  let { snapshots } = options
  const take = async (isCollected: boolean) => {
    if (isCollected) await inspector.collectGarbage()
    const at = (performance.now() - startedAt) / 1000
    const taken = { at, ...(await look(hub, inspector)), isCollected }
    samples.push(taken)
    options.onSample?.(taken)
  }
  try {
    while (!signal.aborted) {
      await take(false)
      if (performance.now() - startedAt >= collectAt) {
        await take(true)
        collectAt += options.collectEveryMs
      }
      if (snapshots && performance.now() - startedAt >= snapshots.afterMs) {
        await inspector.writeHeapSnapshot(join(snapshots.directory, 'begin.heapsnapshot'))
        snapshots = undefined
      }
      await wait(options.everyMs - ((performance.now() - startedAt) % options.everyMs))
    }
    await take(true)
    if (options.snapshots) await inspector.writeHeapSnapshot(join(options.snapshots.directory, 'end.heapsnapshot'))
  } finally {
    inspector.close()
  }
  return samples
}

async function look(hub: HubUnderSoak, inspector: Inspector): Promise<Omit<Sample, 'at' | 'isCollected'>> {
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = await inspector.memory()
  const response = await fetch(`http://127.0.0.1:${hub.port}/metrics`)
  const metrics = await response.text()
  return {
    ...{ rss, heapUsed, heapTotal, external, arrayBuffers },
    openFiles: readdirSync(`/proc/${hub.pid}/fd`).length,
    storeBytes: bytesIn(hub.storeDirectory),
    subscribers: readMetric(metrics, 'headwater_subscribers'),
    connections: readMetric(metrics, 'headwater_connections'),
    feeds: readMetric(metrics, 'headwater_feeds'),
    majorCollections: readMetric(metrics, 'nodejs_gc_duration_seconds_count{kind="major"}'),
    eventLoopP99Ms: readMetric(metrics, 'nodejs_eventloop_lag_p99_seconds') * 1000,
    cpuMs: readCpuMs(hub.pid),
  }
}

/** The value of a metric in the Prometheus format; 0 if there is none yet. */
export function readMetric(metrics: string, name: string): number {
  const line = metrics.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.slice(name.length + 1))
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => {
    const found = statSync(join(directory, name), { throwIfNoEntry: false })
    return sum + (found?.size ?? 0)
  }, 0)
}
