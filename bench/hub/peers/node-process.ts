import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { PeerProcess, type StartOptions } from './peer.ts'

/** A peer that runs on Node: profiled, or with its allocations counted, on request. */
export class NodeProcess extends PeerProcess {
  /** Only if allocations are counted. */
  readonly allocatedBytes: (() => Promise<number>) | undefined
  #asked = 0

  constructor(args: readonly string[], options: StartOptions) {
    super(process.execPath, [...flagsFor(options), ...args])
    this.allocatedBytes = options.countsAllocation ? () => this.#askAllocated() : undefined
  }

  async #askAllocated(): Promise<number> {
    this.signal('SIGUSR2')
    const [, bytes] = await this.says(new RegExp(`allocated #${++this.#asked}: (\\d+)\n`))
    return Number(bytes)
  }
}

/** If allocations are counted, the profile is of them; otherwise of CPU time. */
function flagsFor({ profileDirectory, countsAllocation }: StartOptions): string[] {
  if (!countsAllocation) return profileDirectory ? ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`] : []
  const meter = ['--import', fileURLToPath(new URL('allocation-meter.ts', import.meta.url))]
  if (!profileDirectory) return meter
  mkdirSync(profileDirectory, { recursive: true })
  const profile = new URL('allocation-profile.ts', import.meta.url)
  profile.searchParams.set('directory', profileDirectory)
  return [...meter, '--import', profile.href]
}
