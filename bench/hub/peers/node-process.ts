import { fileURLToPath } from 'node:url'
import { PeerProcess, type StartOptions } from './peer.ts'

/** A peer that runs on Node: profiled, or with its allocations counted, where that is asked for. */
export class NodeProcess extends PeerProcess {
  /** Only where allocations are counted. */
  readonly allocatedBytes: (() => Promise<number>) | undefined
  #asked = 0

  constructor(args: readonly string[], { profileDirectory, countsAllocation = false }: StartOptions) {
    super(process.execPath, [
      ...(profileDirectory ? ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`] : []),
      ...(countsAllocation ? ['--import', allocationMeter] : []),
      ...args,
    ])
    this.allocatedBytes = countsAllocation ? () => this.#askAllocated() : undefined
  }

  async #askAllocated(): Promise<number> {
    this.signal('SIGUSR2')
    const [, bytes] = await this.says(new RegExp(`allocated #${++this.#asked}: (\\d+)\n`))
    return Number(bytes)
  }
}

const allocationMeter = fileURLToPath(new URL('allocation-meter.ts', import.meta.url))
